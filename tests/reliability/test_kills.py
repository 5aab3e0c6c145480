"""Runs of ``hm2bp train`` that are killed, interrupted or run out of disk: resumed, they end as if undisturbed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from damage import rounds

from hm2bp_brian.training.history import History

ROOT = Path(__file__).parents[2]
ARGUMENTS = "train mnist-mlp --train-samples 300 --test-samples 100 --epochs 3 --threads 1 --data".split()
COMMAND = [sys.executable, "-c", "import sys, hm2bp_command; sys.exit(hm2bp_command.main())", *ARGUMENTS]
COMMAND += [str(ROOT / "examples" / "data" / "mnist"), "--out"]


def start(folder, *more) -> subprocess.Popen:
    # a buffer of the parent's would hide what a killed process has said
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [*COMMAND, str(folder), *more]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(folder, *more) -> tuple[int, str]:
    process = start(folder, *more)
    errors = process.communicate()[1]
    return process.returncode, errors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a run, and how long it took."""
    folder, before = tmp_path_factory.mktemp("undisturbed") / "run", time.monotonic()
    assert finish(folder) == (0, "")
    return folder, time.monotonic() - before


def assert_resumed(folder, undisturbed):
    """Go on with a run that something ended; its results are those of the run that nothing disturbed."""
    assert finish(folder, *(["--resume"] if (folder / "recipe.toml").exists() else [])) == (0, "")
    one, other = (History.from_csv(path / "history.csv") for path in (folder, undisturbed))
    assert one.columns == other.columns and len(one) == 3
    for name in set(one.columns) - {"seconds"}:
        np.testing.assert_array_equal(one.column(name), other.column(name))
    with np.load(folder / "weights.npz") as a, np.load(undisturbed / "weights.npz") as b:
        assert set(a) == set(b)
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    assert sorted(p.name for p in folder.rglob("*")) == sorted(p.name for p in undisturbed.rglob("*"))


@rounds(3, 100)
def test_kills_at_random_moments(undisturbed, tmp_path, rounds):
    whole, seconds = undisturbed
    generator = np.random.default_rng(5)
    for number in range(rounds):
        folder = tmp_path / str(number)
        process = start(folder)
        try:
            process.communicate(timeout=seconds * generator.uniform(0.2, 1.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        assert process.returncode in (0, -signal.SIGKILL)
        assert_resumed(folder, whole)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "hm2bp: interrupted; finished epochs are kept, go on with --resume\n"),
        (signal.SIGTERM, -signal.SIGTERM, ""),
    ],
    ids=["SIGINT", "SIGTERM"],
)
def test_signals_in_training(undisturbed, tmp_path, number, code, said):
    folder = tmp_path / "run"
    process = start(folder)
    while not (folder / "history.csv").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    errors = process.communicate()[1]
    assert (process.returncode, errors) == (code, said)
    assert_resumed(folder, undisturbed[0])


def test_two_runs_into_one_folder_at_once(undisturbed, tmp_path):
    folder = tmp_path / "run"
    processes = [start(folder), start(folder)]
    errors = [process.communicate()[1] for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 2]
    (refusal,) = filter(None, errors)
    assert str(folder) in refusal and "--out" in refusal
    assert_resumed(folder, undisturbed[0])


@pytest.mark.reliability
def test_a_full_disk(undisturbed, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=11m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted: {mounted.stderr.decode().strip()}")
    try:
        # room for one checkpoint, not for a second one beside it
        code, errors = finish(disk / "run")
        assert code == 2 and f"No space left on device: '{disk / 'run'}/" in errors
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert_resumed(disk / "run", undisturbed[0])
    finally:
        subprocess.run(["umount", str(disk)], check=True)

"""Sweeps whose processes are killed at random moments: all runs end as if undisturbed."""

import contextlib
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
ARGUMENTS = "sweep mnist-mlp --train-samples 200 --test-samples 50 --epochs 3 --seeds 1-3 --workers 2 --threads 1"
COMMAND = [sys.executable, "-c", "import sys, hm2bp_command; sys.exit(hm2bp_command.main())", *ARGUMENTS.split()]
COMMAND += ["--data", str(ROOT / "examples" / "data" / "mnist"), "--out"]
RUNS = ("seed=1", "seed=2", "seed=3")

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc")


def start(out) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*COMMAND, str(out)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def trainings(process) -> list[int]:
    """The processes that train for a sweep."""
    found = []
    for children in Path(f"/proc/{process.pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # ended meanwhile
            for pid in map(int, children.read_text().split()):
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
    return found


def assert_same_results(out, undisturbed):
    for run in RUNS:
        one, other = (History.from_csv(folder / run / "history.csv") for folder in (out, undisturbed))
        assert one.columns == other.columns and len(one) == 3
        for name in set(one.columns) - {"seconds"}:
            np.testing.assert_array_equal(one.column(name), other.column(name))
    assert sorted(p.name for p in out.rglob("*")) == sorted(p.name for p in undisturbed.rglob("*"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a sweep, and how long it took."""
    out, before = tmp_path_factory.mktemp("undisturbed") / "sweep", time.monotonic()
    process = start(out)
    assert (process.communicate()[1], process.returncode) == ("", 0)
    return out, time.monotonic() - before


@rounds(2, 50)
def test_kills_of_training_processes_at_random_moments(undisturbed, tmp_path, rounds):
    whole, seconds = undisturbed
    generator = np.random.default_rng(6)
    for number in range(rounds):
        out = tmp_path / str(number)
        process = start(out)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds * generator.uniform(0.1, 0.9))
        victims = trainings(process)
        if victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(generator.choice(victims)), signal.SIGKILL)
        assert (process.communicate()[1], process.returncode) == ("", 0)
        assert_same_results(out, whole)
        shutil.rmtree(out)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_sweep_that_is_ended_takes_its_processes_along_and_goes_on(undisturbed, tmp_path, number, code):
    process = start(tmp_path / "sweep")
    while not any(tmp_path.glob("sweep/*/history.csv")) and process.poll() is None:
        time.sleep(0.02)
    victims = trainings(process)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == code and victims
    for pid in victims:
        deadline = time.monotonic() + 60
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not Path(f"/proc/{pid}").exists()
    process = start(tmp_path / "sweep")
    assert (process.communicate()[1], process.returncode) == ("", 0)
    (tmp_path / "sweep" / ".sweep").unlink(missing_ok=True)
    assert_same_results(tmp_path / "sweep", undisturbed[0])

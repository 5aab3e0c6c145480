import dataclasses
import fcntl
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from tiny_training import LAYERS, make_trainer, tiny_dataset

from hm2bp_brian.errors import ConfigurationError, RunFolderError
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.files import write_atomically
from hm2bp_brian.training.optimizers import Adam

RECIPE = Recipe(name="tiny", layers=LAYERS, optimizer=Adam(0.1))


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "one")
    folder.write_recipe(RECIPE, engine="fused", train_samples=12)
    return folder


def test_recipe_file_holds_recipe_run_and_versions(folder):
    table = tomllib.loads(folder.recipe.read_text())
    assert table["name"] == "tiny" and table["seed"] == 0
    assert table["run"]["engine"] == "fused" and table["run"]["train_samples"] == 12
    assert table["run"]["versions"]["numpy"] == np.__version__
    assert set(table["run"]["versions"]) == {"python", "hm2bp_brian", "brian2", "numpy", "scipy"}
    assert folder.read_recipe() == RECIPE


def test_a_folder_without_run_is_free(tmp_path):
    RunFolder(tmp_path / "new").check(RECIPE, resume=False)
    (tmp_path / "notes.txt").write_text("mine")
    RunFolder(tmp_path).check(RECIPE, resume=False)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["recipe.toml", "history.csv", "checkpoint.npz"])
def test_a_folder_with_a_run_is_taken(tmp_path, name):
    (tmp_path / name).write_text("")
    with pytest.raises(RunFolderError, match=f"already holds a run \\({name}\\).*--out.*--resume"):
        RunFolder(tmp_path).check(RECIPE, resume=False)


def test_resume_takes_the_same_recipe_and_more_epochs(folder):
    folder.check(RECIPE, resume=True)
    folder.check(dataclasses.replace(RECIPE, epochs=99), resume=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 14}, "epochs = 15, this one 14"),
        ({"batch_size": 1}, "batch_size = 50, this one 1"),
        ({"train_samples": 3}, "train_samples = None, this one 3"),
        ({"optimizer": Adam(0.2)}, "optimizer = Adam"),
    ],
)
def test_resume_with_another_recipe(folder, changes, message):
    with pytest.raises(ConfigurationError, match=message):
        folder.check(dataclasses.replace(RECIPE, **changes), resume=True)


def test_resume_with_another_engine(folder):
    with pytest.raises(ConfigurationError, match="trained by engine 'fused', found 'brian2'; give --engine fused, or"):
        folder.check(RECIPE, resume=True, engine="brian2")


def test_resume_where_nothing_is(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no run: there is no recipe.toml"):
        RunFolder(tmp_path / "typo").check(RECIPE, resume=True)


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b'name = "x"'])
def test_a_broken_recipe_is_named(folder, content):
    folder.recipe.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        folder.read_recipe()
    assert str(folder.recipe) in str(caught.value)


def test_figures_are_drawn_without_leaving_traces(folder):
    trainer, data = make_trainer(), tiny_dataset(12)
    trainer.fit(data, data, epochs=2, progress=False)
    settings = dict(matplotlib.rcParams)
    folder.draw(trainer.evaluator, trainer.history, data)
    assert sorted(p.name for p in folder.figures.iterdir()) == ["learning_curve.png", "raster.png", "spsp_map.png"]
    for path in folder.figures.iterdir():
        image = plt.imread(path)
        assert image.shape[0] > 100 and image.std() > 0
    assert plt.get_fignums() == [] and dict(matplotlib.rcParams) == settings


HOLD = """
import sys
from hm2bp_brian.experiments.run_folder import RunFolder
with RunFolder(sys.argv[1]).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_process_that_dies_lets_go_of_the_folder(tmp_path):
    folder = RunFolder(tmp_path / "a")
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RunFolderError, match=r"another process is training into .*a; wait .* --out"),
            folder.locked(),
        ):
            pass
        holder.kill()
    with folder.locked():
        pass
    assert list(folder.path.iterdir()) == []


def test_a_lock_on_a_file_that_its_holder_removes_is_none(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    flock = fcntl.flock

    def late(file, how):
        (tmp_path / ".lock").unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(RunFolderError, match="another process"), folder.locked():
        pass


def test_what_killed_runs_left_half_written_is_removed(tmp_path, monkeypatch):
    def killed(descriptor):
        raise SystemExit

    (tmp_path / "figures").mkdir()
    (tmp_path / ".mine.tmp").write_text("of the user")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda self, missing_ok: None)
        patch.setattr(os, "fsync", killed)
        for path in (tmp_path / "checkpoint.npz", tmp_path / "figures" / "raster.png"):
            with pytest.raises(SystemExit):
                write_atomically(path, b"half")
    assert len(list(tmp_path.rglob("*"))) == 4
    with RunFolder(tmp_path).locked():
        pass
    assert sorted(p.name for p in tmp_path.rglob("*")) == [".mine.tmp", "figures"]

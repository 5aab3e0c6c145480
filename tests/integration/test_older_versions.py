"""What earlier versions wrote is read by this one."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from hm2bp_brian.experiments import cli
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.experiments.trained import load_trained
from hm2bp_brian.training.history import History

ROOT = Path(__file__).parents[2]
OF_0_1_0 = ROOT / "tests" / "data" / "v0.1.0"
# the row of epoch 3 that 0.1.0 wrote when it went on
TRAIN_LOSS, TRAIN_ACCURACY = 27.98, 0.5025


@pytest.fixture(autouse=True)
def digits(monkeypatch):
    monkeypatch.setenv("HM2BP_DATA", str(ROOT / "examples" / "data" / "mnist"))


@pytest.mark.parametrize("what", ["run", "run/weights.npz"])
def test_a_trained_network_of_0_1_0_fires_as_it_did(what, tmp_path):
    shutil.copytree(OF_0_1_0 / "run", tmp_path / "run")
    run = load_trained(tmp_path / what)
    assert run.epoch == 2
    expected = np.loadtxt(OF_0_1_0 / "counts.csv", delimiter=",", dtype=int)
    found = run.record(20).output.counts
    # another processor may round a potential at the threshold otherwise
    assert found.shape == expected.shape and np.mean(found == expected) > 0.98


def test_a_run_of_0_1_0_goes_on(tmp_path):
    run = shutil.copytree(OF_0_1_0 / "run", tmp_path / "run")
    recipe = Recipe.from_toml((run / "recipe.toml").read_text(encoding="utf-8"))
    trainer = recipe.make_trainer(recipe.make_network((28, 28, 1)))
    trainer.load(run / "checkpoint.npz")
    train, _, _ = recipe.load_data()
    trainer.fit(train, epochs=1, batch_size=recipe.batch_size, progress=False)
    assert len(trainer.history) == 3 and trainer.history.rows[:2] == History.from_csv(run / "history.csv").rows
    assert trainer.history[2]["train_loss"] == pytest.approx(TRAIN_LOSS, rel=0.05)
    assert trainer.history[2]["train_accuracy"] == pytest.approx(TRAIN_ACCURACY, abs=0.03)


def test_the_commands_take_a_run_of_0_1_0(tmp_path, capsys):
    run = shutil.copytree(OF_0_1_0 / "run", tmp_path / "run")
    assert cli.main(["evaluate", str(run)]) == 0
    assert '"accuracy": 0.5' in capsys.readouterr().out
    assert cli.main(["export-brian", str(run), "--out", str(tmp_path / "plain")]) == 0
    assert (tmp_path / "plain" / "network.py").exists()

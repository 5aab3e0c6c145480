"""Whole training runs on the real engines and real digits."""

import dataclasses
import json

import numpy as np
import pytest
from brian2 import ms

from hm2bp_brian import LIF, Adam, Dense, SpikeCountLoss, SpikingNetwork, Trainer, Uniform, datasets
from hm2bp_brian.encoding import Augmentation
from hm2bp_brian.experiments import cli, recipes
from hm2bp_brian.training.history import History
from hm2bp_brian.training.schedules import ExponentialDecay

SMALL = dataclasses.replace(
    recipes.get("mnist-mlp"),
    name="small",
    layers=(
        Dense(60, threshold=10.0, initializer=Uniform(0.5)),
        Dense(10, threshold=4.0, lateral_inhibition=1.0, initializer=Uniform(0.5)),
    ),
    duration_ms=100.0,
    loss=SpikeCountLoss(15, 2, 2),
    batch_size=20,
    averaging=0.9,
    augmentation=Augmentation(shift=1),
    optimizer=Adam(0.01, schedule=ExponentialDecay(0.9)),
)


@pytest.fixture(scope="module")
def digits():
    train, test = datasets.mnist()
    return train.subset(2000), test.subset(500)


def assert_same(state, other):
    assert state.keys() == other.keys()
    for name in state.keys() - {"history/table"}:
        np.testing.assert_array_equal(state[name], other[name], err_msg=name)
    seconds = list(state["history/columns"]).index("seconds")
    tables = [np.delete(s["history/table"], seconds, axis=1) for s in (state, other)]
    np.testing.assert_array_equal(*tables)


def make_trainer(threads=2, **changes):
    recipe = dataclasses.replace(SMALL, **changes)
    return recipe.make_trainer(recipe.make_network((28, 28, 1)), threads=threads)


def test_real_digits_are_learned(digits):
    train, test = digits
    trainer = make_trainer()
    assert trainer.evaluate(test) < 0.4
    history = trainer.fit(train, test, epochs=3, batch_size=20, progress=False)
    assert history[-1]["validation_accuracy"] > 0.8
    assert history[-1]["train_loss"] < 0.6 * history[0]["train_loss"]


def test_resumed_training_equals_uninterrupted_training_bit_for_bit(digits, tmp_path):
    train, test = digits[0].subset(100), digits[1].subset(40)
    changes = {"boosting": True, "augmentation": Augmentation(shift=1, rotation=10.0)}
    whole, first, second = make_trainer(**changes), make_trainer(**changes), make_trainer(threads=1, **changes)
    whole.fit(train, test, epochs=4, progress=False)
    first.fit(train, test, epochs=2, progress=False)
    first.save(tmp_path / "checkpoint.npz")
    # another number of threads must not change a bit either
    second.load(tmp_path / "checkpoint.npz")
    second.fit(train, test, epochs=2, progress=False)
    assert_same(second.state.arrays(), whole.state.arrays())
    assert [row["epoch"] for row in second.history] == [1, 2, 3, 4]


def test_both_engines_train_alike(digits):
    train = digits[0].subset(12)
    trainers = []
    for engine in ("brian2", "fused"):
        neuron = LIF(16 * ms, 4 * ms, 2 * ms)
        layers = [Dense(12, 2.0, initializer=Uniform(0.3)), Dense(10, 1.0, 0.2, initializer=Uniform(1.0))]
        network = SpikingNetwork((28, 28, 1), layers, neuron, dt=1 * ms, duration=30 * ms, seed=4)
        trainer = Trainer(network, SpikeCountLoss(8, 1, 1), "adam", engine, dtype="float64")
        trainer.fit(train, epochs=1, batch_size=6, progress=False)
        trainers.append(trainer)
    brian, fused = trainers
    assert brian.history[0]["rate_0"] == fused.history[0]["rate_0"] > 0
    assert brian.history[0]["train_loss"] == pytest.approx(fused.history[0]["train_loss"], rel=1e-12)
    for a, b in zip(brian.network.weights, fused.network.weights, strict=True):
        # Adam's first steps divide small gradients by themselves: rounding in them is magnified
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_command_line_from_training_to_evaluation(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(recipes, "RECIPES", [SMALL])
    folder = tmp_path / "run"
    common = ["--train-samples", "200", "--test-samples", "50", "--hold-out", "30", "--out", str(folder)]
    assert cli.main(["train", "small", "--epochs", "1", *common]) == 0
    assert cli.main(["train", "small", "--epochs", "2", *common, "--resume"]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", str(folder), "--test-samples", "50"]) == 0
    result = json.loads(capsys.readouterr().out)
    last = History.from_csv(folder / "history.csv")[-1]
    assert (result["epochs"], result["samples"]) == (2, 50)
    assert (last["epoch"], last["test_accuracy"]) == (2, result["accuracy"])
    assert len(list((folder / "figures").glob("*.png"))) == 3

"""The run folder of the tiny task, made in a second."""

from __future__ import annotations

from tiny_training import LAYERS, LOSS, NumpyEngine, tiny_dataset

from hm2bp_brian.encoding import BernoulliEncoder
from hm2bp_brian.engines.registry import ENGINES
from hm2bp_brian.experiments.neuron_settings import LIFSettings
from hm2bp_brian.experiments.recipe import DATASETS, Recipe
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.training.callbacks import CheckpointCallback, EvaluationCallback, HistoryCallback
from hm2bp_brian.training.optimizers import Adam

RECIPE = Recipe(
    name="tiny",
    layers=LAYERS,
    duration_ms=40.0,
    neuron=LIFSettings(tau_m_ms=16.0, tau_s_ms=4.0, refractory_ms=2.0),
    encoder=BernoulliEncoder(2.0),
    loss=LOSS,
    optimizer=Adam(0.05),
    averaging=0.9,
    dtype="float64",
    batch_size=5,
    epochs=4,
    seed=1,
)


def use_tiny_data_and_engine(monkeypatch) -> None:
    """Let the recipes' "mnist" be the tiny data, and "fused" the engine in numpy."""
    monkeypatch.setitem(ENGINES, "fused", lambda network, dtype, threads: NumpyEngine(network, dtype))
    monkeypatch.setitem(DATASETS, "mnist", lambda data: (tiny_dataset(30), tiny_dataset(18, seed=1)))


def make_run(path, recipe=RECIPE):
    """Train by the recipe into a folder; the trainer."""
    train, _, test = recipe.load_data()
    folder = RunFolder(path)
    folder.write_recipe(recipe, engine="fused", threads=1)
    trainer = recipe.make_trainer(recipe.make_network(train.shape))
    callbacks = [
        EvaluationCallback(test, "test_accuracy"),
        CheckpointCallback(folder.checkpoint),
        HistoryCallback(folder.history),
    ]
    trainer.fit(train, None, recipe.epochs, recipe.batch_size, callbacks=callbacks, progress=False)
    return trainer

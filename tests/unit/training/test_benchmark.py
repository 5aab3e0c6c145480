"""The benchmark's stages, on data that need fewer of them than images do."""

import numpy as np
from tiny_training import LAYERS, LOSS, NumpySimulator

from hm2bp_brian.datasets import SpikeDataset
from hm2bp_brian.learning.optimizers import Adam
from hm2bp_brian.training import trainer as trainer_module
from hm2bp_brian.training.benchmark import benchmark
from hm2bp_brian.training.recipe import DATASETS, Recipe

RECIPE = Recipe(
    name="tiny", layers=LAYERS, duration_ms=20.0, loss=LOSS, optimizer=Adam(0.01), batch_size=6, dtype="float64"
)


def test_spike_trains_are_not_encoded(monkeypatch):
    steps = np.tile([2, 5, 30], 12)  # the last one after the end of a presentation
    trains = SpikeDataset(steps, steps % 16, np.arange(0, 37, 3), np.arange(12) % 3, (4, 4, 1), 3, "trains")
    monkeypatch.setitem(DATASETS, "mnist", lambda data: (trains, trains))
    monkeypatch.setattr(trainer_module, "make_simulator", NumpySimulator)
    result = benchmark(RECIPE)
    assert (result["samples"], result["spikes"][0]) == (12, 2.0)
    assert result["augment_ms"] == 0 and result["encode_ms"] > 0 and result["train_samples_per_second"] > 0

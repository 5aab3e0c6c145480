"""The benchmark's stages, on data that need fewer of them than images do."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_training import LAYERS, LOSS, NumpyEngine

from hm2bp_brian.datasets import ImageDataset, SpikeDataset
from hm2bp_brian.engines.registry import ENGINES
from hm2bp_brian.experiments.benchmark import REPEATS, benchmark
from hm2bp_brian.experiments.recipe import DATASETS, Recipe
from hm2bp_brian.training.optimizers import Adam, Relative

RECIPE = Recipe(
    name="tiny", layers=LAYERS, duration_ms=20.0, loss=LOSS, optimizer=Adam(0.01), batch_size=6, dtype="float64"
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Brian2's, which pytest.warns would repeat as its own
@pytest.mark.filterwarnings("ignore:.*is nearly silent:RuntimeWarning")  # two spikes a sample
def test_spike_trains_are_not_encoded(monkeypatch):
    steps = np.tile([2, 5, 30], 12)  # the last one after the end of a presentation
    trains = SpikeDataset(steps, steps % 16, np.arange(0, 37, 3), np.arange(12) % 3, (4, 4, 1), 3, "trains")
    monkeypatch.setitem(DATASETS, "mnist", lambda data: (trains, trains))
    monkeypatch.setitem(ENGINES, "fused", lambda network, dtype, threads: NumpyEngine(network, dtype))
    with pytest.warns(UserWarning, match="12 of 12 samples last longer .* 33 % of all spikes"):
        result = benchmark(RECIPE)
    assert (result["samples"], result["spikes"][0]) == (12, 2.0)
    assert result["augment_ms"] == 0 and result["encode_ms"] > 0 and result["train_samples_per_second"] > 0


@pytest.mark.parametrize("learning_rate", [0.01, Relative(0.02)])
def test_every_repeat_measures_the_same_updates(monkeypatch, learning_rate):
    images = ImageDataset(np.full((12, 4, 4, 1), 255, np.uint8), np.arange(12) % 3, 3, "images")
    monkeypatch.setitem(DATASETS, "mnist", lambda data: (images, images))
    monkeypatch.setitem(ENGINES, "fused", lambda network, dtype, threads: NumpyEngine(network, dtype))
    seen = []
    update = Adam.update

    def spy(self, state, weights, gradients, learning_rate, updater, scales):
        seen.append([w.copy() for w in weights])
        update(self, state, weights, gradients, learning_rate, updater, scales)

    monkeypatch.setattr(Adam, "update", spy)
    benchmark(replace(RECIPE, optimizer=Adam(learning_rate)))
    warm_up, epoch = seen[:2], seen[2:4]
    assert len(seen) == 2 + 2 * 2 * REPEATS and not np.array_equal(warm_up[0][0], epoch[0][0])
    for first in range(2, len(seen), 4):  # each repeat: two batches in training, and two with a clock
        np.testing.assert_array_equal(seen[first][0], epoch[0][0])
        np.testing.assert_array_equal(seen[first + 2][0], epoch[0][0])

"""Data sets of spike trains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hm2bp_brian.datasets import SpikeDataset
from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError, SpikeError


def dataset_of(dense: np.ndarray, **changed) -> SpikeDataset:
    """From spikes (n, n_steps, n_neurons)."""
    samples, steps, neurons = np.nonzero(dense)
    offsets = np.searchsorted(samples, np.arange(len(dense) + 1))
    arguments = {
        "steps": steps,
        "neurons": neurons,
        "offsets": offsets,
        "labels": np.arange(len(dense)) % 3,
        "shape": dense.shape[2:],
        "n_classes": 3,
        "name": "small",
    }
    return SpikeDataset(**(arguments | changed))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.1, 0.6]),
    st.integers(1, 12),
    st.lists(st.integers(0, 4), min_size=1, max_size=6),
)
def test_batches_and_subsets_hold_the_spikes_of_their_samples(seed, n_neurons, density, n_steps, picked):
    dense = np.random.default_rng(seed).random((5, 9, n_neurons)) < density
    dataset = dataset_of(dense)
    expected = np.zeros((len(picked), n_steps, n_neurons), dtype=bool)
    expected[:, :9] = dense[picked, :n_steps]
    assert np.array_equal(dataset.batch(picked, n_steps).dense(), expected)
    some = dataset.subset(picked)
    assert np.array_equal(some.batch(np.arange(len(picked)), n_steps).dense(), expected)
    assert np.array_equal(some.labels, dataset.labels[picked])


def test_n_steps_ends_with_the_last_spike():
    dense = np.zeros((2, 9, 2), dtype=bool)
    dense[1, 6, 0] = True
    assert dataset_of(dense).n_steps == 7
    assert len(dataset_of(dense).subset(1).steps) == 0


def test_what_is_no_data_set_is_refused():
    dense = np.random.default_rng(0).random((4, 6, 3)) < 0.5
    good = dataset_of(dense)
    with pytest.raises(SpikeError, match=r"neurons in 0\.\.1"):
        dataset_of(dense, shape=(2,))
    with pytest.raises(SpikeError, match="steps must be >= 0"):
        dataset_of(dense, steps=good.steps - 1)
    with pytest.raises(SpikeError, match=r"sample \d are not sorted"):
        dataset_of(dense, neurons=np.roll(good.neurons, 1))
    with pytest.raises(ShapeError, match="steps and neurons"):
        dataset_of(dense, steps=good.steps[1:])
    with pytest.raises(ShapeError, match="offsets must be 5 numbers"):
        dataset_of(dense, offsets=good.offsets[:-1])
    with pytest.raises(ShapeError, match="must not fall"):
        dataset_of(dense, offsets=good.offsets[[0, 2, 1, 3, 4]])
    with pytest.raises(LabelError, match=r"0\.\.1"):
        dataset_of(dense, n_classes=2)
    with pytest.raises(ConfigurationError, match="indices must lie"):
        good.subset([4])


def test_a_neuron_twice_in_a_step_is_refused_and_named():
    with pytest.raises(SpikeError, match="sample 1 are not sorted by step and neuron, or one is there twice"):
        SpikeDataset([0, 3, 3], [0, 1, 1], [0, 1, 3], [0, 1], (2,), 2, "twice")

"""Data sets of spike trains."""

import numpy as np
import pytest
from brian2 import ms, mV
from hypothesis import given
from hypothesis import strategies as st

from hm2bp_brian.datasets import SpikeDataset
from hm2bp_brian.encoding.events import EVENT_DTYPE
from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError, SpikeError, UnitError


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
    with pytest.raises(SpikeError, match=r"neurons must lie in 0\.\.1, found 2 at index"):
        dataset_of(dense, shape=(2,))
    with pytest.raises(SpikeError, match=r"steps must lie in 0\.\.2147483647, found -1 at index"):
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


class TonicLike:
    """A data set as tonic has them: a length and items (events, label), and no iteration that ends."""

    def __init__(self, n):
        self.dense = np.random.default_rng(0).random((n, 20, 3, 4, 2)) < 0.1

    def __len__(self):
        return len(self.dense)

    def __getitem__(self, index):
        t, y, x, p = np.nonzero(self.dense[index % len(self)])
        events = np.empty(len(t), EVENT_DTYPE)
        events["x"], events["y"], events["t"], events["p"] = x, y, 1000 * t + 7 * x, p
        return events, index % 3


def test_from_events_of_a_sequence():
    samples = TonicLike(5)
    dataset = SpikeDataset.from_events(samples, shape=(3, 4, 2), dt=1 * ms, n_classes=3, name="tonic's")
    assert np.array_equal(dataset.batch(np.arange(5), 20).dense(), samples.dense)
    assert dataset.labels.tolist() == [0, 1, 2, 0, 1]
    assert (dataset.shape, dataset.n_classes, dataset.name) == ((3, 4, 2), 3, "tonic's")


def test_from_events_takes_samples_without_events_and_numpy_labels():
    nothing = np.empty(0, EVENT_DTYPE)
    dataset = SpikeDataset.from_events([[nothing, np.int8(1)]], shape=(3, 4, 2), dt=1 * ms, n_classes=2)
    assert (len(dataset), dataset.labels[0], dataset.batch([0], 3).n_spikes) == (1, 1, 0)


def test_from_events_refuses_what_is_no_labelled_sample():
    good, label = TonicLike(1)[0]
    off = good.copy()
    off["x"][4] = 9

    def make(*samples, **changed):
        arguments = {"shape": (3, 4, 2), "dt": 1 * ms, "n_classes": 3, "name": "mine"} | changed
        return SpikeDataset.from_events(samples, **arguments)

    assert len(make((good, label))) == 1
    with pytest.raises(SpikeError, match=r"mine, sample 1: x must be in 0\.\.3, event 4 has 9"):
        make((good, 0), (off, 0))
    for wrong in (good, (good,), (good, 0, 1), "ab" * 2, None):
        with pytest.raises(SpikeError, match="sample 0 must be a pair"):
            make(wrong)
    for wrong in (1.0, "seven", None, [1], True):
        with pytest.raises(LabelError, match="label of sample 1 must be an integer"):
            make((good, 0), (good, wrong))
    with pytest.raises(LabelError, match=r"0\.\.2"):
        make((good, 3))
    with pytest.raises(ShapeError, match="at least one sample"):
        make()
    with pytest.raises(ShapeError, match="height, width, channels"):
        make((good, 0), shape=(12,))
    with pytest.raises(UnitError, match="dt"):
        make((good, 0), dt=1 * mV)

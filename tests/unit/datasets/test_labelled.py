"""Data sets of spike trains."""

import numpy as np
import pytest
from brian2 import ms, mV
from hypothesis import given
from hypothesis import strategies as st

from hm2bp_brian.datasets import ImageDataset, SpikeDataset
from hm2bp_brian.datasets.labelled import check_dataset
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


def test_spikes_and_labels_that_are_no_integers_are_refused():
    def make(**changed):
        arguments = {"steps": [0, 1], "neurons": [0, 1], "offsets": [0, 2], "labels": [0]} | changed
        return SpikeDataset(**arguments, shape=(4,), n_classes=2, name="mine")

    assert len(make()) == 1
    for field in ("steps", "neurons"):
        for wrong in ([0.0, 2.9999], [False, True], ["0", "1"], [1, 2] * ms):
            with pytest.raises(SpikeError, match=f"mine: {field} must be integers"):
                make(**{field: wrong})
        with pytest.raises(SpikeError, match=f"mine: {field} must lie in .*, found {2**32 + 1} at index 0"):
            make(**{field: np.array([2**32 + 1, 2**32 + 2])})
    with pytest.raises(ShapeError, match="mine: offsets must be integers"):
        make(offsets=[0.0, 2.0])
    for wrong in ([0.0], ["seven"], [True]):
        with pytest.raises(LabelError, match=r"mine: labels must be integers in 0\.\.1"):
            make(labels=wrong)
    with pytest.raises(ShapeError, match="mine: labels must be one array"):
        make(labels=[[0], [0, 1]])


@pytest.mark.parametrize("change", [{"shape": 4}, {"n_classes": 2.0}, {"n_classes": 0}, {"dt": 1 * mV}, {"dt": 0 * ms}])
def test_settings_of_spikes_that_can_not_be(change):
    arguments = {"shape": (4,), "n_classes": 2, "name": "mine"} | change
    with pytest.raises((ShapeError, ConfigurationError, UnitError), match=f"mine: {next(iter(change))}"):
        SpikeDataset([0], [0], [0, 1], [0], **arguments)


def test_batches_and_subsets_of_what_is_not_there_are_refused():
    data = dataset_of(np.ones((3, 4, 2), bool))
    for wrong, found in (([3], "3"), ([-1], "-1"), ([1.7], "float64"), ([True, False, True], "bool"), (["a"], "<U1")):
        for take in (lambda indices: data.batch(indices, 4), data.subset):
            with pytest.raises(ConfigurationError, match=f"small: indices must.*found {found}"):
                take(wrong)
    for count in (0, 4, 2.0, True, "2"):
        with pytest.raises(ConfigurationError, match="small: the samples of a subset must"):
            data.subset(count)
    with pytest.raises(ConfigurationError, match="n_steps must be a positive integer"):
        data.batch([0], 4.0)


def late_events(first: int, n: int = 50):
    events = np.zeros(n, EVENT_DTYPE)
    events["t"], events["x"] = np.arange(n) * 1000 + first, np.arange(n) % 5
    return events


def events_dataset(*first: int, dt=1 * ms):
    samples = [(late_events(one), 0) for one in first]
    return SpikeDataset.from_events(samples, shape=(1, 5, 1), dt=dt, n_classes=1, name="mine")


def test_the_time_step_is_remembered_and_another_refused():
    data = events_dataset(0)
    assert data.dt == 1 * ms and data.subset(1).dt == 1 * ms and dataset_of(np.ones((1, 2, 3), bool)).dt is None
    data.check_presentation(50, 1e-3)
    dataset_of(np.ones((1, 2, 3), bool)).check_presentation(50, 0.5e-3)
    with pytest.raises(ConfigurationError, match=r"mine has time steps of 1\. ms, the network of 0\.5 ms; bin"):
        data.check_presentation(100, 0.5e-3)


def test_events_whose_clock_does_not_begin_at_0_are_refused():
    with pytest.raises(SpikeError, match="mine: all spikes come after the presentation of 100 steps.* in step 5000"):
        events_dataset(5_000_000, 6_000_000).check_presentation(100, 1e-3)


def test_what_is_cut_off_is_told_once_with_numbers(recwarn):
    data = events_dataset(0, 0, 20_000, 90_000)
    data.check_presentation(140, 1e-3)
    assert not recwarn.list
    for _ in range(2):
        data.check_presentation(60, 1e-3)
    (warning,) = recwarn.list
    assert str(warning.message) == (
        "mine: 2 of 4 samples last longer than the presentation of 60 steps, up to 140; what comes later is cut off: "
        "30 % of all spikes, of 1 all spikes"
    )


def test_a_data_set_without_spikes_warns():
    with pytest.warns(UserWarning, match="small: there are no spikes in its 2 samples"):
        dataset_of(np.zeros((2, 3, 4), bool)).check_presentation(3, 1e-3)


def test_from_events_needs_a_sequence():
    with pytest.raises(SpikeError, match="expected a sequence of .*found generator; make a list"):
        SpikeDataset.from_events((pair for pair in ()), shape=(1, 5, 1), dt=1 * ms, n_classes=1)


def images_of(pixels, **changed) -> ImageDataset:
    arguments = {"labels": [0], "n_classes": 2, "name": "mine"} | changed
    return ImageDataset(np.array(pixels, np.uint8).reshape(1, 1, -1, 1), **arguments)


def test_pixels_in_0_to_1_of_uint8_warn():
    with pytest.warns(UserWarning, match="mine: uint8 pixels are in 0..255, but the brightest here is 1"):
        images_of([0, 1, 1])
    images_of([0, 1, 2])
    images_of([0, 0, 0])  # such as the first images of a larger set


def test_images_that_are_none():
    for wrong in ([0.0], ["seven"], [True], [2], [-1]):
        with pytest.raises(LabelError, match=r"mine: labels must .*0\.\.1"):
            images_of([255], labels=wrong)
    with pytest.raises(ShapeError, match="mine: images must be one array"):
        ImageDataset([[0], [0, 1]], [0, 0], 1, "mine")
    with pytest.raises(ConfigurationError, match="mine: n_classes must be a positive integer, found 2.0"):
        images_of([255], n_classes=2.0)


def test_what_is_no_data_set_is_named():
    check_dataset("train", images_of([255]))
    check_dataset("train", events_dataset(0))
    for wrong in ((np.zeros((2, 3)), np.zeros(2)), np.zeros(3), None, "mnist"):
        with pytest.raises(
            ConfigurationError, match=f"train must be an ImageDataset or a SpikeDataset, found {type(wrong).__name__}"
        ):
            check_dataset("train", wrong)


def test_classes_in_one_hot_form_are_told():
    with pytest.warns(UserWarning, match=r"mine: labels of shape \(1, 2\) are wanted .*labels.argmax\(axis=1\)"):
        images_of([255], labels=[[0.0, 1.0]])
    for counts in ([[1, 1]], [[0, 0]], [[0, 2]]):
        images_of([255], labels=counts)

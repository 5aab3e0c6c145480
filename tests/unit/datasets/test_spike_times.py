"""Spike times of trials become spikes of Brian2's steps; what is lost on the way is told with numbers."""

import numpy as np
import pytest
from brian2 import Network, SpikeGeneratorGroup, SpikeMonitor, ms, mV, second
from hypothesis import given
from hypothesis import strategies as st

from hm2bp_brian.datasets import SpikeDataset
from hm2bp_brian.datasets.arrays import as_dataset
from hm2bp_brian.datasets.spike_checks import what_is_late
from hm2bp_brian.datasets.spike_times import classes_of, cut_out
from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError, SpikeError, UnitError
from hm2bp_brian.spikes import SpikeBatch

AXIS = {"dt": 0.5 * ms, "duration": 40 * ms}


def make(trials, labels=None, **changed):
    labels = np.zeros(len(trials), int) if labels is None else labels
    return SpikeDataset.from_spike_times(trials, labels, **(AXIS | {"name": "mine"} | changed))


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 3))
def test_each_spike_is_in_the_step_that_its_time_falls_into(seed, n_neurons, n_trials):
    dense = np.random.default_rng(seed).random((n_trials, 80, n_neurons)) < 0.2
    dense[:, -1, :] = True  # so that no trial is empty
    jitter = np.random.default_rng(seed).uniform(0, 0.49, dense.shape)
    trials = [
        [(np.flatnonzero(train) * 0.5 + offset[train])[::-1] * ms for train, offset in zip(t.T, j.T, strict=True)]
        for t, j in zip(dense, jitter, strict=True)
    ]
    found = make(trials)
    np.testing.assert_array_equal(found.batch(np.arange(n_trials), 80).dense(), dense)
    assert found.dt == 0.5 * ms and found.shape == (n_neurons,)


def test_spikes_are_where_brian2_lets_them_fire():
    times = np.arange(1, 60) * 0.3 * ms  # many of them at the edge of a step, but for rounding errors
    group = SpikeGeneratorGroup(1, np.zeros(59, int), times, dt=0.1 * ms)
    monitor = SpikeMonitor(group)
    Network(group, monitor).run(20 * ms)
    data = make([[times]], dt=0.1 * ms)
    np.testing.assert_array_equal(data.steps, np.rint(monitor.t / (0.1 * ms)).astype(int))


def test_classes_wanted_counts_and_their_number():
    trials = [[[1] * ms], [[2] * ms], [[3] * ms]]
    assert make(trials, [0, 2, 1]).n_classes == 3 and make(trials, [0, 2, 1], n_classes=7).n_classes == 7
    wanted = make(trials, [[0, 1.5], [2, 3], [4, 4]])
    assert wanted.n_classes == 2 and wanted.subset([2, 0]).labels.tolist() == [[4, 4], [0, 1.5]]
    for wrong, message in (
        ([0, -1, 0], r"found -1 at index 1"),
        (["left", "right", "left"], "labels must be integers .*found <U5 such as left"),
        ([[1.0, -2], [0, 0], [0, 0]], r"wanted spike counts must be finite and >= 0, found -2.0 at sample 0, output"),
        ([[1.0, np.nan], [0, 0], [0, 0]], "found nan at sample 0, output neuron 1"),
    ):
        with pytest.raises(LabelError, match=f"mine: .*{message}"):
            make(trials, wrong)
    with pytest.raises(LabelError, match=r"mine: labels must be classes .*\(3, 4\), found float64 of shape \(3, 2\)"):
        make(trials, np.zeros((3, 2)), n_classes=4)
    assert classes_of(["right", "left", "up", "left"]).tolist() == [1, 0, 2, 0]


def test_a_network_with_another_step_is_refused():
    with pytest.raises(ConfigurationError, match="mine has time steps of 0.5 ms, the network of 1. ms"):
        make([[[1] * ms]]).check_presentation(40, 1e-3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_lost_is_told_in_one_warning_with_numbers():
    trials = [
        [[1, 1.2, 1.4, 7] * ms, [1.1] * ms],  # two are merged
        [[], []],
        [[3, 41] * ms, [39.9, 40, 77] * ms],  # three are late
        [[5, 5.1] * second, []],  # another clock
        [[], []],
    ]
    with pytest.warns(UserWarning) as caught:
        data = make(trials)
    (warning,) = [str(w.message) for w in caught if w.category is UserWarning]
    assert caught[-1].filename == __file__
    assert warning == (
        "mine: there are 2 of 5 trials (the first: 1) without spikes; 1 of 5 trials (the first: 3) with spikes only "
        "after the duration of 40. ms: their times may not count from the trial's begin; 1 of 5 trials (the first: 2) "
        "longer than 40. ms, of which 3 spikes are left out (25 %); 2 spikes (17 %) in a step of 0.5 ms in which their "
        "neuron has fired already: they are merged; with a smaller dt fewer are"
    )
    assert np.diff(data.offsets).tolist() == [3, 0, 2, 0, 0]
    assert data.steps.tolist() == [2, 2, 14, 6, 79] and data.neurons.tolist() == [0, 1, 0, 0, 1]


def test_nothing_is_told_of_trials_that_fit():
    make([[[0, 39.9] * ms, []], [[1] * ms, [1] * ms]])
    make([[[39.99] * ms]], duration=39.8 * ms)  # in the last step, which has begun


@pytest.mark.parametrize(
    ("trials", "error", "message"),
    [
        ([], ShapeError, "mine: expected a list of trials, .* found none"),
        ("abc", ShapeError, "expected a list of trials"),
        ([[1, 2] * ms], ShapeError, r"trial 0 must be a list with one array .*found Quantity; of a single neuron"),
        ([[[1] * ms], [[1] * ms, []]], ShapeError, "found 1 in trial 0 and 2 in trial 1; a silent neuron"),
        ([[]], ShapeError, "at least one, found 0 in trial 0"),
        ([[[1, 2]]], UnitError, "mine, trial 0, neuron 0: spike times needs values in second"),
        ([[[1] * ms, [1] * mV]], UnitError, "mine, trial 0, neuron 1: spike times needs"),
        ([[[[1]] * ms]], ShapeError, r"trial 0, neuron 0: spike times must be an array \(n_spikes,\), found shape"),
        ([[[1] * ms], [[3, -2] * ms]], SpikeError, r"trial 1, neuron 0: a spike at -2. ms; times must .*subtract"),
        ([[[np.nan] * ms]], SpikeError, "neuron 0: a spike at nan"),
        ([[[np.inf] * ms]], SpikeError, "neuron 0: a spike at inf"),
        (
            [[[60, 70] * ms], [[], []][:1]],
            SpikeError,
            "all spikes come after .* of 40. ms, the first at 60. ms",
        ),
    ],
)
def test_what_are_no_trials_is_refused_with_its_place(trials, error, message):
    with pytest.raises(error, match=message):
        make(trials)


@pytest.mark.parametrize("setting", [{"dt": 0.5}, {"dt": 1 * mV}, {"duration": 40}, {"duration": 0 * ms}])
def test_dt_and_duration_are_times(setting):
    with pytest.raises((UnitError, ConfigurationError), match=f"mine: {next(iter(setting))}"):
        make([[[1] * ms]], **setting)


def test_there_must_be_a_label_for_each_trial():
    with pytest.raises(ShapeError, match=r"a label for each of 1 trials, found labels of shape \(2,\)"):
        make([[[1] * ms]], [0, 1])


def test_what_is_cut_out_of_a_session_counts_from_the_onsets():
    times, onsets = np.random.default_rng(0).uniform(0, 50, 300), np.array([0.0, 3.0, 4.5, 48.0])
    for onset, part in zip(onsets, cut_out(times, onsets, 2.0), strict=True):
        inside = [t - onset for t in times if onset <= t < onset + 2.0]
        assert len(inside) > 3
        np.testing.assert_array_equal(part, np.sort(inside))


def test_empty_samples_are_told_apart_from_those_with_a_clock_of_their_own():
    steps, offsets = [1, 70, 80, 2], [0, 1, 3, 3, 4]
    lost = what_is_late(np.array(steps) >= 60, np.array(offsets), 81, 60)
    assert lost.endswith("50 % of all spikes, of 1 all spikes; 1 have no spikes at all")


def test_pairs_become_data_sets_of_what_they_hold():
    dense = np.random.default_rng(0).random((3, 20, 2, 5)) < 0.3
    for X in (dense, SpikeBatch.from_dense(dense)):
        data = as_dataset("train", (X, [0, 1, 1]), 4)
        assert isinstance(data, SpikeDataset) and data.n_classes == 4 and data.labels.tolist() == [0, 1, 1]
        np.testing.assert_array_equal(data.batch([2, 0], 20).dense(), dense[[2, 0]])
    pixels = np.random.default_rng(0).random((3, 6))
    images = as_dataset("train", (pixels, [[0, 2.0]] * 3), 2)
    np.testing.assert_array_equal(images.batch([1], 20), pixels[[1]])
    assert images.shape == (6,) and as_dataset("train", images, 2) is images
    for X, error, message in (
        (pixels * 3, ConfigurationError, r"train: X must be finite and in 0\.\.1 if they are floats"),
        (np.zeros((3, 6), int), ConfigurationError, "train: X must be uint8"),
        (pixels[0], ShapeError, r"train: X must be \(batch, \.\.\.\)"),
        (pixels[:2], ShapeError, r"found \(2, 6\) and \(3,\)"),
    ):
        with pytest.raises(error, match=message):
            as_dataset("train", (X, [0, 1, 1]), 2)
    for wrong in (pixels, [pixels, [0, 1, 1]], (pixels, [0], 2), None):
        with pytest.raises(ConfigurationError, match=r"train must be .*a pair \(X, y\)"):
            as_dataset("train", wrong, 2)

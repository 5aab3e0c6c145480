"""Spike batches: dense, events and trains are three views of the same spikes."""

import pickle

import numpy as np
import pytest
from brian2 import Network, SpikeGeneratorGroup, SpikeMonitor, ms, mV, second
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError, UnitError
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

dense_spikes = st.tuples(*[st.integers(1, 4)] * 4).flatmap(lambda shape: arrays(bool, shape))


@given(dense_spikes)
def test_dense_round_trip(spikes):
    batch = SpikeBatch.from_dense(spikes)
    assert np.array_equal(batch.dense(), spikes)
    assert batch.n_spikes == spikes.sum()
    flat = spikes.reshape(*spikes.shape[:2], -1)
    assert np.array_equal(batch.counts, flat.sum(axis=1))
    for sample in range(batch.n_samples):
        for neuron in range(batch.n_neurons):
            assert np.array_equal(batch.train(sample, neuron), np.flatnonzero(flat[sample, :, neuron]))


@given(dense_spikes, st.randoms(use_true_random=False))
def test_events_in_any_order_give_the_same_batch(spikes, random):
    flat = spikes.reshape(*spikes.shape[:2], -1)
    events = [tuple(event) for event in np.argwhere(flat)]
    random.shuffle(events)
    samples, steps, neurons = np.array(events, dtype=int).reshape(-1, 3).T
    sizes = {"n_samples": spikes.shape[0], "n_steps": spikes.shape[1], "shape": spikes.shape[2:]}
    assert SpikeBatch.from_events(samples, steps, neurons, **sizes) == SpikeBatch.from_dense(spikes)


@given(dense_spikes)
def test_a_batch_is_made_again_from_its_numbers(spikes):
    batch = SpikeBatch.from_dense(spikes)
    assert np.array_equal(batch.numbers, np.flatnonzero(spikes))
    assert SpikeBatch.from_numbers(batch.numbers, batch.n_samples, batch.n_steps, batch.shape) == batch


@given(dense_spikes)
def test_one_sample_is_cut_out(spikes):
    batch = SpikeBatch.from_dense(spikes)
    for sample in range(batch.n_samples):
        assert np.array_equal(batch.sample(sample).dense(), spikes[sample : sample + 1])


def test_the_same_neuron_twice_in_a_step_is_refused():
    with pytest.raises(SpikeError, match=r"sample 1, step 2 has neuron 3 after 3"):
        SpikeBatch.from_events([1, 1], [2, 2], [3, 3], n_samples=2, n_steps=4, shape=(5,))


def test_values_other_than_0_and_1_are_refused():
    spikes = np.zeros((1, 3, 2))
    spikes[0, 2, 1] = 0.5
    with pytest.raises(SpikeError, match=r"boolean.*0\.5.*\(0, 2, 1\)"):
        SpikeBatch.from_dense(spikes)
    spikes[0, 2, 1] = np.nan
    with pytest.raises(SpikeError, match=r"nan"):
        SpikeBatch.from_dense(spikes)


def test_empty_batch_and_missing_axis_are_refused():
    with pytest.raises(SpikeError, match="empty batch"):
        SpikeBatch.from_dense(np.zeros((0, 10, 3), dtype=bool))
    with pytest.raises(ShapeError, match="at least 3 dimensions"):
        SpikeBatch.from_dense(np.zeros((10, 3), dtype=bool))


@pytest.mark.parametrize(
    ("event", "message"),
    [((2, 0, 0), "sample indices must lie in 0..1"), ((0, 3, 0), "step indices"), ((0, 0, 4), "neuron indices")],
)
def test_indices_out_of_range_are_named(event, message):
    with pytest.raises(SpikeError, match=message):
        SpikeBatch.from_events(*([index] for index in event), n_samples=2, n_steps=3, shape=(4,))


def test_record_refuses_layers_of_another_time_axis():
    one, other = (SpikeBatch.from_dense(np.zeros((1, steps, 2), dtype=bool)) for steps in (3, 4))
    with pytest.raises(ShapeError, match="layer 0 has 1 samples of 4 steps"):
        SpikeRecord(one, (other,))


@pytest.mark.parametrize("dt", [1 * ms, 0.6 * ms], ids=["1 ms", "0.6 ms"])
def test_brian_fires_the_spikes_of_a_sample(dt):
    dense = np.random.default_rng(0).random((2, 540, 3, 2)) < 0.2
    batch = SpikeBatch.from_dense(dense)
    indices, times = batch.to_brian(1, dt=dt)
    source = SpikeGeneratorGroup(batch.n_neurons, indices, times, dt=dt)
    monitor = SpikeMonitor(source)
    Network(source, monitor).run(540 * dt)
    fired = np.zeros((540, 6), dtype=bool)
    fired[np.rint(np.asarray(monitor.t / dt)).astype(int), monitor.i] = True
    assert np.array_equal(fired, dense[1].reshape(540, 6))
    assert len(monitor.i) == dense[1].sum()


def test_to_brian_takes_the_first_sample_and_refuses_what_can_not_be():
    batch = SpikeBatch.from_events([0, 1], [3, 2], [1, 0], n_samples=2, n_steps=4, shape=(2,))
    indices, times = batch.to_brian(dt=2 * ms)
    assert indices.tolist() == [1] and times[0] == 6 * ms
    with pytest.raises(SpikeError, match=r"the batch has samples 0\.\.1, found sample 2"):
        batch.to_brian(2, dt=1 * ms)
    for dt, error in ((1e-3, UnitError), (1 * mV, UnitError), (0 * ms, ConfigurationError)):
        with pytest.raises(error, match="dt"):
            batch.to_brian(dt=dt)


SIZES = {"n_samples": 2, "n_steps": 10, "shape": (4,)}
TIMES = np.array([0.1, 0.3, 0.6, 0.7]) * ms  # in steps of 0.1 ms, 0.3 and 0.7 are a little less than whole numbers


@pytest.mark.parametrize("steps", [TIMES / (0.1 * ms), TIMES, [1.0, 2.0, 3.0, 4.0], [True] * 4, ["1"] * 4])
def test_steps_that_are_no_integers_are_refused_and_the_message_names_from_times(steps):
    with pytest.raises(SpikeError, match="step indices must be integers.*SpikeBatch.from_times"):
        SpikeBatch.from_events(np.zeros(4, int), steps, range(4), **SIZES)


def test_large_integers_are_not_wrapped():
    with pytest.raises(SpikeError, match=f"neuron indices must lie in 0..3, found {2**32 + 1} at index 0"):
        SpikeBatch(np.array([2**32 + 1]), [0, 1], 1, 1, (4,))
    with pytest.raises(SpikeError, match=f"step indices must lie in 0..9, found {2**64 - 1} at index 1"):
        SpikeBatch.from_events([0, 0], np.array([1, 2**64 - 1], np.uint64), [0, 1], **SIZES)


def test_spike_times_become_the_steps_in_which_brian_fires_them():
    times = np.sort(np.random.default_rng(0).choice(99, 40, replace=False) / 10 + 0.0) * 0.1 * ms
    times = np.concatenate([np.asarray(TIMES), np.asarray(times)]) * second
    neurons = np.arange(len(times))
    source = SpikeGeneratorGroup(len(times), neurons, times, dt=0.1 * ms)
    monitor = SpikeMonitor(source)
    Network(source, monitor).run(1 * ms)
    fired = np.empty(len(times), int)
    fired[monitor.i] = np.rint(np.asarray(monitor.t) / 1e-4)
    batch = SpikeBatch.from_times(
        np.zeros(len(times), int), times, neurons, dt=0.1 * ms, n_samples=1, n_steps=10, shape=(len(times),)
    )
    assert [batch.train(0, neuron).tolist() for neuron in neurons] == fired[:, np.newaxis].tolist()
    assert fired[:4].tolist() == [1, 3, 6, 7]


def test_what_a_monitor_recorded_is_taken_as_it_is():
    dense = np.random.default_rng(1).random((1, 10, 4)) < 0.4
    indices, times = SpikeBatch.from_dense(dense).to_brian(dt=0.1 * ms)
    source = SpikeGeneratorGroup(4, indices, times, dt=0.1 * ms)
    monitor = SpikeMonitor(source)
    Network(source, monitor).run(1 * ms)
    batch = SpikeBatch.from_times(
        np.zeros(len(monitor.i), int), monitor.t, monitor.i, dt=0.1 * ms, n_samples=1, n_steps=10, shape=(4,)
    )
    assert np.array_equal(batch.dense(), dense)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"times": [0.1, 0.2]}, UnitError, "times needs values in second"),
        ({"times": [1, 2] * mV}, UnitError, "times needs values in second"),
        ({"times": [np.nan, 1] * ms}, SpikeError, "times must be finite"),
        ({"times": [-1, 1] * ms}, SpikeError, r"step indices must lie in 0\.\.9, found -1"),
        ({"dt": 0 * ms}, ConfigurationError, "dt must be positive"),
    ],
)
def test_times_that_can_not_be(changed, error, message):
    arguments = {"times": [1, 2] * ms, "dt": 1 * ms} | changed
    with pytest.raises(error, match=message):
        SpikeBatch.from_times([0, 0], neurons=[0, 1], **arguments, **SIZES)


def test_trains_of_what_is_not_there_are_refused():
    batch = SpikeBatch.from_dense(np.random.default_rng(0).random((2, 30, 3)) < 0.2)
    for neuron in (3, -1, 1.0, True):
        with pytest.raises(SpikeError, match=r"the population has neurons 0\.\.2, found neuron"):
            batch.train(0, neuron)
    for sample in (2, -1, 0.0):
        with pytest.raises(SpikeError, match=r"the batch has samples 0\.\.1, found sample"):
            batch.train(sample, 0)
        with pytest.raises(SpikeError, match=r"the batch has samples 0\.\.1, found sample"):
            batch.sample(sample)
    record = SpikeRecord(batch, (batch,))
    for read in (record.counts, record.dense, record.presynaptic):
        with pytest.raises(ConfigurationError, match=r"the record has layers 0\.\.0, found layer -1"):
            read(-1)


@pytest.mark.parametrize("shape", [4, (), (2, 0), (2.0,)])
def test_shapes_that_are_none(shape):
    with pytest.raises(ShapeError, match="shape must be a tuple of positive integers"):
        SpikeBatch.from_events([0], [0], [0], n_samples=1, n_steps=1, shape=shape)
    with pytest.raises(ShapeError, match="shape must be a tuple of positive integers"):
        SpikeBatch([0], [0, 1], 1, 1, shape)


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ShapeError, match=r"one of each a spike; found \(2,\), \(1,\) and \(1,\)"):
        SpikeBatch.from_events([0, 1], [0], [0], **SIZES)


def test_no_array_of_spikes_can_be_written_but_the_users_own_stays_so():
    dense = np.ones((1, 3, 2), bool)
    neurons, offsets = np.array([1], np.int32), np.array([0, 1])
    trains = (np.array([0], np.int32), np.array([0, 0, 1]))
    made = SpikeBatch(neurons, offsets, 1, 1, (2,))
    sorted_ = SpikeBatch.from_sorted(neurons, offsets, 1, 1, (2,), trains)
    for batch in (SpikeBatch.from_dense(dense), made, sorted_, made.sample(0), pickle.loads(pickle.dumps(made))):
        for array in (batch.neurons, batch.offsets, *batch.by_neuron, batch.counts, batch.train(0, 0)):
            with pytest.raises(ValueError, match="read-only"):
                array += 1
    assert np.shares_memory(sorted_.by_neuron[0], trains[0])
    neurons[0] = 0  # the user's own array is as it was


def test_an_array_that_the_user_changes_later_does_not_change_the_batch():
    neurons, offsets = np.array([0, 2], dtype=np.int32), np.array([0, 1, 2])
    batch = SpikeBatch(neurons, offsets, 1, 2, (3,))
    neurons[0], offsets[1] = 99, 0
    assert batch.neurons.tolist() == [0, 2] and batch.offsets.tolist() == [0, 1, 2]


def test_what_is_no_batch_is_refused():
    batch = SpikeBatch.from_dense(np.zeros((1, 3, 2), bool))
    with pytest.raises(SpikeError, match="must be a SpikeBatch, found ndarray"):
        SpikeRecord(batch, (batch.dense(),))

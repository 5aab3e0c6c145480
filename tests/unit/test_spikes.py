"""Spike batches: dense, events and trains are three views of the same spikes."""

import numpy as np
import pytest
from brian2 import Network, SpikeGeneratorGroup, SpikeMonitor, ms, mV
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError, UnitError
from hm2bp_brian.spikes import SpikeBatch, SpikeRecord

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

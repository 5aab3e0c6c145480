"""Refractory times over long presentations, in both precisions and engines."""

import numpy as np
import pytest
from brian2 import ms

from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.spikes import SpikeBatch


def saturated_intervals(dt, refractory, n_steps, engine, dtype):
    """Intervals, in steps, of a neuron that fires whenever it is free to."""
    neuron = LIF(20 * ms, 5 * ms, refractory=refractory * ms)
    network = SpikingNetwork(1, [Dense(1, threshold=1e-3)], neuron, dt=dt * ms, duration=n_steps * dt * ms)
    batch = SpikeBatch.from_dense(np.ones((1, n_steps, 1), dtype=bool))
    record = make_engine(network, engine, dtype).forward([np.full((1, 1), 100.0)], batch).record
    assert record.output.steps[-1] > n_steps - 100
    return np.unique(np.diff(record.output.steps))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("dt", "refractory", "expected"), [(0.025, 2, 80), (1, 3, 3), (1, 0, 1), (0.1, 0.25, 2)])
def test_intervals_stay_the_same_in_a_long_presentation(dt, refractory, expected, dtype):
    assert saturated_intervals(dt, refractory, 20000, "fused", dtype).tolist() == [expected]


def test_brian2_in_float32_keeps_them_too():
    assert saturated_intervals(0.025, 2, 8000, "brian2", "float32").tolist() == [80]


@pytest.mark.parametrize("refractory", [0.4, 1, 1.0004, 1.9996, 2, 2.5, 3])
def test_parts_of_steps_are_rounded_as_brian2_does(refractory):
    assert saturated_intervals(1, refractory, 200, "fused", "float64").tolist() == (
        saturated_intervals(1, refractory, 200, "brian2", "float64").tolist()
    )


def test_a_refractory_time_beyond_the_presentation_allows_one_spike():
    neuron = LIF(20 * ms, 5 * ms, refractory=1e15 * ms)
    network = SpikingNetwork(1, [Dense(1, threshold=1e-3)], neuron, dt=1 * ms, duration=50 * ms)
    network.weights = [np.full((1, 1), 100.0)]
    batch = SpikeBatch.from_dense(np.ones((2, 50, 1), dtype=bool))
    assert simulate(network, batch).output.counts.tolist() == [[1], [1]]

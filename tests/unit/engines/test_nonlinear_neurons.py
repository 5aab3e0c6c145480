"""The fused engine along trajectories: Brian2's spikes, and the gradients of numpy."""

import dataclasses

import numpy as np
import pytest
from brian2 import ms, mV
from networks import engine_gradients, make_input
from nonlinear_neurons import NONLINEAR, SMOOTH, nonlinear_network

import hm2bp_brian as hb
from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.losses import SpikeCountLoss

LOSS = SpikeCountLoss(desired=6, undesired=1, margin=1)


@pytest.mark.parametrize("name", [*NONLINEAR, *SMOOTH])
def test_spikes_are_brians_and_gradients_numpys(name):
    network = nonlinear_network(name, sizes=(70, 17))
    batch, labels = make_input(network, 3, rate=0.2), np.array([2, 16, 0])
    fused = make_engine(network, "fused", "float64", 2)
    record = fused.forward(network.parameters, batch).record
    reference = simulate(network, batch, engine="brian2", dtype="float64")
    assert all(a == b for a, b in zip(record.layers, reference.layers, strict=True))
    found, expected = engine_gradients(fused, network, record, labels, LOSS), gradients(network, record, labels, LOSS)
    for mine, array in zip((*found.arrays, *found.deltas), (*expected.arrays, *expected.deltas), strict=True):
        assert np.abs(array).max() > 0
        np.testing.assert_allclose(mine, array, rtol=1e-9, atol=1e-9 * np.abs(array).max())


def test_the_same_bits_for_any_number_of_threads():
    network = nonlinear_network("AdEx", sizes=(150, 70))
    batch, labels = make_input(network, 7), np.arange(7)
    results = []
    for threads in (1, 2, 5):
        engine = make_engine(network, "fused", "float32", threads)
        record = engine.forward(network.parameters, batch).record
        results.append(engine_gradients(engine, network, record, labels, LOSS))
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(other.arrays, results[0].arrays, strict=True))


def test_loops_are_compiled_forwards_and_go_backwards_in_numpy():
    kinds = {"neuron": hb.neurons.QIF(), "threshold": -35 * mV}
    network = hb.SpikingNetwork(dt=1 * ms, duration=30 * ms)
    network.input("sound", 5)
    network.population("loop", 4, **kinds)
    network.population("out", 3, readout=True, **kinds)
    for source, target in (("sound", "loop"), ("loop", "loop"), ("loop", "out")):
        network.connect(source, target, weights=hb.Uniform(30 * mV))
    engine = make_engine(network, "fused", "float64", 1)
    record = engine.forward(network.parameters, make_input(network, 2, rate=0.5)).record
    assert record.layers[0].n_spikes > 0
    expected = gradients(network, record, np.array([0, 1]), LOSS).arrays
    assert all(np.isfinite(array).all() and array.any() for array in expected)
    found = engine_gradients(engine, network, record, np.array([0, 1]), LOSS).arrays
    for mine, array in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, array, rtol=1e-9, atol=1e-9 * np.abs(array).max())


def test_spikes_at_other_steps_do_not_run_away():
    network = nonlinear_network("EIF")
    engine, batch = make_engine(network, "fused", "float64", 1), make_input(network, 3, rate=0.2)
    record = engine.forward(network.parameters, batch).record
    shifted = record.layers[0].dense()
    shifted[:, 1:], shifted[:, 0] = shifted[:, :-1].copy(), False
    late = dataclasses.replace(record, layers=(type(batch).from_dense(shifted), record.layers[1]))
    labels = np.array([2, 16, 0])
    found, expected = engine_gradients(engine, network, late, labels, LOSS), gradients(network, late, labels, LOSS)
    for mine, array in zip(found.arrays, expected.arrays, strict=True):
        np.testing.assert_allclose(mine, array, rtol=1e-9, atol=1e-9 * np.abs(array).max())

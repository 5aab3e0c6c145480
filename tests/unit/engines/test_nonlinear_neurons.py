"""The fused engine along trajectories: Brian2's spikes, and the gradients of numpy."""

import dataclasses

import numpy as np
import pytest
from brian2 import ms, mV
from networks import engine_gradients, make_input
from nonlinear_neurons import NONLINEAR, SHARES, SMOOTH, nonlinear_network

import hm2bp_brian as hb
from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.component import NumpyKernels
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.losses import SpikeCountLoss

LOSS = SpikeCountLoss(desired=6, undesired=1, margin=1)


@pytest.mark.parametrize("name", [*NONLINEAR, *SMOOTH, *SHARES])
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


def assert_trains_compiled_as_in_numpy(network, batch, labels, monkeypatch):
    fused = make_engine(network, "fused", "float64", 2)
    tape = fused.forward(network.parameters, batch)
    record, errors = tape.record, LOSS.errors(tape.counts, labels)
    assert record.layers == simulate(network, batch, engine="brian2", dtype="float64").layers
    assert all(layer.n_spikes > 5 for layer in record.layers)
    expected = backward(network, network.parameters, record, errors, hb.Rules())
    monkeypatch.setattr(NumpyKernels, "backward_component", None)  # nothing goes back in numpy
    found = fused.backward(tape, errors, hb.Rules())
    for mine, array in zip((*found.arrays, *found.deltas), (*expected.arrays, *expected.deltas), strict=True):
        assert np.abs(array).max(initial=0) > 0 or array.size == 0
        np.testing.assert_allclose(mine, array, rtol=1e-9, atol=1e-9 * np.abs(array).max(initial=0))


@pytest.mark.parametrize("name", ["COBA", "reset that is not affine"])
def test_maps_train_compiled(name, monkeypatch):
    make, v_th, limit = (NONLINEAR | SMOOTH)[name]
    weights = {"initializer": hb.Uniform(limit)}
    layers = [
        hb.Conv2D(5, 3, v_th, padding=1, **weights),
        hb.SumPool2D(2, v_th),
        hb.Conv2D(20, 2, v_th, stride=2, **weights),
        hb.Dense(17, v_th, **weights),
    ]
    neurons = [make(n) for n in (6 * 7 * 5, 3 * 4 * 5, 2 * 20, 17)]
    network = hb.SpikingNetwork((6, 7, 2), layers, neurons, dt=1 * ms, duration=40 * ms, seed=3)
    assert_trains_compiled_as_in_numpy(network, make_input(network, 3, rate=0.2), np.array([2, 16, 0]), monkeypatch)


@pytest.mark.parametrize("spsp", ["value", "share"])
def test_loops_delays_and_single_connections_train_compiled(spsp, monkeypatch):
    kinds = {"neuron": hb.neurons.QIF(refractory=2 * ms, spsp=spsp), "threshold": -35 * mV}
    network = hb.SpikingNetwork(dt=1 * ms, duration=60 * ms)
    network.input("sound", 5)
    network.population("loop", 70, **kinds)
    network.population("out", 3, readout=True, lateral_inhibition=1 * mV, bias=hb.Uniform(0.3 * mV), **kinds)
    network.connect("sound", "loop", weights=hb.Uniform(30 * mV), delay=2 * ms)
    network.connect("loop", "loop", hb.Sparse(p=0.05), weights=hb.Uniform(5 * mV), delay=hb.Learned(0 * ms, 5 * ms))
    network.connect("loop", "out", weights=hb.Uniform(60 * mV))
    network.connect("sound", "out", hb.Sparse(p=0.5), weights=hb.Uniform(60 * mV))
    assert_trains_compiled_as_in_numpy(network, make_input(network, 2, rate=0.5), np.array([0, 1]), monkeypatch)


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


def test_shares_are_finite_where_derivatives_grow_beyond_all_numbers():
    found = {}
    for spsp in ("value", "share"):
        neuron = hb.NeuronModel(
            "dv/dt = (I + 5*sin(9*v))/(5*ms) : 1\ndI/dt = -I/(5*ms) : 1",
            **{"threshold": "v > v_th", "reset": "v = 0", "method": "euler", "spsp": spsp},
        )
        layers = [hb.Dense(17, 8.0, initializer=hb.Uniform(1.0))]
        network = hb.SpikingNetwork(5, layers, neuron, dt=1 * ms, duration=600 * ms, seed=3)
        engine = make_engine(network, "fused", "float32", 2)
        record = engine.forward(network.parameters, make_input(network, 3, rate=0.2)).record
        assert record.output.counts.sum() > 20
        found[spsp] = engine_gradients(engine, network, record, np.array([2, 16, 0]), LOSS).arrays[0]
    assert not np.isfinite(found["value"]).all()
    assert np.isfinite(found["share"]).all() and np.abs(found["share"]).max() > 0

"""Affine neurons: both engines, S-PSPs three ways, and gradients against HM2-BP as it is written down."""

import numpy as np
import pytest
from affine_neurons import AFFINE, affine_network
from brian2 import ms, mV
from networks import engine_gradients, make_input
from oracle import oracle_gradients, oracle_spsp

import hm2bp_brian as hb
from hm2bp_brian.engines.fused.codegen import generate
from hm2bp_brian.engines.fused.sources import adjoint_source, neuron_source
from hm2bp_brian.engines.protocol import HostTape
from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.learning.spsp import spsp

LOSS = SpikeCountLoss(desired=8, undesired=1, margin=1)
LABELS = np.array([2, 16, 0])
LEAKY = dict(
    equations="dv/dt = (E_L - v)/(20*ms) + I/(5*ms) : volt\ndI/dt = -I/(5*ms) : volt",
    threshold="v > v_th",
    reset="v = E_L",
)


@pytest.mark.parametrize("name", AFFINE)
def test_affine_neurons_fire_and_learn_alike_everywhere(name):
    network = affine_network(name)
    batch = make_input(network, 3)
    record = simulate(network, batch, engine="brian2", dtype="float64")
    assert all(layer.n_spikes > 10 for layer in record.layers)
    engine = make_engine(network, "fused", "float64", 2)
    assert engine.forward(network.weights, batch).record.layers == record.layers

    expected = oracle_spsp(network, record, 0)
    scale = np.abs(expected).max()
    for method in ("adjoint", "traces"):
        np.testing.assert_allclose(spsp(network, record, 0, method), expected, rtol=1e-10, atol=1e-10 * scale)

    expected = oracle_gradients(network, record, LABELS, LOSS)
    for found in (gradients(network, record, LABELS, LOSS), engine_gradients(engine, network, record, LABELS, LOSS)):
        for mine, oracle in zip(found, expected, strict=True):
            assert np.abs(oracle).max() > 0
            np.testing.assert_allclose(mine, oracle, rtol=1e-9, atol=1e-9 * np.abs(oracle).max())


def recurrent_network(neuron, threshold=-50 * mV, limit=30 * mV):
    """A loop, a skip connection and delays among neurons that are not those of a chain."""
    network = hb.SpikingNetwork(dt=1 * ms, duration=50 * ms, seed=4)
    network.input("in", 9)
    network.population("loop", 70, neuron=neuron, threshold=threshold, rate=hb.RateBand(1, 2, 0.3))
    network.population("out", 5, neuron=neuron, threshold=threshold, readout=True, lateral_inhibition=0.02 * limit)
    network.connect("in", "loop", weights=hb.Uniform(limit), delay=hb.Learned(0 * ms, 5 * ms))
    network.connect("loop", "loop", hb.Sparse(p=0.3), weights=hb.Uniform(0.2 * limit))
    network.connect("loop", "out", weights=hb.Uniform(0.5 * limit))
    network.connect("in", "out", hb.Sparse(p=0.04), weights=hb.Uniform(limit), delay=2 * ms)
    return network


@pytest.mark.parametrize("neuron", [hb.neurons.ALIF, hb.neurons.MAT])
def test_loops_of_adaptive_neurons_learn_alike_in_both_engines(neuron):
    network = recurrent_network(neuron(refractory=2 * ms))
    batch = make_input(network, 3, rate=0.1)
    record = simulate(network, batch, engine="brian2", dtype="float64")
    engine = make_engine(network, "fused", "float64", 2)
    assert engine.forward(network.parameters, batch).record.layers == record.layers
    assert all(layer.n_spikes > 3 for layer in record.layers)
    errors = LOSS.errors(record.output.counts, np.array([1, 4, 0]))
    expected = backward(network, network.parameters, record, errors, hb.Rules(recurrent_terms=2))
    found = engine.backward(HostTape(network.parameters, record), errors, hb.Rules(recurrent_terms=2))
    for mine, array in zip((*found.arrays, *found.deltas), (*expected.arrays, *expected.deltas), strict=True):
        assert np.abs(array).max() > 0
        np.testing.assert_allclose(mine, array, rtol=1e-9, atol=1e-9 * np.abs(array).max())


def test_neurons_of_one_layer_may_rest_at_several_distances_from_their_threshold():
    rest = np.linspace(-72, -68, 20) * mV
    neurons = [hb.neurons.ALIF(E_L=rest), hb.NeuronModel(**LEAKY, E_L=np.linspace(-75, -65, 17) * mV)]
    layers = [hb.Dense(n, -50 * mV, initializer=hb.Uniform(30 * mV)) for n in (20, 17)]
    network = hb.SpikingNetwork(7, layers, neurons, dt=1 * ms, duration=60 * ms, seed=3)
    record = simulate(network, make_input(network, 3), dtype="float64")
    found = engine_gradients(make_engine(network, "fused", "float64", 2), network, record, LABELS, LOSS)
    for mine, oracle in zip(found, oracle_gradients(network, record, LABELS, LOSS), strict=True):
        np.testing.assert_allclose(mine, oracle, rtol=1e-9, atol=1e-9 * np.abs(oracle).max())


def test_affine_neurons_share_their_way_back():
    """So that a second sort of them is compiled for the way there alone."""

    def sources(neuron, v_th):
        code = generate(neuron, 20, v_th, 1e-3, np.dtype("float32"))
        return [make(code, np.dtype("float32"), ["dense.hpp"]) for make in (neuron_source, adjoint_source)]

    lif = sources(hb.LIF(tau_m=64 * ms, tau_s=8 * ms), 15.0)
    leaky = sources(hb.NeuronModel(**LEAKY, E_L=-70 * mV), -0.05)
    assert lif[0] != leaky[0]
    assert lif[1] == leaky[1]

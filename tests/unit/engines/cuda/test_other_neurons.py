"""Neurons along their trajectories, and neurons that learn, in a GPU's kernels, run on this processor."""

import numpy as np
import pytest
from brian2 import ms, mV
from engine_on_card import LOSS, check_engine_on_card
from graphs import quietly, random_input
from learned_neurons import OTHERS, learned_network
from networks import make_input, make_network
from nonlinear_neurons import NONLINEAR, nonlinear_network

import hm2bp_brian as hb
from hm2bp_brian.engines.cuda import card as card_module
from hm2bp_brian.engines.cuda.engine import CudaEngine
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import NoSpspError
from hm2bp_brian.learning.backward import backward


def check(network, batch, labels, card):
    tape, gradients = check_engine_on_card(network, batch, labels, card, hb.Rules())
    assert min(tape.n_spikes) > 0
    assert all(np.any(array) for array in (*gradients.arrays, *gradients.deltas) if array.size)


# refractory times, one value a neuron, several variables, resets of all kinds; the others run on a GPU
SOME = ("AdEx", "COBA", "NMDA block", "reset that is not affine", "Izhikevich, shares")


@pytest.mark.parametrize("name", SOME)
def test_along_trajectories(card, name):
    network = nonlinear_network(name, sizes=(20, 17))
    check(network, make_input(network, 3, rate=0.2), [2, 16, 0], card)


def test_neurons_that_can_not_be_trained_run(card):
    network = make_network("nonlinear")
    batch = make_input(network, 3)
    tape = CudaEngine(network, "float64", 1, card).forward(network.parameters, batch)
    assert tape.record.layers == make_engine(network, dtype="float64").forward(network.parameters, batch).record.layers
    with pytest.raises(NoSpspError):
        CudaEngine(network, "float64", 1, card).backward(tape, LOSS.errors(tape.counts, [0, 1, 2]), hb.Rules())


@pytest.mark.parametrize("spsp", ["value", "share"])
def test_trajectories_in_loops_with_delays_and_receptors(card, spsp):
    kinds = {"neuron": hb.neurons.QIF(spsp=spsp), "threshold": -35 * mV}
    network = hb.SpikingNetwork(dt=1 * ms, duration=60 * ms)
    network.input("in", 5)
    network.population("loop", 9, **kinds)
    network.population("out", 3, **kinds, readout=True, lateral_inhibition=0.1 * mV)
    network.connect("in", "loop", weights=hb.Uniform(30 * mV), delay=hb.Learned(0 * ms, 5 * ms))
    network.connect("loop", "loop", hb.Sparse(p=0.5), weights=hb.Uniform(8 * mV), delay=2 * ms)
    network.connect("loop", "out", weights=hb.Uniform(30 * mV))
    network.connect("in", "out", weights=hb.Uniform(30 * mV), receptor_type="v")
    check(network, random_input(network, 1, 4, 0.3), [0, 1, 2, 0], card)


@pytest.mark.parametrize("name", ["threshold of LIF", "initial value", "time constants", "AdEx", *OTHERS])
def test_learned_variables(card, name):
    network = learned_network(name)
    check(network, make_input(network, 3, rate=0.25), np.arange(3) % network.n_outputs, card)


@pytest.mark.parametrize("name", ["AdEx", "threshold of LIF"])
def test_float32(card, monkeypatch, name):
    monkeypatch.setattr(card_module, "SCRATCH_BYTES", 2**16)
    network = nonlinear_network(name) if name in NONLINEAR else learned_network(name)
    batch, labels = make_input(network, 5, rate=0.2), np.arange(5)
    engine = CudaEngine(network, "float32", 1, card)
    tape = engine.forward(network.parameters, batch)
    errors = LOSS.errors(tape.counts, labels)
    wanted = backward(network, network.parameters, tape.record, errors, hb.Rules())
    for mine, array in zip(engine.backward(tape, errors, hb.Rules()).arrays, wanted.arrays, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, array, rtol=2e-3, atol=2e-3 * np.abs(array).max())


def test_learned_variables_train_as_on_the_processor(card, monkeypatch):
    monkeypatch.setattr(card_module, "find_card", lambda: card)
    states = []
    for device in ("cuda", "cpu"):
        network = learned_network("threshold of LIF", sizes=(12, 3), n_inputs=9)
        spikes = make_input(network, 12, rate=0.25)
        trainer = hb.Trainer(network, LOSS, hb.Adam(0.1), dtype="float64", device=device, threads=1)
        before = [array.copy() for array in network.parameters]
        quietly(trainer.fit, (spikes, np.arange(12) % 3), epochs=2, batch_size=5, progress=False)
        assert all(np.abs(own - old).max() > 0 for own, old in zip(network.parameters, before, strict=True))
        states.append(trainer.state.arrays())
    for name, wanted in states[1].items():
        if wanted.dtype.kind == "f" and name != "history/table":
            np.testing.assert_allclose(states[0][name], wanted, rtol=1e-8, atol=1e-8, err_msg=name)

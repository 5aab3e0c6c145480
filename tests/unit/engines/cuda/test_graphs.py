"""Networks of populations and projections in a GPU's kernels, run on this processor: against the other engines."""

import numpy as np
import pytest
from brian2 import ms
from cupy_on_host import CupyOnHost
from engine_on_card import LOSS, check_engine_on_card
from graph_of_all_kinds import graph_of_all_kinds
from graphs import quietly, random_graph, random_input, receptor_graph, small_graph

import hm2bp_brian as hb
from hm2bp_brian.engines.cuda import card as card_module
from hm2bp_brian.engines.cuda.card import Card
from hm2bp_brian.engines.cuda.engine import CudaEngine
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import NumericalError
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.rules import Rules

RULES = Rules(recurrent_terms=2)
IMAGES = hb.encoding.BernoulliEncoder(2.0)


def on_card(network, dtype, card):
    return quietly(CudaEngine, network, dtype, 1, card)


def soft_loop(reset: str = "u -= v_th") -> hb.SpikingNetwork:
    """Neurons whose nu is each sample's own feed back on one another; two populations send to the readout."""
    neuron = hb.NeuronModel(
        "du/dt = (I - u)/(12*ms) : 1 (unless refractory)\ndI/dt = -I/(5*ms) : 1",
        threshold="u > v_th",
        reset=reset,
        refractory=2 * ms,
        method="euler",
    )
    network = hb.SpikingNetwork(dt=1 * ms, duration=40 * ms, seed=4)
    network.input("in", 6)
    network.population("a", 9, neuron=neuron, threshold=0.3)
    network.population("b", 5, neuron=neuron, threshold=0.3)
    network.population("out", 4, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.5, readout=True)
    network.connect("in", "a", weights=hb.Between(-0.3, 1.5))
    network.connect("a", "b", hb.Sparse(p=0.6), weights=hb.Uniform(1.5), delay=hb.Learned(1 * ms, 9 * ms))
    network.connect("b", "a", weights=hb.Uniform(0.5))
    network.connect("a", "out", weights=hb.Uniform(1.0), delay=3 * ms)
    network.connect("b", "out", weights=hb.Uniform(1.0))
    return network


@pytest.mark.parametrize("seed", [2, 3, 5, 6])
def test_random_graphs_as_on_the_processor(card, seed):
    network = random_graph(seed)
    check_engine_on_card(network, random_input(network, seed), [0, 1, 2], card, RULES)


@pytest.mark.parametrize("make", [lambda: receptor_graph(3, size=9), soft_loop, graph_of_all_kinds])
def test_receptors_soft_resets_and_volts(card, make):
    network = make()
    check_engine_on_card(network, random_input(network, 3, rate=0.3), [0, 1, 0], card, RULES)


def test_a_population_that_nobody_drives(card):
    network = small_graph(2)
    network.population("alone", 3, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.5)
    network.connect("alone", "out", weights=1.0)
    check_engine_on_card(network, random_input(network, 2), [0, 1, 0], card, RULES)


def test_lateral_inhibition_of_many_neurons(card):
    network = hb.SpikingNetwork(dt=1 * ms, duration=25 * ms)
    network.input("in", 5)
    network.population("out", 514, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.6, readout=True, lateral_inhibition=0.01)
    network.connect("in", "out", weights=hb.Uniform(3.0))
    check_engine_on_card(network, random_input(network, 1, 2, 0.3), [0, 513], card, RULES)


def test_some_samples_at_a_time_and_threads_in_any_order(monkeypatch):
    monkeypatch.setattr(card_module, "SCRATCH_BYTES", 2**14)
    network = small_graph(7)
    batch, labels = random_input(network, 7, n_samples=9), np.arange(9) % 2
    sums = []
    for falling in (False, True):
        engine = on_card(network, "float32", Card(CupyOnHost(falling)))
        tape = engine.forward(network.parameters, batch)
        sums.append(quietly(engine.backward, tape, LOSS.errors(tape.counts, labels), RULES).arrays)
    expected = quietly(backward, network, network.parameters, tape.record, LOSS.errors(tape.counts, labels), RULES)
    for first, second, wanted in zip(*sums, expected.arrays, strict=True):
        assert first.dtype == np.float32
        np.testing.assert_array_equal(first, second)
        np.testing.assert_allclose(first, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max(initial=0))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_series_that_does_not_converge_is_cut_and_said(card):
    network = hb.SpikingNetwork(dt=1 * ms, duration=60 * ms)
    network.input("in", 5)
    network.population("loop", 5, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.3)
    network.population("out", 2, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.3, readout=True)
    for source, target in (("in", "loop"), ("loop", "loop"), ("loop", "out")):
        network.connect(source, target, weights=1.0)
    engine = on_card(network, "float64", card)
    tape = quietly(engine.forward, network.parameters, random_input(network, 1, 1))
    errors = LOSS.errors(tape.counts, [0])
    with pytest.warns(RuntimeWarning, match="credit through the loops of 'loop_to_loop' does not converge"):
        cut = engine.backward(tape, errors, Rules(recurrent_terms=5))
    none = engine.backward(tape, errors, Rules(recurrent_terms=0))
    for one, other in zip(cut.arrays, none.arrays, strict=True):  # the first term was too large already
        np.testing.assert_array_equal(one, other)


def test_infinite_states_are_named_as_on_the_processor(card):
    network = small_graph(2)
    network.weights["in_to_a"] = np.full((4, 3), 3e38)
    batch, messages = random_input(network, 2, 2, 0.5), []
    for engine in (on_card(network, "float32", card), quietly(make_engine, network, "fused", "float32", 1)):
        with pytest.raises(NumericalError, match=r"'a' has a state that is NaN or infinite in sample 0") as error:
            quietly(engine.forward, network.parameters, batch)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def signed_with_learned_delays() -> hb.SpikingNetwork:
    network = hb.SpikingNetwork(dt=1 * ms, duration=30 * ms, seed=5)
    network.input("in", (4, 4, 1))
    network.population("cells", 12, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.5, sign=0.7, bias=0.01)
    network.population("out", 3, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.5, readout=True, lateral_inhibition=0.1)
    network.connect("in", "cells", weights=hb.Between(-0.5, 1.5), delay=hb.Learned(0 * ms, 6 * ms))
    network.connect("cells", "cells", hb.Sparse(p=0.5), weights=hb.Uniform(0.3), delay=hb.Learned(0 * ms, 6 * ms))
    network.connect("cells", "out", weights=hb.Uniform(1.5))
    return network


def test_trains_as_on_the_processor(card, monkeypatch):
    """Weights that keep their signs, and delays that keep to their limits, while they lie on the card."""
    monkeypatch.setattr(card_module, "find_card", lambda: card)
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 1)).astype(np.uint8)
    data = hb.datasets.ImageDataset(images, np.arange(12) % 3, 3, "noise")
    states = []
    for device in ("cuda", "cpu"):
        network = quietly(signed_with_learned_delays)
        start = [array.copy() for array in network.parameters]
        trainer = hb.Trainer(
            network, LOSS, hb.Adam(0.2), averaging=0.9, dtype="float64", device=device, encoder=IMAGES, threads=1
        )
        quietly(trainer.fit, data, epochs=3, batch_size=5, progress=False)
        states.append(trainer.state.arrays())
        assert all(np.abs(own - before).max() > 0.01 for own, before in zip(network.parameters, start, strict=True))
        delays = network.parameters[-1]
        assert (delays >= 0).all() and (delays <= 6).all()
    for name, wanted in states[1].items():
        if wanted.dtype.kind == "f" and name != "history/table":
            np.testing.assert_allclose(states[0][name], wanted, rtol=1e-8, atol=1e-8, err_msg=name)

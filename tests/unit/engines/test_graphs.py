"""Networks of populations and projections: both engines give the same spikes, and the same gradients as the oracle."""

import warnings

import numpy as np
import pytest
from brian2 import ms
from graph_oracle import oracle_graph_gradients
from graphs import quietly, random_graph, random_input, receptor_graph, small_graph

import hm2bp_brian as hb
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import ConfigurationError, EngineError, NoSpspError, NumericalError
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.losses import Errors, SpikeCountLoss, StandIns
from hm2bp_brian.learning.rules import Rules

RULES = Rules(recurrent_terms=2)
LOSS = SpikeCountLoss(desired=6, undesired=1, margin=1)


def both(network, batch, dtype="float64", threads=2):
    fused = quietly(make_engine, network, "fused", dtype, threads)
    reference = quietly(make_engine, network, "brian2", dtype)
    return fused, fused.forward(network.parameters, batch), reference.forward(network.parameters, batch)


@pytest.mark.parametrize("seed", range(1, 13))
def test_engines_agree_on_random_graphs(seed):
    network = random_graph(seed)
    batch = random_input(network, seed)
    fused, tape, expected = both(network, batch)
    for name, found, wanted in zip(tape.record.names, tape.record.layers, expected.record.layers, strict=True):
        assert found == wanted, name
    assert sum(tape.n_spikes[1:]) > 0
    errors = LOSS.errors(expected.counts, [0, 1, 2])
    wanted = quietly(backward, network, network.parameters, expected.record, errors, RULES)
    found = quietly(fused.backward, expected, errors, RULES)
    for number, (one, other) in enumerate(zip(found.arrays, wanted.arrays, strict=True)):
        np.testing.assert_allclose(
            one, other, rtol=1e-9, atol=1e-9 * np.abs(other).max(initial=0), err_msg=network.parameter_name(number)
        )
    assert found.loss == pytest.approx(wanted.loss)


@pytest.mark.parametrize("seed", [2, 7, 11, 16])
def test_gradients_are_the_oracle_s(seed):
    network = small_graph(seed)
    record = quietly(hb.simulate, network, random_input(network, seed, 2, 0.3), dtype="float64")
    random = np.random.default_rng(seed)
    d_counts = random.normal(size=record.output.counts.shape)
    errors = Errors(np.zeros(2), d_counts, StandIns(np.zeros(0, int), np.zeros(0, int), 1))
    expected = oracle_graph_gradients(network, record, d_counts, RULES)
    found = quietly(backward, network, network.parameters, record, errors, RULES)
    assert any(np.abs(array).max(initial=0) > 0 for array in found.arrays)
    for number, projection in enumerate(network.weighted):
        wanted = expected[f"w {projection.name}"]
        np.testing.assert_allclose(found.arrays[number], wanted, rtol=1e-9, atol=1e-9, err_msg=projection.name)
        if projection.delays.learned:
            slopes = found.arrays[network.delay_number(projection)]
            np.testing.assert_allclose(slopes, expected[f"d {projection.name}"], rtol=1e-9, atol=1e-9)


def test_receptors_are_variables_of_their_own():
    network = receptor_graph(3)
    fused, tape, expected = both(network, random_input(network, 3, rate=0.3))
    for name, found, wanted in zip(tape.record.names, tape.record.layers, expected.record.layers, strict=True):
        assert found == wanted and found.n_spikes > 0, name
    errors = LOSS.errors(expected.counts, [0, 1, 0])
    wanted = quietly(backward, network, network.parameters, expected.record, errors, RULES)
    found = quietly(fused.backward, expected, errors, RULES)
    for number, (one, other) in enumerate(zip(found.arrays, wanted.arrays, strict=True)):
        scale = np.abs(other).max()
        assert scale > 0
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * scale, err_msg=network.parameter_name(number))


@pytest.mark.parametrize("seed", [1, 4])
def test_gradients_through_receptors_are_the_oracle_s(seed):
    network = receptor_graph(seed, size=3)
    record = quietly(hb.simulate, network, random_input(network, seed, 2, 0.3), dtype="float64")
    d_counts = np.random.default_rng(seed).normal(size=record.output.counts.shape)
    errors = Errors(np.zeros(2), d_counts, StandIns(np.zeros(0, int), np.zeros(0, int), 1))
    expected = oracle_graph_gradients(network, record, d_counts, RULES)
    found = quietly(backward, network, network.parameters, record, errors, RULES)
    for number, projection in enumerate(network.weighted):
        wanted = expected[f"w {projection.name}"]
        np.testing.assert_allclose(found.arrays[number], wanted, rtol=1e-9, atol=1e-9, err_msg=projection.name)


@pytest.mark.parametrize("exc", ["exc", "inh"])
def test_conductances_train_whichever_receptor_is_the_neuron_s_own(exc):
    """Not affine: the readings' finite differences in the weights of both, at the spikes of the record."""
    neuron = hb.NeuronModel(
        "dv/dt = (exc*(6 - v) - inh*(2 + v) - v)/(15*ms) : 1\ndexc/dt = -exc/(4*ms) : 1\ndinh/dt = -inh/(9*ms) : 1",
        threshold="v > v_th",
        reset="v = 0",
        method="euler",
        synaptic_variable=exc,
    )
    network = hb.SpikingNetwork(dt=1 * ms, duration=60 * ms, seed=1)
    network.input("in", 6)
    network.population("out", 3, neuron=neuron, threshold=1, readout=True)
    for receptor, high in (("exc", 0.4), ("inh", 0.1)):
        network.connect("in", "out", weights=hb.Between(0, high), receptor_type=receptor, name=receptor)
    batch = random_input(network, 1, 1, 0.2)
    record = hb.simulate(network, batch, "brian2", "float64")
    trajectories, arriving = network.trajectories(0), batch.dense()[0].astype(float)
    fires = record.output.dense()[0]
    v, other = trajectories._probe.variables.index("v"), {"exc": "inh", "inh": "exc"}[exc]

    def readings(weights):
        drive = {name: arriving @ weights[name] for name in weights}
        states = trajectories.along(fires, drive[exc], {other: drive[other]}).states
        reached = [trajectories._probe.step(x, np.zeros(3, bool))[0][:, v] for x in states]
        return (np.array(reached) * fires).sum(axis=0)

    # one output neuron's error, divided by what multiplies S-PSPs, leaves these
    assert (record.output.counts > 0).all()
    errors = Errors(np.zeros(1), np.ones((1, 3)), StandIns(np.zeros(0, int), np.zeros(0, int), 1))
    gradients = quietly(backward, network, network.parameters, record, errors, RULES).arrays
    weights = {name: network.weights[name].astype(np.float64) for name in ("exc", "inh")}
    slopes = {}
    for name in weights:
        slopes[name] = np.empty((6, 3))
        for pre in range(6):
            shifted = [{**weights, name: weights[name] + sign * 1e-6 * np.eye(6)[:, [pre]]} for sign in (1, -1)]
            slopes[name][pre] = (readings(shifted[0]) - readings(shifted[1])) / 2e-6
    for post in range(3):
        found = np.concatenate([array[:, post] for array in gradients])
        wanted = np.concatenate([slopes[name][:, post] for name in ("exc", "inh")])
        place = np.abs(wanted).argmax()
        np.testing.assert_allclose(found / found[place], wanted / wanted[place], rtol=1e-5, atol=1e-6)


def test_spikes_that_a_refractory_time_loses_are_refused():
    network = receptor_graph(1, size=3)
    network.connect("in", "a", receptor_type="v", name="lost")
    with pytest.raises(EngineError, match="can't add spikes to 'v' of 'a', which stands still in the refractory time"):
        make_engine(network, "fused")
    reference = make_engine(network, "brian2")
    tape = reference.forward(network.parameters, random_input(network, 1, 1))
    with pytest.raises(NoSpspError, match=r"stands still in the refractory time \('v'\)"):
        reference.backward(tape, LOSS.errors(tape.counts, [0]), RULES)


def test_spikes_on_their_way_do_not_reach_the_next_presentation():
    network = hb.SpikingNetwork(dt=1 * ms, duration=20 * ms)
    network.input("in", 1)
    network.population("out", 1, neuron=hb.LIF(5 * ms, 2 * ms), threshold=0.1, readout=True)
    network.connect("in", "out", weights=5.0, delay=8 * ms)
    batch = hb.SpikeBatch.from_events([0, 0], [3, 15], [0, 0], n_samples=2, n_steps=20, shape=(1,))
    _, tape, expected = both(network, batch)
    assert tape.record["out"] == expected.record["out"]
    # put in at the end of step 3 + 8, it acts from step 12 on, and the spike of step 15 never
    assert tape.record["out"].train(0, 0)[0] in (12, 13)
    assert tape.counts[1].sum() == 0


@pytest.mark.parametrize("seed", [5, 13])
def test_any_number_of_threads_gives_the_same_bits(seed):
    network = random_graph(seed)
    batch = random_input(network, seed, n_samples=9)
    found = []
    for threads in (1, 3):
        engine = quietly(make_engine, network, "fused", "float32", threads)
        tape = engine.forward(network.parameters, batch)
        sums = quietly(engine.backward, tape, LOSS.errors(tape.counts, np.arange(9) % 4), RULES)
        found.append((tape.record, sums))
    assert found[0][0] == found[1][0]
    for one, other in zip(found[0][1].arrays, found[1][1].arrays, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other)


def test_many_tiles_add_up_whoever_works_on_them():
    """More tiles than groups of them, with a source outside that wants deltas: as the numpy kernels have it."""
    network = hb.SpikingNetwork(dt=1 * ms, duration=40 * ms, seed=3)
    network.input("in", 5)
    network.population("a", 8, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.2)
    network.population("b", 1100, neuron=hb.LIF(12 * ms, 4 * ms), threshold=0.2)
    network.population("out", 4, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.5, readout=True)
    network.connect("in", "a", weights=hb.Between(0, 1.5))
    network.connect("a", "b", hb.Sparse(p=0.1), weights=hb.Uniform(1.0), delay=hb.Learned(0 * ms, 9 * ms))
    network.connect("in", "b", hb.Sparse(p=0.05), weights=hb.Between(0, 1.0))
    network.connect("b", "out", weights=hb.Between(0, 0.05))
    engine = quietly(make_engine, network, "fused", "float64", 1)
    tape = engine.forward(network.parameters, random_input(network, 3, n_samples=3))
    assert np.diff(tape.record.layers[0].by_neuron[1]).max() > 8  # trains of more than a group of spikes
    errors = LOSS.errors(tape.counts, [0, 1, 2])
    wanted = quietly(backward, network, network.parameters, tape.record, errors, RULES).arrays
    alone = quietly(engine.backward, tape, errors, RULES).arrays
    together = quietly(make_engine(network, "fused", "float64", 3).backward, tape, errors, RULES).arrays
    for number, (one, same, other) in enumerate(zip(alone, together, wanted, strict=True)):
        np.testing.assert_array_equal(one, same)
        name, scale = network.parameter_name(number), np.abs(other).max()
        assert scale > 0, name
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * scale, err_msg=name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_series_that_does_not_converge_is_cut_and_said():
    network = hb.SpikingNetwork(dt=1 * ms, duration=60 * ms)
    network.input("in", 5)
    network.population("loop", 5, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.3)
    network.population("out", 2, neuron=hb.LIF(20 * ms, 5 * ms), threshold=0.3, readout=True)
    network.connect("in", "loop", weights=1.0)
    network.connect("loop", "loop", weights=1.0)
    network.connect("loop", "out", weights=1.0)
    engine = make_engine(network, "fused", "float64", 1)
    tape = engine.forward(network.parameters, random_input(network, 1, 1))
    errors = LOSS.errors(tape.counts, [0])
    with pytest.warns(RuntimeWarning, match="credit through the loops of 'loop_to_loop' does not converge"):
        cut = engine.backward(tape, errors, Rules(recurrent_terms=5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        none = engine.backward(tape, errors, Rules(recurrent_terms=0))
    for one, other in zip(cut.arrays, none.arrays, strict=True):  # the first term was too large already
        np.testing.assert_array_equal(one, other)


def test_s_psps_of_layers_are_refused_where_they_would_be_others():
    graph = small_graph(2)
    record = quietly(hb.simulate, graph, random_input(graph, 2, 1, 0.3))
    late = hb.SpikingNetwork(
        4, [hb.Dense(2, threshold=0.5, delay=3 * ms)], hb.LIF(20 * ms, 5 * ms), dt=1 * ms, duration=30 * ms
    )
    late_record = hb.simulate(late, random_input(late, 2, 1, 0.5))
    for ask in (lambda: hb.spsp(graph, record, 0), lambda: hb.spike_attribution(graph, record, 0, 0)):
        with pytest.raises(ConfigurationError, match="for chains of layers only"):
            ask()
    with pytest.raises(ConfigurationError, match="layer 0 receives its spikes after delays"):
        hb.spsp(late, late_record, 0)


def test_infinite_states_of_a_graph_are_named():
    network = small_graph(2)
    network.weights["in_to_a"] = np.full((4, 3), 3e38)
    with pytest.raises(NumericalError, match=r"'a' has a state that is NaN or infinite in sample 0 at step \d+"):
        quietly(hb.simulate, network, random_input(network, 2, 2, 0.5), dtype="float32")

"""The reference engine against a naive simulation written here, and its life between samples and batches."""

import gc
import logging

import numpy as np
import pytest
from brian2 import NetworkOperation, StateMonitor, ms
from brian2 import stop as stop_brian
from networks import make_input, make_network

from hm2bp_brian.brian.network import build_brian_network
from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.errors import ConfigurationError, NumericalError, ShapeError, UnknownNameError
from hm2bp_brian.spikes import SpikeBatch


def naive_lif(network, batch, tau_m=20.0, tau_s=5.0, refractory_steps=2):
    """Euler LIF layers in plain loops: state update, threshold, synapses, reset in each step (times in steps)."""
    dense = batch.dense().reshape(batch.n_samples, batch.n_steps, -1)
    spikes = []
    for layer, weights in enumerate(network.weights):
        weights = weights.astype(float)
        out = np.zeros((batch.n_samples, batch.n_steps, network.size(layer)), dtype=bool)
        for sample in range(batch.n_samples):
            for i in range(network.size(layer)):
                out[sample, :, i] = False
            u, current = np.zeros(network.size(layer)), np.zeros(network.size(layer))
            last = np.full(network.size(layer), -1000)
            for step in range(batch.n_steps):
                active = step - last > refractory_steps
                u = np.where(active, u - u / tau_m + current / tau_s, u)
                current = current - current / tau_s
                fires = active & (u > network.thresholds[layer])
                current = current + dense[sample, step] @ weights
                strength = network.layers[layer].lateral_inhibition
                current = current - strength * (fires.sum() - fires)
                u[fires] = 0
                last[fires] = step
                out[sample, step] = fires
        spikes.append(out)
        dense = out
    return spikes


@pytest.mark.parametrize("lateral", [0.0, 0.7])
def test_spikes_equal_a_naive_simulation(lateral):
    network = make_network(lateral=lateral)
    batch = make_input(network)
    record = simulate(network, batch, engine="brian2", dtype="float64")
    expected = naive_lif(network, batch)
    assert min(spikes.sum() for spikes in expected) > 20
    for layer, spikes in enumerate(expected):
        assert np.array_equal(record.dense(layer), spikes)


def test_samples_do_not_feel_the_ones_before():
    """Also when the one before ends in a burst, with neurons still refractory."""
    network = make_network("rk4")
    quiet = make_input(network, 1, rate=0.1, seed=1).dense()
    burst = np.ones_like(quiet)
    together = SpikeBatch.from_dense(np.concatenate([burst, quiet, quiet]))
    record = simulate(network, together, engine="brian2", dtype="float64")
    alone = simulate(network, SpikeBatch.from_dense(quiet), engine="brian2", dtype="float64")
    for layer in range(2):
        assert record.dense(layer)[0].any()
        assert np.array_equal(record.dense(layer)[1], alone.dense(layer)[0])
        assert np.array_equal(record.dense(layer)[2], alone.dense(layer)[0])


def test_a_simulator_runs_batch_after_batch_with_new_weights():
    network = make_network()
    engine = make_engine(network, "brian2", "float64")
    batch, other = make_input(network, 3, seed=1), make_input(network, 2, seed=2)
    first = engine.forward(network.weights, batch).record
    stronger = [2 * w for w in network.weights]
    second = engine.forward(stronger, other).record
    assert second.counts(0).sum() > 0
    network.weights = stronger
    fresh = simulate(network, other, engine="brian2", dtype="float64")
    assert all(a == b for a, b in zip(second.layers, fresh.layers, strict=True))
    assert first.n_samples == 3 and second.n_samples == 2


def test_an_interrupted_run_is_no_record():
    network = make_network()
    built = build_brian_network(network)
    built.network.add(NetworkOperation(lambda t: stop_brian() if t > 70 * ms else None, when="end"))
    with pytest.raises(KeyboardInterrupt, match=r"stopped after 7\d of 300 steps"):
        built.run(make_input(network))


def test_users_can_look_at_the_objects():
    network = make_network(lateral=0.5)
    built = build_brian_network(network)
    assert {"input", "layer_0", "synapses_1", "lateral_1", "spikes_0"} <= set(built.objects)
    trace = StateMonitor(built["layer_1"], "u", record=True)
    built.network.add(trace)
    record = built.run(make_input(network, 2))
    assert trace.u.shape == (9, 2 * network.n_steps)
    # u is recorded before a step, so a spike of step t shows as the reset value 0 in step t + 1
    sample, step, neuron = (
        int(a[0]) for a in (record.layers[1].samples, record.layers[1].steps, record.layers[1].neurons)
    )
    assert trace.u[neuron, sample * network.n_steps + step + 1] == 0
    weights = np.asarray(built["synapses_0"].weight).reshape(12, 70)
    np.testing.assert_array_equal(weights, network.weights[0])


def test_input_of_the_wrong_shape_or_length():
    network = make_network()
    with pytest.raises(ShapeError, match=r"expects input of shape \(12,\) in 60 steps, found shape \(3,\) in 60"):
        simulate(network, SpikeBatch.from_dense(np.zeros((1, 60, 3), dtype=bool)), engine="brian2")
    with pytest.raises(ShapeError, match="in 59 steps"):
        simulate(network, SpikeBatch.from_dense(np.zeros((1, 59, 12), dtype=bool)), engine="brian2")


def test_engine_names_dtype_and_threads():
    network = make_network()
    with pytest.raises(UnknownNameError, match="unknown engine 'brain2'. Did you mean 'brian2'"):
        make_engine(network, "brain2")
    with pytest.raises(ConfigurationError, match="dtype must be"):
        make_engine(network, "fused", "float16")
    with pytest.raises(ConfigurationError, match="threads must be a positive integer"):
        make_engine(network, "fused", threads=0)
    with pytest.raises(ConfigurationError, match="runs on one core, found threads=2; .* set prefs.*openmp_threads"):
        make_engine(network, "brian2", threads=2)


def test_a_presentation_does_not_begin_in_the_middle_of_one():
    network = make_network()
    built, batch = build_brian_network(network), make_input(network, 2)
    built.network.run(10 * ms, namespace={})
    with pytest.raises(ConfigurationError, match="has been run for 10 steps, and a presentation has 60"):
        built.run(batch)
    built.network.run(50 * ms, namespace={})
    assert built.run(batch).layers[1] == simulate(network, batch, engine="brian2", dtype="float64").layers[1]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("sample", [0, 1])
def test_states_that_become_infinite_are_an_error(sample):
    """Also in a presentation that is not the last, whose states are put back afterwards."""
    network = make_network(sizes=(7, 4))
    network.weights[1] = np.full((7, 4), 3e38, dtype=np.float32)
    dense = np.zeros((2, 60, 12), dtype=bool)
    dense[sample] = True
    with pytest.raises(NumericalError, match=r"layer 1 has a state \('I'\) that is NaN or infinite"):
        simulate(network, SpikeBatch.from_dense(dense), engine="brian2", dtype="float32")


def test_an_unused_simulator_is_forgotten_in_silence(caplog):
    logger = logging.getLogger("brian2")
    logger.addHandler(caplog.handler)
    try:
        make_engine(make_network(lateral=0.5), "brian2", "float64")
        gc.collect()
    finally:
        logger.removeHandler(caplog.handler)
    assert [record.getMessage() for record in caplog.records if "never included" in record.getMessage()] == []


def test_an_object_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(UnknownNameError, match="'layer1'. Did you mean 'layer_1'. Known: input, layer_0"):
        build_brian_network(make_network())["layer1"]

"""Convolution and pooling in both engines, against the same network written as dense layers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from brian2 import ms
from networks import NEURONS, engine_gradients, make_input
from oracle import oracle_gradients

from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel
from hm2bp_brian.spikes import SpikeBatch

LOSS = SpikeCountLoss(desired=10, undesired=1, margin=1)
WIDE = Uniform(1.5)

ARCHITECTURES = {
    "conv": [Conv2D(5, 3, threshold=0.8, initializer=WIDE), Dense(4, threshold=1.5, lateral_inhibition=0.3)],
    "padded, strided": [
        Conv2D(3, 3, threshold=0.5, padding=1, stride=2, initializer=WIDE),
        Conv2D(20, 2, threshold=0.8, initializer=WIDE),
        Dense(4, threshold=1.5),
    ],
    "pool": [
        Conv2D(17, 2, threshold=0.6, initializer=WIDE),
        SumPool2D(2, threshold=0.5),
        Conv2D(70, 2, threshold=1.0, initializer=WIDE),
        Dense(4, threshold=1.5),
    ],
    "three and four vectors": [
        Conv2D(40, 3, threshold=0.8, initializer=WIDE),
        Conv2D(50, 2, threshold=2.0, initializer=WIDE),
        Dense(4, threshold=1.5),
    ],
    "pool first": [SumPool2D(2, threshold=0.3), Dense(4, threshold=0.5)],
    "overlapping pool": [Conv2D(3, 2, threshold=0.6, initializer=WIDE), SumPool2D(3, 0.5, stride=2), Dense(4, 1.0)],
}


def make_network(architecture, neuron=lambda n: LIF(20 * ms, 5 * ms, refractory=3 * ms), n_steps=40):
    layers = ARCHITECTURES[architecture]
    shape = (6, 6, 2)
    sizes = [
        int(np.prod(s)) for s in SpikingNetwork(shape, layers, LIF(9 * ms, 3 * ms), dt=1 * ms, duration=1 * ms).shapes
    ]
    return SpikingNetwork(shape, layers, [neuron(n) for n in sizes], dt=1 * ms, duration=n_steps * ms, seed=3)


def as_dense(network) -> SpikingNetwork:
    """The same network, each layer with a matrix in which absent connections are 0."""
    layers = [
        Dense(network.size(number), threshold=layer.threshold, lateral_inhibition=layer.lateral_inhibition)
        for number, layer in enumerate(network.layers)
    ]
    duration = network.n_steps * network.dt * 1e3 * ms
    dense = SpikingNetwork(network.input_shape, layers, network.neurons, dt=1 * ms, duration=duration)
    pairs = zip(network.connections, network.weights, strict=True)
    dense.weights = [connection.unroll(weights.astype(np.float64)) for connection, weights in pairs]
    return dense


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("neuron", ["euler", "exact", "adaptive", "one value a neuron"])
def test_same_spikes_in_both_engines_and_unrolled(architecture, neuron):
    network = make_network(architecture, NEURONS[neuron])
    batch = make_input(network, 3)
    reference = simulate(network, batch, engine="brian2", dtype="float64")
    fused = simulate(network, batch, engine="fused", dtype="float64")
    unrolled = simulate(as_dense(network), batch, engine="fused", dtype="float64")
    assert reference.layers[0].n_spikes > 30
    for layer in range(len(network.layers)):
        assert fused.layers[layer] == reference.layers[layer]
        flat = fused.dense(layer).reshape(3, network.n_steps, -1)
        assert np.array_equal(flat, unrolled.dense(layer))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("silence, ratio", [(1.0, 1.0), (0.3, 1.0), (0.3, 0.1)])
def test_gradients_equal_the_unrolled_network(architecture, silence, ratio):
    network = make_network(architecture)
    network.weights = [silence * w for w in network.weights]
    batch = make_input(network, 3, seed=1)
    record = simulate(network, batch, dtype="float64")
    labels = np.array([0, 3, 1])
    dense = as_dense(network)
    fused = make_engine(network, "fused", "float64", 2)
    in_dense = gradients(
        dense, simulate(dense, batch, dtype="float64"), labels, LOSS, rules=Rules(silent_delta_ratio=ratio)
    )
    in_numpy = gradients(network, record, labels, LOSS, rules=Rules(silent_delta_ratio=ratio))
    in_fused = engine_gradients(fused, network, record, labels, LOSS, rules=Rules(silent_delta_ratio=ratio))
    for layer, connection in enumerate(network.connections):
        expected = connection.fold(in_dense[layer])
        scale = np.abs(expected).max() if expected.size else 0
        assert scale > 0 or not expected.size
        np.testing.assert_allclose(in_numpy[layer], expected, rtol=1e-12, atol=1e-12 * scale)
        np.testing.assert_allclose(in_fused[layer], expected, rtol=1e-9, atol=1e-9 * scale)
        np.testing.assert_allclose(in_fused.deltas[layer], in_dense.deltas[layer], rtol=1e-9, atol=1e-12)


def strong_alpha_synapse(n):
    """Three variables."""
    return NeuronModel(
        """du/dt = (6*I - u)/tau_m : 1 (unless refractory)
        dI/dt = (h - I)/tau_s : 1
        dh/dt = -h/tau_s : 1""",
        refractory=3 * ms,
        method="euler",
        synaptic_variable="h",
        tau_m=20 * ms,
        tau_s=4 * ms,
    )


OTHER_NEURONS = {"alpha": strong_alpha_synapse} | {
    name: NEURONS[name] for name in ("one value a neuron", "moving threshold", "soft reset")
}


@pytest.mark.parametrize("neuron", OTHER_NEURONS.values(), ids=OTHER_NEURONS)
@pytest.mark.parametrize("architecture", ["padded, strided", "pool", "overlapping pool", "pool first"])
@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-9), ("float32", 2e-4)])
def test_gradients_of_other_neurons_equal_the_reference(architecture, neuron, dtype, rtol):
    network = make_network(architecture, neuron)
    batch, labels = make_input(network, 3, seed=1, rate=0.3), np.array([0, 3, 1])
    record = simulate(network, batch, dtype="float64")
    assert all(layer.n_spikes for layer in record.layers)
    expected = gradients(network, record, labels, LOSS)
    found = engine_gradients(make_engine(network, "fused", dtype, 2), network, record, labels, LOSS)
    for layer, array in enumerate(expected):
        scale = np.abs(array).max() if array.size else 0
        np.testing.assert_allclose(found[layer], array, rtol=rtol, atol=rtol * scale)
        delta = expected.deltas[layer]
        np.testing.assert_allclose(found.deltas[layer], delta, rtol=rtol, atol=rtol * np.abs(delta).max())


def test_unrolled_gradient_equals_the_oracle():
    network = make_network("conv", n_steps=25)
    batch = make_input(network, 2, seed=2)
    record = simulate(network, batch, dtype="float64")
    dense = as_dense(network)
    oracle = oracle_gradients(dense, simulate(dense, batch, dtype="float64"), [2, 0], LOSS)
    found = gradients(network, record, [2, 0], LOSS)
    for layer, connection in enumerate(network.connections):
        np.testing.assert_allclose(found[layer], connection.fold(oracle[layer]), rtol=1e-9, atol=1e-9)


def test_same_bits_for_any_number_of_threads_and_any_batch():
    network = make_network("pool")
    batch, labels = make_input(network, 5), np.arange(5) % 4
    one, three = (make_engine(network, "fused", "float32", threads) for threads in (1, 3))
    records = [engine.forward(network.weights, batch).record for engine in (one, three)]
    for layer in range(4):
        assert records[0].layers[layer] == records[1].layers[layer]
        alone = one.forward(network.weights, batch.sample(3)).record.layers[layer]
        assert alone == records[0].layers[layer].sample(3)
    found = [engine_gradients(engine, network, records[0], labels, LOSS) for engine in (one, three)]
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_one_engine_may_be_used_from_several_threads():
    network = make_network("pool")
    engine = make_engine(network, "fused", "float32", 2)
    batches = [make_input(network, 3, seed=seed) for seed in range(4)]

    def spikes_and_gradients(batch):
        record = engine.forward(network.weights, batch).record
        return record.layers, engine_gradients(engine, network, record, [0, 1, 2], LOSS)

    alone = [spikes_and_gradients(batch) for batch in batches]
    with ThreadPoolExecutor(6) as executor:
        for number, found in enumerate(executor.map(spikes_and_gradients, batches * 25)):
            expected = alone[number % len(batches)]
            assert found[0] == expected[0]
            assert all(np.array_equal(a, b) for a, b in zip(found[1], expected[1], strict=True))


def in_a_corner(network, rate=0.4):
    """Three samples, of which the first and the last have spikes in the upper left corner, the second has none."""
    spikes = np.zeros((3, network.n_steps, *network.input_shape), dtype=bool)
    spikes[::2, :, :2, :2] = np.random.default_rng(5).random((2, network.n_steps, 2, 2, 2)) < rate
    return SpikeBatch.from_dense(spikes)


def driven(n):
    """Fires without input, though not at once."""
    equations = "du/dt = (I - u + 3)/(20*ms) : 1 (unless refractory)\ndI/dt = -I/(5*ms) : 1"
    return NeuronModel(equations, refractory=3 * ms, method="euler", initial={"u": 0})


@pytest.mark.parametrize("neuron", [NEURONS["euler"], driven])
@pytest.mark.parametrize("architecture", ["padded, strided", "pool", "overlapping pool"])
def test_what_no_spike_reaches_is_as_in_brian2(architecture, neuron):
    network = make_network(architecture, neuron)
    batch = in_a_corner(network)
    reference = simulate(network, batch, engine="brian2", dtype="float64")
    fused = simulate(network, batch, engine="fused", dtype="float64")
    assert reference.layers[0].sample(0).n_spikes > 30
    assert (reference.layers[0].sample(1).n_spikes > 30) == (neuron is driven)
    for layer in range(len(network.layers)):
        assert fused.layers[layer] == reference.layers[layer]


@pytest.mark.parametrize("architecture", ["padded, strided", "pool", "three and four vectors"])
def test_gradients_of_maps_that_mostly_rest_equal_the_unrolled_network(architecture):
    network, labels = make_network(architecture), np.array([0, 3, 1])
    batch, dense = in_a_corner(network), as_dense(network)
    record = simulate(network, batch, dtype="float64")
    expected = gradients(dense, simulate(dense, batch, dtype="float64"), labels, LOSS)
    found = engine_gradients(make_engine(network, "fused", "float64", 2), network, record, labels, LOSS)
    for layer, connection in enumerate(network.connections):
        array = connection.fold(expected[layer])
        np.testing.assert_allclose(found[layer], array, rtol=1e-9, atol=1e-9 * np.abs(array).max(initial=0))
        np.testing.assert_allclose(found.deltas[layer], expected.deltas[layer], rtol=1e-9, atol=1e-12)


def test_a_sample_within_the_margin_adds_nothing():
    network, labels = make_network("pool"), np.array([0, 3, 1])
    batch = make_input(network, 3, seed=1)
    engine = make_engine(network, "fused", "float64", 2)
    tape = engine.forward(network.weights, batch)
    errors = LOSS.errors(tape.counts, labels)
    errors.d_counts[1] = 0
    found = engine.backward(tape, errors, Rules())
    assert all((deltas[0] != 0).any() and (deltas[1] == 0).all() for deltas in found.deltas)


def test_users_see_one_synapse_a_connection():
    from hm2bp_brian.brian.network import build_brian_network

    network = make_network("padded, strided")
    synapses = build_brian_network(network)["synapses_0"]
    kernel = network.weights[0]
    # centre of the window of output (1, 1) is input (2, 2): kernel place (1, 1)
    pre, post = (2 * 6 + 2) * 2 + 1, (1 * 3 + 1) * 3 + 2
    assert np.asarray(synapses.weight[pre, post]) == kernel[1, 1, 1, 2]
    assert len(synapses) == len(network.connections[0].synapses()[0])


def test_non_finite_states_are_located():
    network = make_network("pool")
    spikes = np.zeros((2, network.n_steps, *network.input_shape), dtype=bool)
    spikes[1, [4, 5], 2, 2, 0] = True
    weights = [w.astype(np.float64) for w in network.weights]
    weights[0][...] = 1.7e308
    with pytest.raises(ArithmeticError, match="layer 0 .* sample 1 at step"):
        make_engine(network, "fused", "float64", 1).forward(weights, SpikeBatch.from_dense(spikes))

import numpy as np
import pytest
from brian2 import ms
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from oracle import _pair

from hm2bp_brian.brian.network import BrianNetwork
from hm2bp_brian.brian.state_traces import record_state_traces
from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError
from hm2bp_brian.learning.attribution import incoming_weights, spike_attribution
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.spikes import SpikeBatch


def run(network, inputs):
    return BrianNetwork(network, "float64", NumpyCodeObject).run(inputs)


@pytest.fixture(scope="module")
def network():
    network = SpikingNetwork(
        (6, 6, 1),
        [
            Conv2D(2, 3, threshold=0.4, initializer=Uniform(1.5)),
            SumPool2D(2, threshold=0.4),
            Dense(3, threshold=0.3, lateral_inhibition=0.2, initializer=Uniform(2.0)),
        ],
        LIF(15 * ms, 4 * ms, refractory=2 * ms),
        dt=1 * ms,
        duration=40 * ms,
        seed=2,
    )
    network.weights = [w.astype(np.float64) for w in network.weights]
    return network


@pytest.fixture(scope="module")
def inputs(network):
    return SpikeBatch.from_dense(np.random.default_rng(3).random((2, 40, 6, 6, 1)) < 0.2)


@pytest.fixture(scope="module")
def record(network, inputs):
    return run(network, inputs)


@pytest.mark.parametrize("layer", [0, 1])
def test_contributions_sum_to_the_potential_that_brian2_sees_at_every_spike(network, inputs, record, layer):
    neurons = [int(neuron) for neuron in np.argsort(-record.counts(layer)[1])[:3]]
    traces = record_state_traces(network, inputs, layer, neurons, sample=1)
    for neuron, u in zip(neurons, traces.values["u"], strict=True):
        train = record.layers[layer].train(1, neuron)
        assert len(train) > 2
        sums = [spike_attribution(network, record, layer, neuron, f, 1).sum() for f in range(len(train))]
        np.testing.assert_allclose(sums, u[train], rtol=1e-9)
        assert min(sums) > network.thresholds[layer]


def test_each_contribution_is_the_pairs_own_potential_at_that_spike(network, record):
    neuron = int(record.counts(2)[0].argmax())
    train, linear_map = record.output.train(0, neuron), network.linear_map(2)
    assert len(train) > 2
    for spike in (0, 2, -1):
        found = spike_attribution(network, record, 2, neuron, spike)
        until = spike % len(train)
        for j in range(len(found)):
            pre = set(record.layers[1].train(0, j).tolist())
            potentials = [_pair(linear_map, neuron, pre, set(train[:n].tolist()), 40) for n in (until, until + 1)]
            assert found[j] == pytest.approx(network.weights[2][j, neuron] * (potentials[1] - potentials[0]), abs=1e-12)


@pytest.mark.parametrize("delay", [3 * ms, Learned(0 * ms, 9 * ms)])
def test_delayed_contributions_sum_to_the_potential(delay):
    layers = [Dense(5, threshold=0.4, initializer=Uniform(1.5), delay=delay)]
    network = SpikingNetwork((6,), layers, LIF(15 * ms, 4 * ms, refractory=2 * ms), dt=1 * ms, duration=60 * ms, seed=2)
    network.weights[0] = network.weights[0].astype(np.float64)
    inputs = SpikeBatch.from_dense(np.random.default_rng(3).random((1, 60, 6)) < 0.2)
    record = run(network, inputs)
    neuron = int(record.counts(0)[0].argmax())
    train = record.output.train(0, neuron)
    assert len(train) > 2
    (u,) = record_state_traces(network, inputs, 0, [neuron], sample=0).values["u"]
    sums = [spike_attribution(network, record, 0, neuron, f).sum() for f in range(len(train))]
    np.testing.assert_allclose(sums, u[train], rtol=1e-9)


def test_incoming_weights_are_the_columns_of_the_unrolled_weights(network):
    for layer, connection in enumerate(network.connections):
        matrix = connection.unroll(network.weights[layer])
        for neuron in (0, network.size(layer) - 1):
            np.testing.assert_array_equal(incoming_weights(network, layer, neuron), matrix[:, neuron])


def test_what_is_not_there(network, record):
    silent = np.zeros((1, 40, 6, 6, 1), dtype=bool)
    nothing = run(network, SpikeBatch.from_dense(silent))
    with pytest.raises(SpikeError, match="neuron 0 of layer 2 has 0 spikes in sample 0, found spike 0"):
        spike_attribution(network, nothing, 2, 0)
    with pytest.raises(ConfigurationError, match=r"layers 0\.\.2, found layer 3"):
        spike_attribution(network, record, 3, 0)
    with pytest.raises(ConfigurationError, match=r"neurons 0\.\.2, found neuron -1"):
        spike_attribution(network, record, 2, -1)
    with pytest.raises(SpikeError, match=r"0\.\.1, found sample 2"):
        spike_attribution(network, record, 2, 0, sample=2)
    for wrong in (1.0, True):
        with pytest.raises(ConfigurationError, match=r"layers 0\.\.2, found layer"):
            spike_attribution(network, record, wrong, 0)
        with pytest.raises(ConfigurationError, match=r"neurons 0\.\.2, found neuron"):
            spike_attribution(network, record, 2, wrong)
        with pytest.raises(SpikeError, match=f"found spike {wrong}"):
            spike_attribution(network, record, 2, 0, wrong)


def test_another_networks_record(record):
    other = SpikingNetwork(4, [Dense(2, threshold=1.0)], LIF(15 * ms, 4 * ms), dt=1 * ms, duration=40 * ms)
    with pytest.raises(ShapeError, match="not of this network"):
        spike_attribution(other, record, 0, 0)

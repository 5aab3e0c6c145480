"""Weights scaled until populations fire in a band."""

import numpy as np
import pytest
from brian2 import Hz, ms, mV
from tiny_training import NumpyEngine, tiny_dataset, tiny_network

import hm2bp_brian as hb
from hm2bp_brian.errors import ConfigurationError, ShapeError, UnitError

BAND = (40 * Hz, 60 * Hz)


def tiny_batch(network):
    return hb.encoding.BernoulliEncoder(2.0).encode(tiny_dataset(12).images, network.n_steps)


@pytest.mark.parametrize("limit", [0.01, 0.4, 30.0])
def test_each_layer_is_brought_into_the_band_by_one_factor(limit):
    layers = [hb.Dense(8, 1.0, initializer=hb.Uniform(limit)), hb.Dense(3, 1.0, initializer=hb.Uniform(limit))]
    network = tiny_network(layers=layers)
    before, batch = [w.copy() for w in network.weights], tiny_batch(network)
    rates = hb.calibrate(network, batch, BAND, engine=NumpyEngine(network))
    record = NumpyEngine(network).forward(network.weights, batch).record
    for layer, (name, rate) in enumerate(rates.items()):
        assert name == f"layer_{layer}" and BAND[0] <= rate <= BAND[1]
        assert float(rate) == pytest.approx(record.counts(layer).mean() / 0.04)
        factor = network.weights[layer] / before[layer]
        np.testing.assert_allclose(factor, factor[0, 0], rtol=1e-5)
        assert network.weights[layer].dtype == np.float32


def test_what_is_in_the_band_stays():
    network = tiny_network()
    batch = tiny_batch(network)
    hb.calibrate(network, batch, BAND, engine=NumpyEngine(network))
    before = [w.copy() for w in network.weights]
    hb.calibrate(network, batch, BAND, engine=NumpyEngine(network))
    assert all(np.array_equal(w, b) for w, b in zip(network.weights, before, strict=True))


def test_loops_and_fixed_weights():
    network = hb.SpikingNetwork(dt=1 * ms, duration=50 * ms, seed=2)
    network.input("in", 20)
    for name, n in (("exc", 16), ("inh", 4), ("out", 3)):
        network.population(name, n, neuron=hb.LIF(20 * ms, 5 * ms), threshold=1, readout=name == "out")
    network.connect("in", "exc")
    network.connect("in", "inh", plastic=False, weights=hb.Uniform(0.5))
    network.connect("exc", "inh", sign="excitatory", weights=hb.Uniform(0.2))
    network.connect("inh", "exc", sign="inhibitory", weights=hb.Uniform(0.2))
    network.connect("exc", "out")
    fixed = network.weights["in_to_inh"].copy()
    batch = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((5, 50, 20)) < 0.05)
    rates = hb.calibrate(network, batch, (30 * Hz, 60 * Hz), engine="brian2")
    assert list(rates) == ["exc", "inh", "out"] and all(30 * Hz <= rate <= 60 * Hz for rate in rates.values())
    np.testing.assert_array_equal(network.weights["in_to_inh"], fixed)
    assert network.weights["inh_to_exc"].max() <= 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_can_not_be_brought_there_is_said_and_left():
    network = tiny_network()
    before, silence = [w.copy() for w in network.weights], hb.SpikeBatch.from_dense(np.zeros((2, 40, 4, 4, 1), bool))
    message = r"'layer_\d' fires at 0 Hz and could not be brought into 40..60 Hz: no factor of its weights does it"
    with pytest.warns(UserWarning, match=message) as found:
        rates = hb.calibrate(network, silence, BAND, engine=NumpyEngine(network))
    assert len([warning for warning in found if warning.category is UserWarning]) == 2
    assert [float(rate) for rate in rates.values()] == [0.0, 0.0]
    assert all(np.array_equal(w, b) for w, b in zip(network.weights, before, strict=True))


@pytest.mark.parametrize(
    ("band", "error", "message"),
    [
        (5 * Hz, ConfigurationError, "band must be two rates such as"),
        ((5, 20), UnitError, "band, low, needs a value in"),
        ((5 * mV, 20 * mV), UnitError, "band, low, needs a value in"),
        ((20 * Hz, 5 * Hz), ConfigurationError, "band must be 0 < low < high, found 20. Hz and 5. Hz"),
        ((0 * Hz, 5 * Hz), ConfigurationError, "band must be 0 < low < high"),
    ],
    ids=["one", "no unit", "wrong unit", "falling", "from zero"],
)
def test_bands_that_are_none(band, error, message):
    network = tiny_network()
    with pytest.raises(error, match=message):
        hb.calibrate(network, tiny_batch(network), band)


def test_spikes_of_another_network_are_refused():
    network = tiny_network()
    with pytest.raises(ShapeError, match="expects input of shape"):
        hb.calibrate(network, hb.SpikeBatch.from_dense(np.zeros((2, 40, 5), bool)), BAND)

"""Learning rates relative to the scale of the weights: the unit of a neuron's equations makes no difference."""

import numpy as np
import pytest
from brian2 import ms, mV
from tiny_training import make_trainer, tiny_dataset, tiny_network

import hm2bp_brian as hb
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.model.weight_scale import weight_scales
from hm2bp_brian.training.optimizers import step_scales


def trained(optimizer, unit):
    """Weights after some updates of the same neurons, with potentials and weights in a unit."""
    neuron = hb.NeuronModel(
        f"dv/dt = (I - v)/tau : {'volt' if unit is mV else 1}\ndI/dt = -I/tau : {'volt' if unit is mV else 1}",
        threshold="v > v_th",
        reset=f"v = {'0*mV' if unit is mV else 0}",
        method="euler",
        tau=8 * ms,
    )
    layers = [hb.Dense(8, threshold=1 * unit), hb.Dense(3, threshold=2 * unit)]
    network = hb.SpikingNetwork((4, 4, 1), layers, neuron, dt=1 * ms, duration=40 * ms, seed=1)
    trainer = hb.Trainer(network, hb.SpikeCountLoss(8, 1, 1), optimizer, "brian2", dtype="float64")
    before = [w.copy() for w in network.weights]
    trainer.fit(tiny_dataset(9), epochs=1, batch_size=3, progress=False)
    assert all((w != b).any() for w, b in zip(network.weights, before, strict=True))
    return [w / float(unit) for w in network.weights]


@pytest.mark.parametrize("optimizer", [hb.Adam(), hb.SGD()], ids=["Adam", "SGD"])
def test_units_change_nothing(optimizer):
    for plain, in_millivolt in zip(trained(optimizer, 1), trained(optimizer, mV), strict=True):
        # the initial weights are rounded to single precision in either unit
        np.testing.assert_allclose(in_millivolt, plain, rtol=1e-5, atol=1e-6)


def test_a_step_of_adam_is_the_fraction_of_the_scale():
    trainer = make_trainer(optimizer=hb.Adam(hb.Relative(0.03)))
    before = [w.copy() for w in trainer.network.weights]
    trainer.fit(tiny_dataset(6), epochs=1, batch_size=6, progress=False)
    for w, b, scale in zip(trainer.network.weights, before, weight_scales(trainer.network), strict=True):
        assert np.abs(w - b).max() == pytest.approx(0.03 * scale, rel=1e-4)


def test_numbers_are_in_the_unit_of_the_weights():
    network = tiny_network()
    assert step_scales(hb.Adam(0.1), network) == [1.0, 1.0]
    scales = weight_scales(network)
    assert step_scales(hb.SGD(hb.Relative(0.1)), network) == [scale**2 for scale in scales]


def test_recipes_keep_it():
    layers = (hb.Dense(3, 2.0),)
    recipe = Recipe(name="own", layers=layers, optimizer=hb.Adam(hb.Relative(0.05)))
    again = Recipe.from_toml(recipe.to_toml())
    assert again == recipe and again.optimizer.learning_rate == hb.Relative(0.05)
    assert again.layers[0].initializer == hb.Scaled()


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), "a"])
def test_rates_that_can_not_be(rate):
    with pytest.raises(ConfigurationError, match="Relative.rate must be"):
        hb.Relative(rate)

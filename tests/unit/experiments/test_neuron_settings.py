"""Neurons in recipes: from settings to equations, to TOML and back, and from files of version 0.1.0."""

import dataclasses

import numpy as np
import pytest
from brian2 import ms, mV, nA
from networks import ADAPTIVE, NEURONS
from tiny_run import RECIPE
from tiny_training import tiny_dataset

from hm2bp_brian.engines.registry import simulate
from hm2bp_brian.errors import ConfigurationError, UnitError
from hm2bp_brian.experiments.neuron_settings import EquationSettings, LIFSettings
from hm2bp_brian.experiments.pretrained import FOLDER
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.experiments.weights_file import read_weights
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch

LAYERS = (Dense(8, 0.3, initializer=Uniform(1.5)), Dense(3, 0.2, initializer=Uniform(1.5)))
ADAPTIVE_SETTINGS = EquationSettings(
    equations=ADAPTIVE,
    reset="u = 0\nw += b",
    refractory_ms=2.0,
    method="rk2",
    parameters=(("tau_m", "15*ms"), ("tau_s", "5*ms"), ("tau_w", "80*ms"), ("a", "0.1"), ("b", "0.3")),
)
# an S-PSP, by which training goes, needs a reset of the membrane alone
TRAINABLE = dataclasses.replace(
    ADAPTIVE_SETTINGS, reset="u = 0", parameters=(("tau_m", "15*ms"), ("tau_s", "5*ms"), ("tau_w", "80*ms"), ("a", "2"))
)
IN_VOLTS = EquationSettings(
    equations="dv/dt = (R*j - v)/(20*ms) : volt (unless refractory)\ndj/dt = -j/(5*ms) : amp",
    threshold="v > v_th",
    reset="v = 0*mV",
    refractory_ms=3.0,
    synaptic_variable="j",
    parameters=(("R", "10*Mohm"),),
)


def test_lif():
    neuron = LIFSettings(20.0, 5.0, 2.0, "rk4").make()
    assert (neuron.tau_m, neuron.tau_s, neuron.refractory) == pytest.approx((0.02, 0.005, 0.002))
    assert neuron.method == "rk4"


def test_own_equations_are_those_that_python_would_make():
    recipe = dataclasses.replace(RECIPE, neuron=ADAPTIVE_SETTINGS, layers=LAYERS)
    made = recipe.make_network((12,))
    written = SpikingNetwork(12, LAYERS, NEURONS["adaptive"](1), dt=1 * ms, duration=40 * ms, seed=1)
    batch = SpikeBatch.from_dense(np.random.default_rng(0).random((3, 40, 12)) < 0.3)
    found, expected = (simulate(network, batch, engine="brian2") for network in (made, written))
    assert expected.output.n_spikes > 3
    np.testing.assert_array_equal(found.output.dense(), expected.output.dense())
    without = dataclasses.replace(ADAPTIVE_SETTINGS, reset="u = 0*b")  # so adaptation counts here
    other = simulate(dataclasses.replace(recipe, neuron=without).make_network((12,)), batch, engine="brian2")
    assert other.output.n_spikes != expected.output.n_spikes


def test_a_recipe_with_own_equations_is_written_read_and_trained():
    recipe = Recipe.from_toml(dataclasses.replace(RECIPE, neuron=TRAINABLE, layers=LAYERS).to_toml())
    assert recipe.neuron == TRAINABLE and recipe.layers == LAYERS
    train = tiny_dataset(12)
    trainer = recipe.make_trainer(recipe.make_network(train.shape), "brian2")
    before = [w.copy() for w in trainer.network.weights]
    trainer.fit(train, tiny_dataset(6, seed=1), 2, 6, progress=False)
    assert [row["epoch"] for row in trainer.history] == [1, 2]
    assert (trainer.history.column("rate_1") > 0).all() and np.isfinite(trainer.history.column("train_loss")).all()
    for old, new in zip(before, trainer.network.weights, strict=True):
        assert np.isfinite(new).all() and (old != new).any()


def test_thresholds_and_limits_in_units():
    layers = (SumPool2D(2, "4*mV"), Dense(4, "15*mV", initializer=Uniform("2.5*nA")))
    recipe = dataclasses.replace(RECIPE, neuron=IN_VOLTS, layers=layers)
    again = Recipe.from_toml(recipe.to_toml())
    assert again == recipe and again.layers[1].threshold == "15*mV"
    network = again.make_network((4, 4, 1))
    assert network.thresholds == pytest.approx([4e-3, 15e-3])
    assert 2e-9 < np.abs(network.weights[1]).max() <= 2.5e-9
    assert (network.layers[1].threshold, network.layers[1].initializer.limit) == (15 * mV, 2.5 * nA)


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (Dense(3, "-2*mV"), ConfigurationError, "'threshold' should be positive, found '-2.mV'"),
        (Dense(3, "2 mV"), ConfigurationError, "'threshold' should be a number, times and over units"),
        (Dense(3, "2*mV", initializer=Uniform("-1")), ConfigurationError, "'limit' should be at least 0"),
        (Dense(3, "2*mV", initializer=Uniform("2*pA/parsec")), ConfigurationError, "no unit 'parsec'"),
        (Dense(3, 2 * mV), ConfigurationError, "'threshold' should be a finite number of at most .* or a text"),
        (Dense(3, "2*nA"), UnitError, "threshold"),
        (Dense(3, 2.0), UnitError, "threshold"),
        (Dense(3, "2*mV", initializer=Uniform("2*mV")), UnitError, "limit of layer 0"),
    ],
)
def test_wrong_units_of_layers(layer, error, message):
    with pytest.raises(error, match=message):
        dataclasses.replace(RECIPE, neuron=IN_VOLTS, layers=(layer,)).make_network((4,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": (("tau_m", "15*ms", "more"),)}, "a name and a value, .* found .'tau_m', '15.ms', 'more'"),
        ({"parameters": (("tau m", "15*ms"),)}, "a name and a value, .*'tau m'"),
        ({"parameters": (("threshold", "15*ms"),)}, "the name none of .*threshold.* found .'threshold'"),
        ({"parameters": (("self", "1"),)}, "the name none of self"),
        ({"parameters": (("a", "1"), ("b", "2"), ("a", "1"))}, "should occur once, found a, b, a"),
        ({"parameters": (("a", 1.0),)}, "'parameters' should be a tuple, each item a tuple, each item a text"),
        ({"parameters": [("a", "1")]}, "'parameters' should be a tuple"),
        ({"parameters": (("a", "exit()"),)}, "'a' should be a number"),
        ({"refractory_ms": -1.0}, "'refractory_ms' should be at least 0"),
        ({"method": 3}, "'method' should be a text"),
    ],
)
def test_wrong_settings_of_own_equations(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        dataclasses.replace(ADAPTIVE_SETTINGS, **changes)


def test_wrong_settings_of_lif():
    with pytest.raises(ConfigurationError, match="does not fit LIFSettings: 'tau_s_ms' should be positive, found -8"):
        LIFSettings(tau_s_ms=-8)


@pytest.mark.parametrize(
    "changes",
    [
        {"equations": "du/dt = (I - u + exec('raise SystemExit'))/(5*ms) : 1\ndI/dt = -I/(5*ms) : 1"},
        {"equations": "du/dt = (I - u)/(5*ms) : __import__('os').abort()\ndI/dt = -I/(5*ms) : 1"},
        {"reset": "u = __import__('os').abort()"},
        {"reset": "import os\nos.abort()"},
        {"threshold": "u > v_th and exit()"},
    ],
)
def test_code_in_a_file_is_not_run(changes):
    neuron = {"equations": "du/dt = (I - u)/(5*ms) : 1\ndI/dt = -I/(5*ms) : 1"} | changes
    recipe = Recipe.from_toml(dataclasses.replace(RECIPE, neuron=EquationSettings(**neuron)).to_toml())
    with pytest.raises(ConfigurationError):
        recipe.make_network((4,))


OLD = """
name = "old"
silent_delta_ratio = 0.1
tau_m_ms = 38.4
{more}

[[layers]]
kind = "Dense"
units = 3
threshold = 1.0

[optimizer]
kind = "Adam"
learning_rate = 0.01
"""


def test_recipes_of_version_0_1_0():
    recipe = Recipe.from_toml(OLD.format(more='method = "rk4"'))
    assert recipe.neuron == LIFSettings(tau_m_ms=38.4, method="rk4")
    assert recipe.rules.silent_delta_ratio == 0.1
    with pytest.raises(ConfigurationError, match="does not fit LIFSettings: 'tau_s_ms' should be positive, found -1"):
        Recipe.from_toml(OLD.format(more="tau_s_ms = -1"))
    with pytest.raises(ConfigurationError, match="unknown field 'tau_m_ms'"):
        Recipe.from_toml(OLD.format(more='neuron = {kind = "LIFSettings"}'))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.npz")), ids=lambda path: path.stem)
def test_weight_files_of_version_0_1_0(path):
    with np.load(path) as file:
        assert "\ntau_m_ms = 64.0\n" in str(file["recipe"])
    recipe = read_weights(path).recipe
    assert recipe.neuron == LIFSettings(64.0, 8.0, 3.0, "euler")
    assert recipe.name == path.stem


def test_presentations_start_where_a_recipe_says_and_thresholds_are_learned():
    neuron = dataclasses.replace(IN_VOLTS, initial=(("v", "-3*mV"), ("j", "1*nA")))
    layers = (Dense(4, Learned("5*mV", "15*mV", shared=True), initializer=Uniform("2.5*nA")), Dense(3, "9*mV"))
    recipe = dataclasses.replace(RECIPE, neuron=neuron, layers=layers)
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert recipe.neuron.make().initial == {"v": -0.003, "j": 1e-9}
    network = dataclasses.replace(recipe, layers=layers[:1]).make_network((4, 4, 1))
    assert network.neuron_values[0].shape == (1,) and 0.005 <= network.neuron_values[0] <= 0.015
    with pytest.raises(ConfigurationError, match="each name in 'initial' should occur once, found v, v"):
        dataclasses.replace(neuron, initial=(("v", "1*mV"), ("v", "2*mV")))


def test_spsps_may_be_shares():
    squared = dataclasses.replace(
        IN_VOLTS, equations=IN_VOLTS.equations.replace("R*j - v", "R*j + v**2/mV - v"), spsp="share"
    )
    recipe = dataclasses.replace(RECIPE, neuron=squared)
    assert Recipe.from_toml(recipe.to_toml()).neuron == squared and squared.make().spsp == "share"
    with pytest.raises(ConfigurationError, match="'share' is for neurons that are not affine"):
        dataclasses.replace(IN_VOLTS, spsp="share").make()

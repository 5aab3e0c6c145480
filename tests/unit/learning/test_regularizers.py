import numpy as np
import pytest
from brian2 import ms, pA

from hm2bp_brian.errors import ConfigurationError, UnitError
from hm2bp_brian.learning.regularizers import WeightLimit, check_limit
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel


def test_gradient_is_the_derivative_of_the_value():
    regularizer = WeightLimit(strength=3.0, beta=0.7, limit=2.0)
    weights = np.random.default_rng(0).normal(size=(4, 3)) * 3
    gradient = regularizer.gradient(weights)
    h = 1e-5
    for where in np.ndindex(weights.shape):
        step = np.zeros_like(weights)
        step[where] = h
        slope = (regularizer.value(weights + step) - regularizer.value(weights - step)) / (2 * h)
        assert gradient[where] == pytest.approx(slope, rel=1e-6)


def test_gradient_is_the_formula_of_the_paper_for_each_post_neuron():
    weights = np.array([[4.0, 0.0], [-8.0, 16.0]])
    gradient = WeightLimit(strength=10.0, beta=0.04, limit=8.0).gradient(weights)
    first, second = np.exp(0.04 * ((0.25 + 1) / 2 - 1)), np.exp(0.04 * (4 / 2 - 1))
    expected = [[10 * 0.04 * 0.5 * first, 0], [-10 * 0.04 * first, 10 * 0.04 * 2 * second]]
    np.testing.assert_allclose(gradient, expected, rtol=1e-14)


def test_zero_weights_cost_nothing():
    zeros = np.zeros((3, 2), dtype=np.float32)
    assert WeightLimit().value(zeros) == 0
    np.testing.assert_array_equal(WeightLimit().gradient(zeros), 0)
    assert WeightLimit().value(zeros + 1) > 0


@pytest.mark.parametrize("settings", [dict(strength=-1), dict(beta=float("nan")), dict(limit=0), dict(limit=-8)])
def test_impossible_settings_are_refused(settings):
    (name,) = settings
    with pytest.raises(ConfigurationError, match=f"WeightLimit.{name} must be finite"):
        WeightLimit(**settings)


def test_the_limit_has_the_unit_of_the_weights():
    weights = np.array([[1e-10], [4e-10]])
    np.testing.assert_array_equal(
        WeightLimit(limit=300 * pA).gradient(weights), WeightLimit(limit=3e-10).gradient(weights)
    )
    ampere = NeuronModel("du/dt = (I/amp - u)/tau : 1\ndI/dt = -I/tau : amp", tau=9 * ms, method="euler")
    time = {"dt": 1 * ms, "duration": 5 * ms}
    currents = SpikingNetwork(2, [Dense(1, 1.0, initializer=Uniform(9 * pA))], ampere, **time)
    plain = SpikingNetwork(2, [Dense(1, 1.0)], LIF(9 * ms, 2 * ms), **time)
    check_limit(WeightLimit(limit=300 * pA), currents)
    check_limit(WeightLimit(), plain)
    for limit, network, needed in ((8.0, currents, "a value in amp"), (300 * pA, plain, "no unit")):
        with pytest.raises(UnitError, match=f"WeightLimit.limit, for the weights of layer 0, needs {needed}"):
            check_limit(WeightLimit(limit=limit), network)

import numpy as np
import pytest

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.learning.regularizers import WeightLimit


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

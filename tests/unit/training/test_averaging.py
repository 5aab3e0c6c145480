import numpy as np
import pytest

from hm2bp_brian.engines.updates import CHUNK
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.training.averaging import WeightAverage


def series(n=4):
    generator = np.random.default_rng(0)
    return [[generator.normal(size=(2, CHUNK)), generator.normal(size=3)] for _ in range(n)]


def test_average_equals_its_formula():
    weights = series()
    average = WeightAverage(0.7)
    state = average.init(weights[0])
    for w in weights:
        average.update(state, w)
    for layer, found in enumerate(average.weights(state)):
        total = sum(0.7 ** (4 - k) * weights[k - 1][layer] for k in (1, 2, 3, 4))
        np.testing.assert_allclose(found, total * 0.3 / (1 - 0.7**4), rtol=1e-12, atol=1e-14)


def test_average_of_the_first_update_is_that_update_and_keeps_the_dtype():
    weights = [np.array([0.5, -3.0], np.float32)]
    average = WeightAverage(0.998)
    state = average.init(weights)
    average.update(state, weights)
    (found,) = average.weights(state)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, weights[0], rtol=1e-5)


@pytest.mark.parametrize("decay", [0, 1, -0.5, float("nan")])
def test_decay_out_of_range(decay):
    with pytest.raises(ConfigurationError, match="averaging must be in 0 < averaging < 1"):
        WeightAverage(decay)

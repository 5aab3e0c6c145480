"""Windows against loops over positions, and what can't be connected."""

import numpy as np
import pytest
from brian2 import ms

from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.model.layers import Conv2D, Dense, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF


def naive_matrix(kernel, input_shape, output_shape, stride, padding):
    """Unrolled convolution; ``kernel`` None for pooling is given as a function of (y, x, i, j)."""
    height, width, c_in = input_shape
    rows, columns, c_out = output_shape
    matrix = np.zeros((height, width, c_in, rows, columns, c_out))
    for row in range(rows):
        for column in range(columns):
            for y in range(kernel.shape[0]):
                for x in range(kernel.shape[1]):
                    r, c = row * stride - padding + y, column * stride - padding + x
                    if 0 <= r < height and 0 <= c < width:
                        matrix[r, c, :, row, column, :] = kernel[y, x]
    return matrix.reshape(height * width * c_in, rows * columns * c_out)


@pytest.mark.parametrize(
    ("layer", "input_shape", "output_shape"),
    [
        (Conv2D(4, 3, threshold=1), (5, 6, 2), (3, 4, 4)),
        (Conv2D(3, 3, threshold=1, padding=1), (4, 4, 1), (4, 4, 3)),
        (Conv2D(2, 3, threshold=1, padding=2, stride=2), (6, 5, 3), (4, 4, 2)),
        (Conv2D(2, 5, threshold=1), (5, 5, 1), (1, 1, 2)),
    ],
)
def test_convolution_is_the_unrolled_matrix(layer, input_shape, output_shape):
    connection = layer.connect(input_shape)
    assert connection.output_shape == output_shape
    kernel = np.random.default_rng(0).normal(size=connection.weight_shape)
    assert kernel.shape == (layer.kernel_size, layer.kernel_size, input_shape[2], layer.channels)
    expected = naive_matrix(kernel, input_shape, output_shape, layer.stride, layer.padding)
    np.testing.assert_array_equal(connection.unroll(kernel), expected)
    # fold is the transpose of unroll
    gradient = np.random.default_rng(1).normal(size=expected.shape)
    np.testing.assert_allclose((gradient * expected).sum(), (connection.fold(gradient) * kernel).sum(), rtol=1e-12)


@pytest.mark.parametrize(
    ("layer", "input_shape", "output_shape"),
    [
        (SumPool2D(2, threshold=1), (4, 6, 3), (2, 3, 3)),
        (SumPool2D(2, threshold=1), (5, 3, 2), (3, 2, 2)),
        (SumPool2D(3, threshold=1, stride=2), (7, 6, 2), (3, 3, 2)),
    ],
)
def test_pooling_sums_each_channel_and_cuts_the_last_window(layer, input_shape, output_shape):
    connection = layer.connect(input_shape)
    assert connection.output_shape == output_shape
    eye = np.broadcast_to(np.eye(input_shape[2]), (layer.size, layer.size, input_shape[2], input_shape[2]))
    expected = naive_matrix(eye, input_shape, output_shape, layer.stride or layer.size, 0)
    np.testing.assert_array_equal(connection.unroll(np.zeros(0)), expected)
    assert (expected.sum(axis=1) >= 1).all(), "every neuron is in a window"


def test_synapses_are_sorted_by_presynaptic_neuron():
    for layer in (Dense(3, threshold=1), Conv2D(2, 3, threshold=1, padding=1), SumPool2D(2, threshold=1)):
        pre, post, _ = layer.connect((4, 4, 2)).synapses()
        assert (np.diff(pre * 1000 + post) > 0).all()


@pytest.mark.parametrize(
    ("layer", "input_shape", "message"),
    [
        (Conv2D(2, 5, threshold=1), (4, 6, 1), "kernel of size 5 does not fit into a map of 4 x 6"),
        (Conv2D(2, 3, threshold=1), (28, 28), r"needs a map of shape \(height, width, channels\).*found \(28, 28\)"),
        (SumPool2D(3, threshold=1), (2, 6, 1), "window of size 3 is larger than the map of 2 x 6"),
        (SumPool2D(2, threshold=1), (10,), "needs a map"),
    ],
)
def test_maps_that_do_not_fit(layer, input_shape, message):
    with pytest.raises(ShapeError, match=message):
        SpikingNetwork(input_shape, [layer], LIF(8 * ms, 2 * ms), dt=1 * ms, duration=5 * ms)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(0, 3, threshold=1), "Conv2D.channels must be a positive integer, found 0"),
        (lambda: Conv2D(2, 2.5, threshold=1), "Conv2D.kernel_size"),
        (lambda: Conv2D(2, 3, threshold=1, padding=-1), "Conv2D.padding must be an integer from 0 on"),
        (lambda: Conv2D(2, 3, threshold=1, padding=3), "padding must be smaller than kernel_size = 3"),
        (lambda: Conv2D(2, 3, threshold=1, stride=0), "Conv2D.stride"),
        (lambda: SumPool2D(0, threshold=1), "SumPool2D.size"),
        (lambda: SumPool2D(2, threshold=1, stride=3), "stride must be at most size = 2"),
    ],
)
def test_impossible_numbers(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_summary_shows_maps(capsys):
    layers = [Conv2D(4, 3, threshold=1), SumPool2D(2, threshold=1), Dense(5, threshold=1)]
    SpikingNetwork((8, 8, 2), layers, LIF(8 * ms, 2 * ms), dt=1 * ms, duration=5 * ms).summary()
    table = capsys.readouterr().out
    assert "(6, 6, 4)" in table and "(3, 3, 4)" in table and str(3 * 3 * 2 * 4) in table

import numpy as np
import pytest
from brian2 import ms, mV

from hm2bp_brian import LIF, Conv2D, Dense, SpikingNetwork, SumPool2D, Uniform, neurons, plotting
from hm2bp_brian.errors import ConfigurationError


def make_cnn(c_in):
    layers = [Conv2D(3, 2, threshold=1), SumPool2D(2, threshold=1), Dense(2, threshold=1), Dense(2, threshold=1)]
    return SpikingNetwork((5, 5, c_in), layers, LIF(10 * ms, 3 * ms), dt=1 * ms, duration=5 * ms)


def tiles(image, height, width):
    """The mosaic cut along its lines of NaN, row by row."""
    mosaic = np.ma.filled(np.ma.masked_invalid(image.get_array()), np.nan)
    return [
        mosaic[top : top + height, left : left + width]
        for top in range(0, mosaic.shape[0], height + 1)
        for left in range(0, mosaic.shape[1], width + 1)
    ]


def test_receptive_fields_are_the_columns_of_the_weights(network, ax):
    image = plotting.receptive_fields(network, neurons=[4, 0, 2], ax=ax)
    found = tiles(image, 2, 3)
    for tile, neuron in zip(found, [4, 0, 2], strict=False):
        np.testing.assert_allclose(tile, network.weights[0][:, neuron].reshape(2, 3), rtol=1e-6)
    assert len(found) == 4 and np.isnan(found[3]).all()
    assert image.get_array().shape == (5, 7)
    low, high = image.get_clim()
    assert low == -high < 0
    assert ax.get_title() == "receptive fields of 3 of 5 neurons in layer 0"
    assert "weight" in image.colorbar.ax.get_ylabel()


def test_weights_are_drawn_in_the_unit_that_the_colour_bar_names(ax):
    layer = Dense(2, threshold=-50 * mV, initializer=Uniform(0.5 * mV))
    network = SpikingNetwork((2, 3, 1), [layer], neurons.ALIF(), dt=1 * ms, duration=5 * ms)
    image = plotting.receptive_fields(network, neurons=[1], ax=ax)
    np.testing.assert_allclose(image.get_array(), 1e3 * network.weights[0][:, 1].reshape(2, 3), rtol=1e-6)
    # the largest of six in +-0.5 mV: they are microvolts where all are small
    assert image.colorbar.ax.get_ylabel() in ("weight (mV)", "weight (uV)")


def test_receptive_fields_are_summed_over_channels(ax):
    cnn = make_cnn(1)
    image = plotting.receptive_fields(cnn, 2, [1], ax=ax)
    np.testing.assert_allclose(image.get_array(), cnn.weights[2][:, 1].reshape(2, 2, 3).sum(axis=2), rtol=1e-6)
    assert image.colorbar.ax.get_ylabel().endswith("sum over 3 channels")


def test_receptive_fields_of_other_populations_are_columns(network, ax):
    image = plotting.receptive_fields(network, 1, [1, 0], ax=ax)
    np.testing.assert_allclose(image.get_array(), network.weights[1][:, ::-1], rtol=1e-6)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("neurons 1 to 0", "presynaptic neuron")


def test_kernels_of_one_input_channel(ax):
    cnn = make_cnn(1)
    image = plotting.kernels(cnn, 0, ax=ax)
    for channel, tile in enumerate(tiles(image, 2, 2)[:3]):
        np.testing.assert_allclose(tile, cnn.weights[0][:, :, 0, channel])
    assert ax.get_title() == "kernels of layer 0: 1 to 3 channels"


def test_kernels_of_several_channels_have_a_row_for_each_input_channel(ax):
    cnn = make_cnn(2)
    image = plotting.kernels(cnn, 0, ax=ax)
    assert image.get_array().shape == (2 * 3 - 1, 3 * 3 - 1)
    for number, tile in enumerate(tiles(image, 2, 2)):
        np.testing.assert_allclose(tile, cnn.weights[0][:, :, number // 3, number % 3])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("output channel", "input\nchannel")


def test_what_makes_no_picture(network, ax):
    with pytest.raises(ConfigurationError, match="layer 0 is no convolution, but a Dense"):
        plotting.kernels(network, 0, ax=ax)
    for draw in (plotting.receptive_fields, plotting.kernels):
        with pytest.raises(ConfigurationError, match=r"layers 0\.\.1, found layer 2"):
            draw(network, 2, ax=ax)
    with pytest.raises(ConfigurationError, match=r"neurons 0\.\.4, found neuron 5"):
        plotting.receptive_fields(network, neurons=[5], ax=ax)


def test_no_neuron_has_no_receptive_field():
    network = SpikingNetwork((4,), [Dense(2, threshold=1)], LIF(20 * ms, 5 * ms), dt=1 * ms, duration=10 * ms)
    with pytest.raises(ConfigurationError, match="receptive_fields needs at least one neuron, found none"):
        plotting.receptive_fields(network, 0, [])

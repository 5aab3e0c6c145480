"""Weights as images: receptive fields of dense layers, kernels of convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hm2bp_brian.checks import check_index
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.learning.attribution import incoming_weights
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.plotting.axes import (
    SIGNED_MAP,
    best_unit,
    check_neuron,
    label_image,
    make_axes,
    over_channels,
    set_title,
)

MOST_FIELDS = 64


def receptive_fields(network: SpikingNetwork, layer: int = 0, neurons: Sequence[int] | None = None, ax=None):
    """Draw the weights that neurons receive from the population before them.

    Of a map (height, width, channels), each neuron has an image, summed over channels; of another population, such as
    the channels of a cochlea, a column.

    Parameters
    ----------
    network : SpikingNetwork
    layer : int
    neurons : sequence of int, optional
        By default 64 of them, evenly spaced over the layer.
    ax : matplotlib Axes, optional

    Returns
    -------
    AxesImage
        Of a map: tiles row by row, one pixel apart; no colour between them (NaN). Else (n_pre, neurons).

    Raises
    ------
    ConfigurationError
        If there is no such layer or neuron, or none is given.

    Examples
    --------
    >>> image = hb.plotting.receptive_fields(hb.load_pretrained("mnist-mlp"), neurons=range(16))
    """
    _check_layer(network, layer)
    shape, size = network.shape_before(layer), network.size(layer)
    if neurons is None:
        neurons = np.unique(np.linspace(0, size - 1, min(size, MOST_FIELDS)).astype(int))
    if len(neurons) == 0:
        raise ConfigurationError("receptive_fields needs at least one neuron, found none")
    for neuron in neurons:
        check_neuron(layer, size, neuron)
    weights = np.array([incoming_weights(network, layer, neuron) for neuron in neurons])
    ax = make_axes(ax, (6.0, 5.4))
    dimension = network.neurons[layer].weight_dimension
    some = f"neurons {neurons[0]} to {neurons[-1]}"
    if len(shape) == 3:
        tiles = weights.reshape(-1, *shape).sum(axis=-1)
        image = _draw(
            ax, _mosaic(tiles, int(np.ceil(np.sqrt(len(tiles))))), dimension, f"{some}, row by row", "", shape
        )
        ax.set(xticks=[], yticks=[])
    else:
        image = _draw(ax, weights.T, dimension, some, "presynaptic neuron")
        ax.set(aspect="auto", xticks=[])
    set_title(ax, f"receptive fields of {len(neurons)} of {size} neurons in layer {layer}")
    return image


def kernels(network: SpikingNetwork, layer: int, ax=None):
    """Draw the kernels of a convolution.

    Parameters
    ----------
    network : SpikingNetwork
    layer : int
    ax : matplotlib Axes, optional

    Returns
    -------
    AxesImage
        One tile a pair of channels, one pixel apart: row by row the input channels, column by column the output
        channels; of one input channel, the output channels row by row.

    Raises
    ------
    ConfigurationError
        If there is no such layer, or it is no convolution.

    Examples
    --------
    >>> image = hb.plotting.kernels(hb.load_pretrained("mnist-cnn"), layer=0)
    """
    _check_layer(network, layer)
    weights = network.weights[layer]
    if weights.ndim != 4:
        raise ConfigurationError(f"layer {layer} is no convolution, but a {type(network.layers[layer]).__name__}")
    height, width, c_in, c_out = weights.shape
    tiles = weights.transpose(2, 3, 0, 1).reshape(c_in * c_out, height, width)
    ax = make_axes(ax, (6.0, 5.4))
    labels = ("output channel", "input\nchannel") if c_in > 1 else ("output channels, row by row", "")
    mosaic = _mosaic(tiles, c_out if c_in > 1 else int(np.ceil(np.sqrt(c_out))))
    image = _draw(ax, mosaic, network.neurons[layer].weight_dimension, *labels)
    ax.set(xticks=[], yticks=[])
    set_title(ax, f"kernels of layer {layer}: {c_in} to {c_out} channels")
    return image


def _check_layer(network: SpikingNetwork, layer: int) -> None:
    check_index("layer", layer, len(network.layers), "the network")


def _mosaic(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Tiles (n, height, width) in rows of ``columns``, with a line of NaN between them."""
    n, height, width = tiles.shape
    rows = -(-n // columns)
    mosaic = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for number, tile in enumerate(tiles):
        top, left = (number // columns) * (height + 1), (number % columns) * (width + 1)
        mosaic[top : top + height, left : left + width] = tile
    return mosaic


def _draw(ax, weights: np.ndarray, dimension, column: str, row: str, summed_over: tuple[int, ...] = (1,)):
    # a few large weights would leave the others white
    limit = np.nanpercentile(np.abs(weights), 99.5)
    size, unit = best_unit(limit, dimension)
    limit = limit / size or 1.0
    image = ax.imshow(weights / size, cmap=SIGNED_MAP, vmin=-limit, vmax=limit, interpolation="nearest")
    label_image(image, f"weight ({unit}){over_channels(summed_over)}", row, column, extend="both")
    return image

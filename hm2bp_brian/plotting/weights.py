"""Weights as images: receptive fields of dense layers, kernels of convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.learning.attribution import incoming_weights
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.plotting.axes import check_neuron, make_axes

MOST_FIELDS = 64


def receptive_fields(network: SpikingNetwork, layer: int = 0, neurons: Sequence[int] | None = None, ax=None):
    """Draw the weights that neurons receive from each place of the map before them.

    Parameters
    ----------
    network : SpikingNetwork
    layer : int
        One that receives a map (height, width, channels); weights are summed over channels.
    neurons : sequence of int, optional
        By default 64 of them, evenly spaced over the layer.
    ax : matplotlib Axes, optional

    Returns
    -------
    AxesImage
        Tiles row by row, one pixel apart; no colour between them (NaN).

    Raises
    ------
    ConfigurationError
        If the layer receives no map, or there is no such layer or neuron.
    """
    _check_layer(network, layer)
    shape, size = network.shape_before(layer), network.size(layer)
    if len(shape) != 3:
        raise ConfigurationError(
            f"layer {layer} receives a population of shape {shape}, which is no map (height, width, channels): its "
            "weights make no picture. Draw those of layer 0"
        )
    if neurons is None:
        neurons = np.unique(np.linspace(0, size - 1, min(size, MOST_FIELDS)).astype(int))
    for neuron in neurons:
        check_neuron(layer, size, neuron)
    tiles = [incoming_weights(network, layer, neuron).reshape(shape).sum(axis=-1) for neuron in neurons]
    ax = make_axes(ax, (6.0, 5.4))
    columns = int(np.ceil(np.sqrt(len(tiles))))
    image = _draw(ax, _mosaic(np.array(tiles), columns))
    ax.set_title(f"receptive fields of {len(tiles)} of {size} neurons in layer {layer}", fontsize=10)
    ax.set(xticks=[], yticks=[], xlabel=f"neurons {neurons[0]} to {neurons[-1]}, row by row")
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
    """
    _check_layer(network, layer)
    weights = network.weights[layer]
    if weights.ndim != 4:
        raise ConfigurationError(f"layer {layer} is no convolution, but a {type(network.layers[layer]).__name__}")
    height, width, c_in, c_out = weights.shape
    tiles = weights.transpose(2, 3, 0, 1).reshape(c_in * c_out, height, width)
    ax = make_axes(ax, (6.0, 5.4))
    image = _draw(ax, _mosaic(tiles, c_out if c_in > 1 else int(np.ceil(np.sqrt(c_out)))))
    ax.set_title(f"kernels of layer {layer}: {c_in} to {c_out} channels", fontsize=10)
    labels = ("output channel", "input channel") if c_in > 1 else ("output channels, row by row", "")
    ax.set(xticks=[], yticks=[], xlabel=labels[0], ylabel=labels[1])
    return image


def _check_layer(network: SpikingNetwork, layer: int) -> None:
    if layer not in range(len(network.layers)):
        raise ConfigurationError(f"the network has layers 0..{len(network.layers) - 1}, found layer {layer!r}")


def _mosaic(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Tiles (n, height, width) in rows of ``columns``, with a line of NaN between them."""
    n, height, width = tiles.shape
    rows = -(-n // columns)
    mosaic = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for number, tile in enumerate(tiles):
        top, left = (number // columns) * (height + 1), (number % columns) * (width + 1)
        mosaic[top : top + height, left : left + width] = tile
    return mosaic


def _draw(ax, mosaic: np.ndarray):
    # a few large weights would leave the others white
    limit = np.nanpercentile(np.abs(mosaic), 99.5) or 1.0
    image = ax.imshow(mosaic, cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label="weight (unit of the synaptic variable)", extend="both")
    return image

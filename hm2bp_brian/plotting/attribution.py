"""Which presynaptic neurons made one spike, as an image or as bars."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.learning.attribution import spike_attribution
from hm2bp_brian.learning.thresholds import distance_as_learned
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.plotting.axes import (
    NEGATIVE,
    POSITIVE,
    SIGNED_MAP,
    best_unit,
    label_axes,
    label_image,
    make_axes,
    over_channels,
    place,
    set_title,
)
from hm2bp_brian.spike_record import SpikeRecord

MOST_BARS = 24


def attribution(
    network: SpikingNetwork, record: SpikeRecord, layer: int, neuron: int, spike: int = 0, sample: int = 0, ax=None
):
    """Draw which presynaptic neurons made one spike (see `hm2bp_brian.learning.attribution.spike_attribution`).

    Maps (height, width, channels) before the layer are drawn as an image, summed over channels; other populations as
    bars, strongest first, at most 24 of them, and none where nothing was put in. What drove the spike is orange, what
    held it back purple.

    Parameters
    ----------
    network : SpikingNetwork
        With the weights of the record.
    record : SpikeRecord
    layer, neuron : int
    spike : int
        Number of the spike in the neuron's train, from 0; negative ones count from the end.
    sample : int
    ax : matplotlib Axes, optional

    Returns
    -------
    AxesImage or BarContainer

    Raises
    ------
    ShapeError, ConfigurationError, SpikeError, NoSpspError
        As ``spike_attribution``.

    Examples
    --------
    >>> network = hb.load_pretrained("mnist-mlp")
    >>> _, test = hb.datasets.mnist()
    >>> spikes = hb.encoding.BernoulliEncoder().encode(test.images[:3], network.n_steps)
    >>> record = hb.simulate(network, spikes)
    >>> artists = hb.plotting.attribution(network, record, layer=1, neuron=7, spike=3)
    """
    values = spike_attribution(network, record, layer, neuron, spike, sample)
    train = record.layers[layer].train(sample, neuron)
    nu = distance_as_learned(network, network.neural[layer], network.parameters)[neuron]
    size, unit = best_unit(nu, network.neurons[layer].distance_dimension)
    ax = make_axes(ax, (5.4, 4.2))
    shape = network.shape_before(layer)
    values, label = values / size, f"contribution ({unit})"
    artist = _image(ax, values, shape, label) if len(shape) == 3 else _bars(ax, values, label)
    of_unit = "" if unit == "1" else f" {unit}"
    set_title(
        ax,
        f"layer {layer}, {place(network, layer, neuron)}: spike at {train[spike] * network.dt * 1e3:g} ms\n"
        rf"inputs sum to {values.sum():.2f}{of_unit}, threshold $\nu$ = {nu / size:.4g}{of_unit}",
    )
    return artist


def _image(ax, values: np.ndarray, shape, label: str):
    picture = values.reshape(shape).sum(axis=-1)
    # white is no contribution; a picture without any still needs a scale
    limit = np.abs(picture).max() or 1.0
    image = ax.imshow(picture, cmap=SIGNED_MAP, vmin=-limit, vmax=limit, interpolation="nearest")
    label_image(image, label + over_channels(shape))
    return image


def _bars(ax, values: np.ndarray, label: str):
    strongest = np.argsort(-np.abs(values), kind="stable")[: min(MOST_BARS, np.count_nonzero(values))]
    heights = values[strongest]
    colours = [POSITIVE if height > 0 else NEGATIVE for height in heights]
    bars = ax.bar(np.arange(len(strongest)), heights, color=colours)
    ax.axhline(0, color="0.3", linewidth=0.8)
    ax.set_xticks(np.arange(len(strongest)), [str(j) for j in strongest], rotation=90, fontsize=8)
    some = f", {len(strongest)} strongest of {values.size}" if len(strongest) < values.size else ""
    label_axes(ax, f"presynaptic neuron{some}", label)
    return bars

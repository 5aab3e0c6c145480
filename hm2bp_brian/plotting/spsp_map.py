"""S-PSPs of one neuron, as an image of the map before it or against the number of the presynaptic neuron."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.learning.spsp import spsp
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.plotting.axes import (
    COLOURS,
    best_unit,
    check_neuron,
    label_axes,
    label_image,
    make_axes,
    one_sample,
    over_channels,
    place,
    set_title,
    whole_numbers,
)
from hm2bp_brian.spike_record import SpikeRecord


def spsp_map(network: SpikingNetwork, record: SpikeRecord, layer: int, neuron: int, sample: int = 0, ax=None):
    """Draw the S-PSP e_{i|j} that each presynaptic neuron j has put into neuron i of a layer.

    Maps (height, width, channels) before the layer are drawn as an image, summed over channels; other populations as
    a line a neuron.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
    layer, neuron, sample : int
    ax : matplotlib Axes, optional

    Returns
    -------
    AxesImage or LineCollection

    Raises
    ------
    SpikeError, ConfigurationError
        If there is no such sample, layer or neuron.
    ShapeError
        If the record is not of this network.

    Examples
    --------
    >>> network = hb.load_pretrained("mnist-mlp")
    >>> _, test = hb.datasets.mnist()
    >>> spikes = hb.encoding.BernoulliEncoder().encode(test.images[:3], network.n_steps)
    >>> record = hb.simulate(network, spikes)
    >>> busiest = record.counts(0)[0].argmax()
    >>> image = hb.plotting.spsp_map(network, record, layer=0, neuron=int(busiest))
    """
    alone = one_sample(record, sample)
    by_neuron = spsp(network, alone, layer)[0]
    check_neuron(layer, len(by_neuron), neuron)
    model = network.neurons[layer]
    size, unit = best_unit(by_neuron[neuron], model.distance_dimension / model.weight_dimension)
    values = by_neuron[neuron] / size
    shape = network.shape_before(layer)
    label = f"S-PSP $e_{{i|j}}$ ({unit})"
    ax = make_axes(ax, (5.4, 4.2))
    if len(shape) == 3:
        artist = ax.imshow(values.reshape(shape).sum(axis=-1), cmap="viridis", vmin=0, interpolation="nearest")
        label_image(artist, label + over_channels(shape))
    else:
        artist = ax.vlines(np.arange(len(values)), 0, values, color=COLOURS[0], linewidth=1.0)
        label_axes(ax, "presynaptic neuron j", label)
        ax.set_xlim(-1, len(values))
        ax.set_ylim(bottom=0)
        whole_numbers(ax.xaxis)
    n_spikes = alone.counts(layer)[0, neuron]
    set_title(ax, f"layer {layer}, {place(network, layer, neuron)}\nS-PSP, sum over its {n_spikes} spikes")
    return artist

"""How much the neurons of a layer fire."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.firing_statistics import mean_counts, saturated, silent
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.plotting.axes import (
    COLOURS,
    label_axes,
    legend_beside,
    make_axes,
    population,
    set_title,
    whole_numbers,
)
from hm2bp_brian.spike_record import SpikeRecord

BINS = 30
FEW = 20  # a tallest bar of so many neurons still has a linear axis


def firing_rates(network: SpikingNetwork, record: SpikeRecord, layer: int, ax=None):
    """Draw a histogram of the neurons' mean rates, silent and saturated neurons in own colours.

    Silent neurons never fire in the record; saturated ones fire at 0.9 of the highest rate that the refractory time
    allows, or more. Silent ones have a bar of their own, left of 0. The axis is logarithmic where a bar stands for
    more than 20 neurons.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
        All its samples count.
    layer : int
    ax : matplotlib Axes, optional

    Returns
    -------
    list of BarContainer
        Neurons that fire, silent ones, saturated ones.

    Raises
    ------
    ConfigurationError, ShapeError
        If there is no such layer, or the record is not of this network.

    Examples
    --------
    >>> network = hb.load_pretrained("mnist-mlp")
    >>> _, test = hb.datasets.mnist()
    >>> spikes = hb.encoding.BernoulliEncoder().encode(test.images[:3], network.n_steps)
    >>> record = hb.simulate(network, spikes)
    >>> bars = hb.plotting.firing_rates(network, record, layer=0)
    """
    spikes = population(network, record, layer)
    rates = mean_counts(spikes) / (record.n_steps * network.dt)
    is_silent = silent(spikes)
    is_saturated = saturated(spikes, network.neurons[layer].refractory_steps(network.dt))
    ax = make_axes(ax)
    edges = np.linspace(0.0, max(rates.max(), 1.0), BINS + 1)
    width, artists = edges[1], []
    groups = (
        ("firing", edges, rates[~is_silent & ~is_saturated], 0),
        ("silent", np.array([-width, 0.0]), rates[is_silent] - width / 2, 4),
        ("saturated", edges, rates[is_saturated], 1),
    )
    for name, bins, values, colour in groups:
        heights, label = np.histogram(values, bins)[0], f"{len(values)} {name}"
        artists.append(ax.bar(bins[:-1], heights, width, align="edge", color=COLOURS[colour], label=label))
    set_title(ax, f"layer {layer}: {spikes.n_neurons} neurons, {spikes.n_samples} samples")
    label_axes(ax, "mean rate (Hz)", "number of neurons")
    ax.set_xlim(-width, edges[-1])
    if max(bar.get_height() for bars in artists for bar in bars) > FEW:
        ax.set_yscale("symlog")
        ax.yaxis.set_major_formatter("{x:g}")
    else:
        whole_numbers(ax.yaxis)
    ax.set_ylim(bottom=0)
    legend_beside(ax)
    return artists

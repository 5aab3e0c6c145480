"""How much the neurons of a layer fire."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.plotting.axes import COLOURS, make_axes, population
from hm2bp_brian.spikes import SpikeRecord
from hm2bp_brian.statistics import mean_counts, saturated, silent

BINS = 30


def firing_rates(network: SpikingNetwork, record: SpikeRecord, layer: int, ax=None):
    """Draw a histogram of the neurons' mean rates, silent and saturated neurons in colours of their own.

    Silent neurons never fire in the record; saturated ones fire at 0.9 of the highest rate that the refractory time
    allows, or more.

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
        Neurons that fire, silent ones, saturated ones: stacked, over the same bins.

    Raises
    ------
    ConfigurationError
        If there is no such layer.
    """
    spikes = population(record, layer)
    rates = mean_counts(spikes) / (record.n_steps * network.dt)
    is_silent = silent(spikes)
    is_saturated = saturated(spikes, network.neurons[layer].refractory_steps(network.dt))
    ax = make_axes(ax)
    edges = np.linspace(0.0, max(rates.max(), 1.0), BINS + 1)
    bottom, artists = np.zeros(BINS), []
    groups = (("firing", ~is_silent & ~is_saturated, 0), ("silent", is_silent, 4), ("saturated", is_saturated, 1))
    for name, chosen, colour in groups:
        heights = np.histogram(rates[chosen], edges)[0]
        artists.append(
            ax.bar(
                edges[:-1],
                heights,
                np.diff(edges),
                bottom,
                align="edge",
                color=COLOURS[colour],
                label=f"{chosen.sum()} {name}",
            )
        )
        bottom = bottom + heights
    ax.set_title(f"layer {layer}: {spikes.n_neurons} neurons, {spikes.n_samples} samples", fontsize=10)
    ax.set(xlabel="mean rate (Hz)", ylabel="number of neurons", xlim=(0, edges[-1]))
    ax.legend(frameon=False)
    return artists

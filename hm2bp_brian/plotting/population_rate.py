"""Firing rate of a population against time."""

from __future__ import annotations

import numpy as np
from brian2 import ms, second

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.units import to_float
from hm2bp_brian.plotting.axes import COLOURS, label_axes, legend_beside, make_axes, population, population_name
from hm2bp_brian.spike_record import SpikeRecord


def population_rate(network: SpikingNetwork, record: SpikeRecord, layer, bin_width=10 * ms, ax=None):
    """Draw the mean rate of a layer's neurons against time after stimulus onset (PSTH), mean over all samples.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
    layer : int or "input"
    bin_width : Quantity
        Rounded to whole time steps; a last, shorter bin is averaged over its own length.
    ax : matplotlib Axes, optional

    Returns
    -------
    StepPatch
        Rates in Hz, edges in ms.

    Raises
    ------
    ConfigurationError, UnitError, ShapeError
        If there is no such layer, the bin is shorter than half a time step or no time, or the record is not of this
        network.

    Examples
    --------
    >>> network = hb.load_pretrained("mnist-mlp")
    >>> _, test = hb.datasets.mnist()
    >>> spikes = hb.encoding.BernoulliEncoder().encode(test.images[:3], network.n_steps)
    >>> record = hb.simulate(network, spikes)
    >>> line = hb.plotting.population_rate(network, record, layer=0)
    """
    spikes = population(network, record, layer)
    width = to_float("bin_width", bin_width, second.dim)
    steps = round(width / network.dt)
    if steps < 1:
        raise ConfigurationError(f"bin_width must be at least dt = {network.dt * 1e3:g} ms, found {width * 1e3:g} ms")
    ax = make_axes(ax)
    edges = np.append(np.arange(0, record.n_steps, steps), record.n_steps)
    counts = np.histogram(spikes.steps, edges)[0]
    rates = counts / (np.diff(edges) * network.dt * spikes.n_samples * spikes.n_neurons)
    colour = COLOURS[0 if layer == "input" else (layer + 1) % len(COLOURS)]
    patch = ax.stairs(rates, edges * network.dt * 1e3, color=colour, linewidth=1.5, label=population_name(layer))
    label_axes(ax, "time (ms)", "mean rate (Hz)")
    ax.set_xlim((0, record.n_steps * network.dt * 1e3))
    ax.set_ylim(bottom=0, auto=True)  # another layer, drawn into the same axes, may be higher
    legend_beside(ax)
    return patch

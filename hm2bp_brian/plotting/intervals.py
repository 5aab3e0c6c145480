"""How regular spike trains are: intervals between spikes, and their coefficients of variation."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.firing_statistics import coefficients_of_variation, interspike_intervals
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.plotting.axes import COLOURS, label_axes, make_axes, population, population_name, set_title
from hm2bp_brian.spike_record import SpikeRecord

MOST_BINS = 60
CV_BINS = np.linspace(0.0, 2.0, 41)


def isi_histogram(network: SpikingNetwork, record: SpikeRecord, layer, ax=None):
    """Draw how many intervals between successive spikes of a neuron have which length, on a logarithmic axis.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
        All its samples count.
    layer : int or "input"
    ax : matplotlib Axes, optional

    Returns
    -------
    StepPatch
        Numbers of intervals; edges in ms, between multiples of dt.

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
    >>> bars = hb.plotting.isi_histogram(network, record, layer=0)
    """
    intervals, _ = interspike_intervals(population(network, record, layer))
    ax = make_axes(ax)
    dt = network.dt * 1e3
    longest = int(intervals.max(initial=1))
    width = -(-longest // MOST_BINS)
    edges = np.arange(0.5, longest + width + 0.5, width)
    patch = ax.stairs(np.histogram(intervals, edges)[0], edges * dt, fill=True, color=COLOURS[0])
    mean = f"mean {intervals.mean() * dt:.1f} ms" if intervals.size else "none"
    set_title(ax, f"{population_name(layer)}: {intervals.size:,} intervals, {mean}")
    label_axes(ax, "interspike interval (ms)", "number of intervals")
    ax.set(yscale="symlog", xlim=(0, edges[-1] * dt))
    ax.yaxis.set_major_formatter("{x:g}")
    return patch


def cv_histogram(network: SpikingNetwork, record: SpikeRecord, layer, ax=None):
    """Draw the coefficients of variation of the intervals of all trains with at least two intervals.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
        All its samples count.
    layer : int or "input"
    ax : matplotlib Axes, optional

    Returns
    -------
    StepPatch
        Numbers of trains; values above 2 are counted in the last bin.

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
    >>> bars = hb.plotting.cv_histogram(network, record, layer=0)
    """
    values = coefficients_of_variation(population(network, record, layer))
    ax = make_axes(ax)
    patch = ax.stairs(np.histogram(np.minimum(values, CV_BINS[-1]), CV_BINS)[0], CV_BINS, fill=True, color=COLOURS[2])
    ax.axvline(1.0, color="0.4", linestyle="--", linewidth=0.8, label="Poisson process")
    mean = f"mean {values.mean():.2f}" if values.size else "none"
    set_title(ax, f"{population_name(layer)}: {values.size:,} trains, {mean}")
    label_axes(ax, "coefficient of variation of the intervals (1)", "number of trains")
    ax.set_xlim(CV_BINS[[0, -1]])
    ax.legend(frameon=False, loc="upper right", fontsize=9)
    return patch

"""Spikes against time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hm2bp_brian.checks import check_integers
from hm2bp_brian.errors import SpikeError
from hm2bp_brian.learning.losses import check_labels
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.plotting.axes import CLASS_COLOURS, COLOURS, legend_beside, make_axes, population, population_name
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

READABLE = 6.0  # neurons this far apart (points) have their numbers written beside them
LONGEST, SHORTEST = 5.5, 1.0  # marks (points)
MOST_TIMES = 9  # labels of the time axis


def raster(
    network: SpikingNetwork,
    record: SpikeRecord,
    sample: int | Sequence[int] = 0,
    ax=None,
    *,
    layers: Sequence | None = None,
    labels=None,
):
    """Draw spikes: populations one above the other, each in a band of equal height, each sample in a panel of its own.

    Neurons are in order, number 0 below; where there is room, their numbers stand at the right.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
    sample : int or sequence of int
        Several are drawn side by side: their numbers stand above, and time begins anew with each. On the axis, the k-th
        of them begins at k times the duration of a presentation.
    ax : matplotlib Axes, optional
    layers : sequence, optional
        Layers by number, and "input"; by default input and all layers.
    labels : int array (n_samples,), optional
        Class of each sample of the record. If given, colours tell the samples' classes, else the layers.

    Returns
    -------
    list of PathCollection
        One a population, from below.

    Raises
    ------
    SpikeError, ConfigurationError, LabelError, ShapeError
        If the record has no such sample or layer, there is not one label a sample, or it is not of this network.

    Examples
    --------
    >>> network = hb.load_pretrained("mnist-mlp")
    >>> _, test = hb.datasets.mnist()
    >>> spikes = hb.encoding.BernoulliEncoder().encode(test.images[:3], network.n_steps)
    >>> record = hb.simulate(network, spikes)
    >>> artists = hb.plotting.raster(network, record, range(3), labels=test.labels[:3])
    """
    samples = np.atleast_1d(check_integers("sample", sample, 0, record.n_samples - 1, error=SpikeError))
    if samples.ndim != 1 or samples.size == 0:
        raise SpikeError(f"sample must be one sample or a sequence of at least one, found {sample!r}")
    layers = ["input", *range(len(record.layers))] if layers is None else list(layers)
    trains = [[population(network, record, layer).sample(number) for number in samples] for layer in layers]
    if labels is not None:
        labels = check_labels(labels, record.n_samples, network.n_outputs)[samples]
    ax = make_axes(ax, (7.0, 5.0))
    duration = record.n_steps * network.dt * 1e3
    artists = []
    for band, presentations in enumerate(trains):
        colour = COLOURS[band % len(COLOURS)]
        if labels is not None:
            colour = [_class_colour(k) for k, one in zip(labels, presentations, strict=True) for _ in one.neurons]
        artists.append(_draw_band(ax, band, presentations, network.dt * 1e3, duration, colour, len(layers)))
        ax.axhline(band + 1, color="0.85", linewidth=0.6, zorder=0)
    if labels is not None:
        _class_legend(ax, np.unique(labels))
    names = [f"{population_name(k)}\n({one[0].n_neurons})" for k, one in zip(layers, trains, strict=True)]
    ax.set_yticks(np.arange(len(names)) + 0.5, names)
    ax.tick_params(axis="y", length=0)
    _number_neurons(ax, [one[0].n_neurons for one in trains])
    ax.set(xlabel="time (ms)", xlim=(0, len(samples) * duration), ylim=(0, len(names)))
    if len(samples) > 1:
        _panels(ax, samples, duration)
    return artists


def _panels(ax, samples: np.ndarray, duration: float) -> None:
    """Part the samples by lines, write their numbers above, and count time from the start of each."""
    onsets = duration * np.arange(len(samples))
    for onset in onsets[1:]:
        ax.axvline(onset, color="0.4", linewidth=1.0)
    above = ax.secondary_xaxis("top")
    above.set_xticks(onsets + duration / 2, samples)
    above.tick_params(length=0)
    above.set_xlabel("sample")
    times = MaxNLocator(max(1, MOST_TIMES // len(samples)), steps=[1, 2, 5, 10]).tick_values(0, duration)
    # where a presentation ends, the next one begins at 0
    times = times[(times >= 0) & (times < 0.9 * duration)]
    ticks = np.add.outer(onsets, times).ravel()
    ax.set_xticks(ticks, [f"{time:g}" for time in np.tile(times, len(samples))])


def _heights(band: int, neurons, n_neurons: int):
    """Where the neurons of a band are on the y axis."""
    return band + 0.05 + 0.9 * (neurons + 0.5) / n_neurons


def _pitch(ax, n_neurons: int, n_bands: int) -> float:
    """Distance of neighbouring neurons in points."""
    return 0.9 * ax.bbox.height * 72 / ax.figure.dpi / (n_bands * n_neurons)


def _draw_band(ax, band: int, presentations: list[SpikeBatch], dt: float, duration: float, colour, n_bands: int):
    times = np.concatenate([one.steps * dt + number * duration for number, one in enumerate(presentations)])
    neurons, n_neurons = np.concatenate([one.neurons for one in presentations]), presentations[0].n_neurons
    length = np.clip(0.9 * _pitch(ax, n_neurons, n_bands), SHORTEST, LONGEST)
    height = _heights(band, neurons, n_neurons)
    return ax.scatter(times, height, s=length**2, marker="|", color=colour, linewidths=0.8)


def _number_neurons(ax, sizes: list[int]) -> None:
    """Write the numbers of neurons at the right of bands whose neurons are far enough apart."""
    ticks, labels = [], []
    for band, n_neurons in enumerate(sizes):
        if _pitch(ax, n_neurons, len(sizes)) >= READABLE:
            ticks += _heights(band, np.arange(n_neurons), n_neurons).tolist()
            labels += map(str, range(n_neurons))
    ax.yaxis.remove_overlapping_locs = False  # a neuron in the middle of its band has a number too
    ax.set_yticks(ticks, labels, minor=True, fontsize=READABLE)
    ax.tick_params(axis="y", which="minor", length=0, left=False, labelleft=False, labelright=True)


def _class_colour(number: int) -> str:
    return CLASS_COLOURS[number % len(CLASS_COLOURS)]


def _class_legend(ax, classes: np.ndarray) -> None:
    handles = [Line2D([], [], marker="s", linestyle="", color=_class_colour(k), label=str(k)) for k in classes]
    legend_beside(ax, handles=handles, title="class")

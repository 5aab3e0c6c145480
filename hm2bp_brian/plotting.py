"""Pictures: matplotlib axes in, artists out. Nothing global is changed."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.learning.spsp import spsp
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeRecord

# Okabe and Ito's colours, told apart by colour-blind readers too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def _axes(ax, figsize=(6.4, 4.0)):
    return ax if ax is not None else plt.subplots(figsize=figsize, layout="constrained")[1]


def learning_curve(history, ax=None):
    """Draw accuracy against epochs.

    Parameters
    ----------
    history : History
        Or anything with a list of ``rows`` (dict) that hold ``epoch``, ``train_accuracy`` and ``test_accuracy``.
    ax : matplotlib Axes, optional

    Returns
    -------
    list of Line2D
    """
    ax = _axes(ax)
    epochs = [row["epoch"] for row in history.rows]
    lines = []
    for colour, key, label in ((COLOURS[0], "train_accuracy", "training"), (COLOURS[1], "test_accuracy", "test")):
        values = [row[key] for row in history.rows]
        if any(value is not None and np.isfinite(value) for value in values):
            percent = [np.nan if value is None else 100 * value for value in values]
            lines += ax.plot(epochs, percent, "o-", color=colour, markersize=4, label=label)
    ax.set(xlabel="epoch", ylabel="accuracy (%)")
    ax.xaxis.get_major_locator().set_params(integer=True)
    if lines:
        ax.legend(frameon=False)
    return lines


def raster(network: SpikingNetwork, record: SpikeRecord, sample: int = 0, ax=None):
    """Draw the spikes of one sample: input and all layers, one above the other, each in a band of equal height.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
    sample : int
    ax : matplotlib Axes, optional

    Returns
    -------
    list of PathCollection
        One a population, input first.

    Raises
    ------
    SpikeError
        If the record has no such sample.
    """
    one_sample = _select(record, sample)
    ax = _axes(ax, (7.0, 5.0))
    artists, ticks = [], []
    for band, population in enumerate([one_sample.input, *one_sample.layers]):
        times = population.steps * network.dt * 1e3
        height = band + 0.05 + 0.9 * (population.neurons + 0.5) / population.n_neurons
        few = population.n_neurons <= 100
        artists.append(
            ax.scatter(
                times, height, s=30 if few else 1.0, marker="|", color=COLOURS[band % len(COLOURS)], linewidths=0.8
            )
        )
        name = "input" if band == 0 else f"layer {band - 1}"
        ticks.append(f"{name}\n({population.n_neurons})")
        ax.axhline(band + 1, color="0.85", linewidth=0.6, zorder=0)
    ax.set_yticks(np.arange(len(ticks)) + 0.5, ticks)
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="time (ms)", xlim=(0, record.n_steps * network.dt * 1e3), ylim=(0, len(ticks)))
    return artists


def spsp_map(network: SpikingNetwork, record: SpikeRecord, layer: int, neuron: int, sample: int = 0, ax=None):
    """Draw the S-PSP e_{i|j} that each presynaptic neuron j has put into neuron i of a layer.

    Presynaptic populations with an image's shape, ``(height, width, 1)``, are drawn as images; others as a square-ish
    grid, read row by row.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
    layer, neuron, sample : int
    ax : matplotlib Axes, optional

    Returns
    -------
    AxesImage

    Raises
    ------
    SpikeError, ConfigurationError
        If there is no such sample, layer or neuron.
    ShapeError
        If the record is not of this network.
    """
    one_sample = _select(record, sample)
    by_neuron = spsp(network, one_sample, layer)[0]
    if not 0 <= neuron < len(by_neuron):
        raise ConfigurationError(f"layer {layer} has neurons 0..{len(by_neuron) - 1}, found neuron {neuron!r}")
    values = by_neuron[neuron]
    ax = _axes(ax, (5.0, 4.2))
    shape = network.shape_before(layer)
    is_image = len(shape) == 3 and shape[-1] == 1
    if is_image:
        picture = values.reshape(shape[:2])
    else:
        width = int(np.ceil(np.sqrt(values.size)))
        picture = np.full(width * int(np.ceil(values.size / width)), np.nan)
        picture[: values.size] = values
        picture = picture.reshape(-1, width)
    image = ax.imshow(picture, cmap="viridis", interpolation="nearest")
    ax.set_title(
        f"S-PSP of neuron {neuron} in layer {layer} ({one_sample.counts(layer)[0, neuron]} spikes)", fontsize=10
    )
    ax.set(
        xlabel="column" if is_image else "presynaptic neuron, row by row",
        ylabel="row" if is_image else f"rows of {picture.shape[1]}",
    )
    ax.figure.colorbar(image, ax=ax, label=r"$e_{i|j}$ (membrane potential per unit weight)")
    return image


def _select(record: SpikeRecord, sample: int) -> SpikeRecord:
    """The record of one sample."""
    populations = [population.sample(sample) for population in [record.input, *record.layers]]
    return SpikeRecord(populations[0], populations[1:])

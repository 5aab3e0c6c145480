"""What all pictures share: axes, colours, names of populations, PNG files."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from brian2 import Quantity
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hm2bp_brian.checks import check_index
from hm2bp_brian.model.borders import check_record
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

# Okabe and Ito's colours, told apart by colour-blind readers too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# Tol's muted colours and black, for up to ten classes
CLASS_COLOURS = (
    "#332288",
    "#88CCEE",
    "#44AA99",
    "#117733",
    "#999933",
    "#DDCC77",
    "#CC6677",
    "#882255",
    "#AA4499",
    "#000000",
)
# of what has a sign: orange is above zero, purple below; the colours of bars are those of the map
SIGNED_MAP, POSITIVE, NEGATIVE = "PuOr_r", "#E08214", "#542788"


def make_axes(ax, figsize=(6.4, 4.0)):
    """The given axes, or those of a new pyplot figure."""
    if ax is not None:
        return ax
    # only when a window is asked for: pyplot chooses a backend, and who draws to files needs none
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=figsize, layout="constrained")[1]


def set_title(ax, text: str) -> None:
    """A title in several lines if the figure is too narrow for one."""
    ax.set_title(text, fontsize=10, wrap=True)


def label_axes(ax, x: str, y: str) -> None:
    """Labels in several lines where the figure is too small for one."""
    ax.set_xlabel(x, wrap=True)
    ax.set_ylabel(y, wrap=True)


def best_unit(values, dimension: Dimension) -> tuple[float, str]:
    """The unit in which the largest of some values is written best: its size in SI base units, and its name or "1"."""
    if dimension is DIMENSIONLESS:
        return 1.0, "1"
    values = np.asarray(values)
    largest = np.max(np.abs(values[np.isfinite(values)]), initial=0.0) or 1.0
    unit = Quantity(largest, dim=dimension).get_best_unit()
    return float(unit), str(unit)


def label_image(image, label: str, row: str = "row", column: str = "column", **bar) -> None:
    """Label an image's axes, with ticks at whole numbers only, and give it a colour bar of its own height.

    Further arguments are those of ``Figure.colorbar``.
    """
    ax = image.axes
    label_axes(ax, column, row)
    for axis in (ax.xaxis, ax.yaxis):
        whole_numbers(axis)
    # ticks that do not depend on the bar's length: the layout, which does on them, comes out right at once
    bar = {"ticks": MaxNLocator(5, steps=[1, 2, 5, 10])} | bar
    ax.figure.colorbar(image, cax=ax.inset_axes([1.03, 0.0, 0.05, 1.0]), label=label, **bar)


def whole_numbers(axis) -> None:
    """Let a matplotlib axis have ticks at whole numbers only."""
    axis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def legend_beside(ax, **legend) -> None:
    """A legend right of the axes, where it hides nothing."""
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.02, 1.0), fontsize=9, **legend)


def png(draw: Callable, figsize=None, dpi: int = 150, rows: int = 1, columns: int = 1, **subplots) -> bytes:
    """Let ``draw`` draw a figure of its own, and return the PNG file's content.

    Parameters
    ----------
    draw : callable
        Gets the figure's axes; of several, an array (rows, columns).
    figsize : (float, float), optional
        In inches.
    dpi, rows, columns : int
    **subplots
        Such as ``sharex``, passed to ``Figure.subplots``.

    Examples
    --------
    >>> from hm2bp_brian.training.history import History
    >>> accuracies = {1: 0.8, 2: 0.9, 3: 0.92}
    >>> history = History([{"epoch": n, "validation_accuracy": a} for n, a in accuracies.items()])
    >>> content = hb.plotting.png(lambda ax: hb.plotting.learning_curve(history, ax=ax))
    >>> content[1:4]
    b'PNG'
    """
    # a figure outside of pyplot, which keeps no list of it and needs no screen
    figure = Figure(figsize=figsize, layout="constrained")
    draw(figure.subplots(rows, columns, squeeze=rows * columns == 1, **subplots))
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    return content.getvalue()


def one_sample(record: SpikeRecord, sample: int) -> SpikeRecord:
    """The record of one sample; SpikeError if there is none."""
    return SpikeRecord(record.input.sample(sample), [layer.sample(sample) for layer in record.layers])


def population(network, record: SpikeRecord, layer) -> SpikeBatch:
    """The spikes of a layer, or of the input if ``layer`` is "input"; ConfigurationError if there is no such one.

    ShapeError if the record is not of this network.
    """
    check_record(network, record)
    if isinstance(layer, str) and layer == "input":
        return record.input
    return record.layers[check_index("layer", layer, len(record.layers), "the record has 'input', and it")]


def population_name(layer) -> str:
    """What a layer, or "input", is called in pictures."""
    return "input" if layer == "input" else f"layer {layer}"


def place(network, layer: int, neuron: int) -> str:
    """What a neuron is called in pictures: its number, and in a map its row, column and channel."""
    shape = network.shapes[layer]
    if len(shape) != 3:
        return f"neuron {neuron}"
    row, column, channel = np.unravel_index(neuron, shape)
    return f"neuron {neuron} (row {row}, column {column}, channel {channel})"


def over_channels(shape: tuple[int, ...]) -> str:
    """What is added to the label of an image that is summed over the channels of a map of this shape."""
    return f",\nsum over {shape[-1]} channels" if shape[-1] > 1 else ""


def check_neuron(layer: int, n_neurons: int, neuron: int) -> None:
    """Raise ConfigurationError unless the layer has such a neuron."""
    check_index("neuron", neuron, n_neurons, f"layer {layer}")

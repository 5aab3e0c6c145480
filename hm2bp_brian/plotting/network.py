"""A network's populations and projections as boxes and arrows."""

from __future__ import annotations

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.textpath import TextPath

from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.plotting.axes import COLOURS, make_axes

# Lengths are in units of the font size, as boxes must hold their text.
LINE, PADDING, GAP, LARGEST_FONT = 1.3, 0.6, 4.0, 9.0
POSITIVE, NEGATIVE = COLOURS[0], COLOURS[1]


def network(network: SpikingNetwork, ax=None):
    """Draw a network: boxes for populations, arrows for projections.

    Populations stand in columns, each right of those that it receives from; among populations that feed back on one
    another, in the order in which they were made. Boxes grow with the number of neurons, arrows with that of
    connections, both logarithmically. Arrows are blue where weights are positive, and red with a bar for a head where
    they are negative: by Dale's law, or else on average. Inputs have dashed borders, readouts thick ones.

    Parameters
    ----------
    network : SpikingNetwork
    ax : matplotlib Axes, optional

    Returns
    -------
    dict
        Of artists by name: FancyBboxPatches of populations, FancyArrowPatches of projections.

    Examples
    --------
    >>> artists = network(spiking_network)    # doctest: +SKIP
    """
    ax = make_axes(ax, (7.0, 3.5))
    columns = _columns(network)
    boxes, width, height = _boxes(network, columns)
    font = _font(ax, width, height)
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.set_axis_off()
    artists = {}
    for population in network.populations:
        artists[population.name] = _draw_box(ax, network, population, boxes[population.name], font)
    drawn = {}
    for projection in network.projections:
        pair = frozenset((projection.source.name, projection.target.name))
        repeated = drawn[pair] = drawn.get(pair, -1) + 1
        artists[projection.name] = _draw_arrow(ax, network, projection, boxes, font, repeated)
    handles = [Line2D([], [], color=POSITIVE, label="weights > 0"), Line2D([], [], color=NEGATIVE, label="weights < 0")]
    ax.legend(handles=handles, loc="lower center", ncols=2, frameon=False, fontsize=font, borderaxespad=0)
    return artists


def _columns(network: SpikingNetwork) -> list[list[Population]]:
    """Inputs, then populations by the longest way from them."""
    depth = {population.name: 0 for population in network.inputs}
    for component in network.components:
        before = [depth[p.source.name] for p in component.inputs]
        # a loop of several populations is drawn one after the other, but those without a way to them side by side
        for number, population in enumerate(component.populations):
            depth[population.name] = 1 + max(before, default=0) + number
    found = [[] for _ in range(max(depth.values()) + 1)]
    for population in network.populations:
        found[depth[population.name]].append(population)
    return [column for column in found if column]


def _boxes(network: SpikingNetwork, columns: list[list[Population]]) -> tuple[dict, float, float]:
    """Left, bottom, width and height of each box, and the size of the whole."""
    sizes = {p.name: _size(network, p) for p in network.populations}
    heights = [sum(sizes[p.name][1] + GAP for p in column) for column in columns]
    height = max(heights) + 2 * GAP
    boxes, left = {}, PADDING
    for number, (column, own) in enumerate(zip(columns, heights, strict=True)):
        width = max(sizes[p.name][0] for p in column)
        # every other column a bit higher, so that arrows over one column pass beside its boxes
        bottom = (height - own + GAP) / 2 + (GAP / 4 if number % 2 else -GAP / 4) * (len(columns) > 2) + 0.5
        for population in reversed(column):
            own_width, own_height = sizes[population.name]
            boxes[population.name] = (left + (width - own_width) / 2, bottom, own_width, own_height)
            bottom += own_height + GAP
        left += width + GAP
    return boxes, left - GAP + PADDING, height + 1.5


def _size(network: SpikingNetwork, population: Population) -> tuple[float, float]:
    """Width and height that hold the text, and grow with the number of neurons."""
    lines = _text(network, population).split("\n")
    text = max(TextPath((0, 0), line, size=10).get_extents().width for line in lines) / 10
    grown = np.log10(population.size) / 2
    return text + 2 * PADDING + grown, LINE * len(lines) + 2 * PADDING + 2 * grown


def _text(network: SpikingNetwork, population: Population) -> str:
    role = "input" if population.neuron is None else "readout" if population in network.readouts else ""
    lines = [population.name, f"{population.size:,}"] + [role] * (role not in ("", population.name))
    return "\n".join(lines)


def _font(ax, width: float, height: float) -> float:
    """The font size with which a drawing of this size, in units of it, fits the axes."""
    extent = ax.get_window_extent()
    inches = extent.width / ax.figure.dpi, extent.height / ax.figure.dpi
    return min(LARGEST_FONT, 72 * inches[0] / width, 72 * inches[1] / height)


def _draw_box(ax, network: SpikingNetwork, population: Population, box: tuple, font: float) -> FancyBboxPatch:
    left, bottom, width, height = box
    is_input, is_readout = population.neuron is None, population in network.readouts
    patch = FancyBboxPatch(
        (left, bottom),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.5",
        facecolor="0.93" if is_input else "white",
        edgecolor="0.2",
        linestyle="--" if is_input else "-",
        linewidth=2.0 if is_readout else 1.0,
        zorder=3,
    )
    ax.add_patch(patch)
    middle = left + width / 2, bottom + height / 2
    ax.text(*middle, _text(network, population), ha="center", va="center", fontsize=font, linespacing=1.1, zorder=4)
    return patch


def _draw_arrow(ax, network, projection: Projection, boxes: dict, font: float, repeated: int) -> FancyArrowPatch:
    source, target = boxes[projection.source.name], boxes[projection.target.name]
    weight = _mean_weight(network, projection)
    if projection.recurrent:
        left, bottom, width, height = source
        inset = min(0.35 + 0.15 * repeated, 0.48)
        start = left + width / 2 - inset * width / 2, bottom + height
        end = left + width / 2 + inset * width / 2, bottom + height
        style = f"arc3,rad={-1.6 - 0.6 * repeated}"
    else:
        start, end, bend = _between(source, target, boxes)
        style = f"arc3,rad={bend + 0.15 * repeated}"
    arrow = FancyArrowPatch(
        start,
        end,
        connectionstyle=style,
        arrowstyle="-|>" if weight >= 0 else "|-|,widthA=0,widthB=0.35",
        mutation_scale=font,
        color=POSITIVE if weight >= 0 else NEGATIVE,
        linewidth=0.5 + 0.35 * np.log10(len(projection.connection.synapses()[0])),
        shrinkA=0,
        shrinkB=1,
        zorder=2,
    )
    ax.add_patch(arrow)
    return arrow


def _between(source: tuple, target: tuple, boxes: dict) -> tuple:
    """Where an arrow leaves one box and reaches another, and how much it is bent."""
    forward = source[0] + source[2] <= target[0]
    backward = target[0] + target[2] <= source[0]
    if forward or backward:
        first, last = (source, target) if forward else (target, source)
        passes_one = any(first[0] + first[2] <= box[0] and box[0] + box[2] <= last[0] for box in boxes.values())
        edge = 0.65 if forward else 0.3  # forth in the upper half, back in the lower one
        start = source[0] + (source[2] if forward else 0), source[1] + edge * source[3]
        end = target[0] + (0 if forward else target[2]), target[1] + edge * target[3]
        return start, end, -0.5 if passes_one else -0.12
    above = source[1] > target[1]
    place = 0.65 if above else 0.35
    start = source[0] + place * source[2], source[1] + (0 if above else source[3])
    end = target[0] + place * target[2], target[1] + (target[3] if above else 0)
    return start, end, -0.1


def _mean_weight(network: SpikingNetwork, projection: Projection) -> float:
    if projection.sign is not None and (projection.sign == projection.sign[0]).all():
        return float(projection.sign[0])
    weights = network.weights_of(projection, network.parameters)
    index = projection.connection.synapses()[2]
    return float(np.mean(weights if np.ndim(weights) == 0 or index is None else weights.ravel()[index]))

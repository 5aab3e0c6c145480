"""A network's populations and projections as boxes and arrows."""

from __future__ import annotations

from collections import Counter

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.textpath import TextPath

from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.plotting.axes import NEGATIVE, POSITIVE, make_axes

# Lengths are in units of the font size, as boxes must hold their text.
LINE, PADDING, GAP, GAP_BELOW, MARGIN, LARGEST_FONT = 1.3, 0.6, 3.5, 2.4, 3.0, 9.0
MIXED = "0.5"
MEANINGS = {POSITIVE: "weights > 0", NEGATIVE: "weights < 0", MIXED: "both"}


def network(network: SpikingNetwork, ax=None):
    """Draw a network: boxes for populations, arrows for projections.

    Populations stand in columns, each right of those that it receives from; among populations that feed back on one
    another, in the order in which they were made. Boxes grow with the number of neurons, arrows with that of
    connections, both logarithmically. Arrows are orange where weights are positive, by Dale's law or mostly, purple
    with a bar for a head where they are negative, and grey where they are both (their mean is less than half of their
    mean magnitude). Inputs have dashed borders, readouts thick ones. Bias currents are left out.

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
    >>> artists = hb.plotting.network(hb.load_pretrained("mnist-mlp"))
    """
    ax = make_axes(ax, (7.0, 3.5))
    columns = _columns(network)
    boxes, width, height = _boxes(network, columns)
    font = _font(ax, width, height)
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.set_axis_off()
    artists = {}
    for population in _populations(network):
        artists[population.name] = _draw_box(ax, network, population, boxes[population.name], font)
    drawn = Counter()
    for projection in network.projections:
        if not projection.source.always:
            pair = projection.source.name, projection.target.name
            artists[projection.name] = _draw_arrow(ax, network, projection, boxes, font, drawn[pair])
            drawn[pair] += 1
    used = {artist.get_edgecolor() for artist in artists.values() if isinstance(artist, FancyArrowPatch)}
    handles = [Line2D([], [], color=c, label=meaning) for c, meaning in MEANINGS.items() if to_rgba(c) in used]
    legend = {"loc": "lower center", "ncols": 3, "columnspacing": 1, "handlelength": 1.2}
    ax.legend(handles=handles, frameon=False, fontsize=font, borderaxespad=0, **legend)
    return artists


def _populations(network: SpikingNetwork) -> list[Population]:
    return [population for population in network.populations if not population.always]


def _columns(network: SpikingNetwork) -> list[list[Population]]:
    """Inputs, then populations by the longest way from them."""
    depth = {population.name: 0 for population in network.inputs}
    for component in network.components:
        before = [depth[p.source.name] for p in component.inputs]
        # a loop of several populations is drawn one after the other, but those without a way to them side by side
        for number, population in enumerate(component.populations):
            depth[population.name] = 1 + max(before, default=0) + number
    found = [[] for _ in range(max(depth.values()) + 1)]
    for population in _populations(network):
        found[depth[population.name]].append(population)
    return [column for column in found if column]


def _boxes(network: SpikingNetwork, columns: list[list[Population]]) -> tuple[dict, float, float]:
    """Left, bottom, width and height of each box, and the size of the whole."""
    sizes = {p.name: _size(network, p) for p in _populations(network)}
    heights = [sum(sizes[p.name][1] + GAP_BELOW for p in column) - GAP_BELOW for column in columns]
    height = max(heights) + 2 * MARGIN
    boxes, left = {}, PADDING
    for column, own in zip(columns, heights, strict=True):
        width = max(sizes[p.name][0] for p in column)
        bottom = (height - own) / 2
        for population in reversed(column):
            own_width, own_height = sizes[population.name]
            boxes[population.name] = (left + (width - own_width) / 2, bottom, own_width, own_height)
            bottom += own_height + GAP_BELOW
        left += width + GAP
    return boxes, left - GAP + PADDING, height


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
        linewidth=(2.0 if is_readout else 1.0) * font / LARGEST_FONT,
        zorder=3,
    )
    ax.add_patch(patch)
    middle = left + width / 2, bottom + height / 2
    ax.text(*middle, _text(network, population), ha="center", va="center", fontsize=font, linespacing=1.1, zorder=4)
    return patch


def _draw_arrow(ax, network, projection: Projection, boxes: dict, font: float, before: int) -> FancyArrowPatch:
    """The arrow of a projection, beside those between the same populations that there were before."""
    source, target = boxes[projection.source.name], boxes[projection.target.name]
    if projection.recurrent:
        left, bottom, width, height = source
        middle, reach = left + width / 2, 0.25 * width + 0.4 * before
        start, end, bend = (middle - reach, bottom + height), (middle + reach, bottom + height), -1.2
    else:
        start, end, bend = _between(source, target, boxes)
        shift = -0.8 * before
        start, end = (start[0], start[1] + shift), (end[0], end[1] + shift)
    colour = _colour(network, projection)
    arrow = FancyArrowPatch(
        start,
        end,
        connectionstyle=f"arc3,rad={bend}",
        arrowstyle="-[,widthB=0.4,lengthB=0" if colour == NEGATIVE else "-|>,head_width=0.25",
        mutation_scale=font,
        color=colour,
        linewidth=(0.5 + 0.35 * np.log10(len(projection.connection.synapses()[0]))) * font / LARGEST_FONT,
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
    if not forward and not backward:  # in one column: down on the right, up on the left
        down = source[1] > target[1]
        place = 0.65 if down else 0.35
        start = source[0] + place * source[2], source[1] + (0 if down else source[3])
        end = target[0] + place * target[2], target[1] + (target[3] if down else 0)
        return start, end, -0.1
    first, last = (source, target) if forward else (target, source)
    passed = [b for b in boxes.values() if first[0] + first[2] <= b[0] and b[0] + b[2] <= last[0]]
    below = backward or source[1] + source[3] / 2 < target[1] + target[3] / 2 - 0.1
    if passed:
        edge = 0.1 if below else 0.9
    else:
        edge = 0.7 if forward else 0.3  # forth in the upper half, back in the lower one
    start = source[0] + (source[2] if forward else 0), source[1] + edge * source[3]
    end = target[0] + (0 if forward else target[2]), target[1] + edge * target[3]
    if not passed:
        return start, end, -0.12
    # an arc rises by half of its bend times its length: over or under the highest box that it passes
    clearance = max(1.0, max(box[3] for box in passed) / 2 + 1.0 - 0.4 * min(source[3], target[3]))
    bend = 2 * clearance / np.hypot(end[0] - start[0], end[1] - start[1])
    return start, end, bend if below and forward else -bend


def _colour(network: SpikingNetwork, projection: Projection) -> str:
    if projection.sign is not None and (projection.sign == projection.sign[0]).all():
        return POSITIVE if projection.sign[0] > 0 else NEGATIVE
    weights, index = network.weights_of(projection, network.parameters), projection.connection.synapses()[2]
    weights = weights if np.ndim(weights) == 0 or index is None else weights.ravel()[index]
    mean = np.mean(weights)
    if abs(mean) < 0.5 * np.abs(weights).mean():
        return MIXED
    return POSITIVE if mean >= 0 else NEGATIVE

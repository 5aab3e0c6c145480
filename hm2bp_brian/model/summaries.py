"""What ``SpikingNetwork.summary`` prints, and notebooks show."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.model.units import with_unit
from hm2bp_brian.rendering import graph_picture, notebook_view


def view(network) -> str:
    """The network as HTML, with a picture."""
    number = {population.name: n for n, population in enumerate(network.populations)}
    edges = [(number[p.source.name], number[p.target.name]) for p in network.projections]
    rows = _chain_rows(network) if network.is_chain else [*_population_rows(network), *_projection_rows(network)]
    return notebook_view("SpikingNetwork", rows, graph_picture(list(number), edges))


def chain_summary(network) -> str:
    """A table of the layers of a chain."""
    return _table(_chain_rows(network))


def graph_summary(network) -> str:
    """Two tables: the populations, and the projections among them."""
    tables = [_table(_population_rows(network)), _table(_projection_rows(network))]
    if any(component.loops for component in network.components):
        tables.append("A spike is put in at the end of its step, so that loops have a delay of at least one step.")
    return "\n\n".join(tables)


def _chain_rows(network) -> list[tuple]:
    rows = [("layer", "shape", "parameters", "threshold"), ("input", str(network.input_shape), "0", "")]
    for number, layer in enumerate(network.layers):
        size = network.weights[number].size
        rows.append(
            (f"{number} {type(layer).__name__}", str(network.shapes[number]), f"{size:,}", str(layer.threshold))
        )
    total = sum(array.size for array in network.parameters)
    values = sum(array.size for array in network.neuron_values)
    others = total - values - sum(w.size for w in network.weights[: len(network.layers)])
    rows += [("loops, delays", "", f"{others:,}", "")] if others else []
    rows += [("neurons", "", f"{values:,}", "")] if values else []
    return [*rows, ("total", "", f"{total:,}", "")]


def _population_rows(network) -> list[tuple]:
    rows = [("population", "shape", "threshold", "")]
    for population in network.populations:
        threshold = "input"
        if population.neuron is not None:
            threshold = with_unit(population.threshold, population.neuron.threshold_dimension)
        rows.append((population.name, str(population.shape), threshold, "readout" * (population in network.readouts)))
    return rows


def _projection_rows(network) -> list[tuple]:
    rows = [("projection", "connections", "delay in steps", "trained")]
    for projection in network.projections:
        receptor = f" ({projection.receptor_type})" if projection.receptor_type else ""
        name = f"{projection.name}: {projection.source.name} -> {projection.target.name}{receptor}"
        rows.append((name, f"{len(projection.connection.synapses()[0]):,}", _delays(projection), _trained(projection)))
    rows.append(("parameters", f"{sum(p.size for p in network.parameters):,}", "", ""))
    return rows


def _delays(projection) -> str:
    delays = projection.delays
    if delays.learned:
        return f"learned, {delays.limits[0]:g}..{delays.limits[1]:g}"
    if np.ndim(delays.steps) == 0:
        return str(delays.steps)
    return f"{np.min(delays.steps)}..{np.max(delays.steps)}"


def _trained(projection) -> str:
    if projection.lateral:
        return "lateral inhibition, fixed"
    if not projection.plastic:
        return "fixed"
    return "yes" if projection.sign is None else "yes, signs kept"


def _table(rows: list[tuple]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "-" * max(len(line) for line in lines))
    return "\n".join(lines)

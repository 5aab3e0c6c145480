"""The order in which populations can be run: those that feed back on one another together, the others one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

import numpy as np

from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.projections import Projection


@dataclass(frozen=True, eq=False)
class Component:
    """Populations that reach one another: mostly a single one.

    Parameters
    ----------
    populations : tuple of Population
    inputs : tuple of Projection
        From outside to one of them.
    loops : tuple of Projection
        Among them, other than lateral inhibition.
    lateral : tuple of Projection
        Lateral inhibition.
    """

    populations: tuple[Population, ...]
    inputs: tuple[Projection, ...]
    loops: tuple[Projection, ...]
    lateral: tuple[Projection, ...]

    @property
    def projections(self) -> tuple[Projection, ...]:
        """All that HM2-BP sums over."""
        return self.inputs + self.loops


def components(populations: Sequence[Population], projections: Sequence[Projection]) -> list[Component]:
    """Strongly connected populations of neurons, each component behind those that it receives from."""
    number = {population.name: n for n, population in enumerate(populations)}
    edges = [(number[p.source.name], number[p.target.name]) for p in projections]
    label = _strongly_connected(len(populations), edges)
    before = {component: set() for component in label}
    for source, target in edges:
        if label[source] != label[target]:
            before[label[target]].add(label[source])
    found = []
    for component in TopologicalSorter(before).static_order():
        members = [p for n, p in enumerate(populations) if label[n] == component and p.neuron is not None]
        if members:
            found.append(_component(members, projections))
    return found


def _strongly_connected(n_nodes: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """For each node the first of those that it reaches and that reach it."""
    reaches = np.eye(n_nodes, dtype=bool)
    for source, target in edges:
        reaches[source, target] = True
    if not n_nodes:
        return []
    for _ in range(n_nodes.bit_length()):
        reaches = reaches @ reaches  # paths of twice the length
    return (reaches & reaches.T).argmax(axis=1).tolist()


def _component(members: list[Population], projections: Sequence[Projection]) -> Component:
    arriving = [p for p in projections if any(p.target is member for member in members)]
    inside = [p for p in arriving if any(p.source is member for member in members)]
    return Component(
        tuple(members),
        tuple(p for p in arriving if p not in inside),
        tuple(p for p in inside if not p.lateral),
        tuple(p for p in inside if p.lateral),
    )


def unreached(populations: Sequence[Population], projections: Sequence[Projection]) -> list[Population]:
    """Populations of neurons to which no path leads from an input."""
    reached = {p.name for p in populations if p.neuron is None}
    while True:
        new = {p.target.name for p in projections if p.source.name in reached} - reached
        if not new:
            return [p for p in populations if p.name not in reached]
        reached |= new

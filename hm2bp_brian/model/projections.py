"""Projections: all connections from one population to another, or to itself."""

from __future__ import annotations

from dataclasses import dataclass

from hm2bp_brian.model.connections import AllToAll, AllToOthers, Windows
from hm2bp_brian.model.populations import Population


@dataclass(frozen=True, eq=False)
class Projection:
    """All connections from one population to another, or to itself.

    A spike is delivered at the end of its step, so that it acts on the target from the next step on.

    Parameters
    ----------
    name : str
        That of its Synapses in Brian2, such as ``"synapses_0"``.
    source, target : Population
    connection : AllToAll, AllToOthers or Windows
        Which neurons are connected.
    weight : float or None
        The weight of all connections, fixed, in the base unit of the target's synaptic variable; None where weights are
        learned and lie in the network.
    """

    name: str
    source: Population
    target: Population
    connection: AllToAll | AllToOthers | Windows
    weight: float | None = None

    @property
    def plastic(self) -> bool:
        """Whether its weights are learned."""
        return self.weight is None

    @property
    def recurrent(self) -> bool:
        """Whether it connects a population with itself."""
        return self.source is self.target

"""Projections: all connections from one population to another, or to itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from hm2bp_brian.model.connections import AllPairs, Pairs, Windows
from hm2bp_brian.model.delays import Delays
from hm2bp_brian.model.initial_weights import sign_of_each
from hm2bp_brian.model.populations import Population


@dataclass(frozen=True, eq=False)
class Projection:
    """All connections from one population to another, or to itself.

    A spike is delivered at the end of its step, or so many steps later, and acts on the target from the next step on.

    Parameters
    ----------
    name : str
        That of its Synapses in Brian2, such as ``"synapses_0"``.
    source, target : Population
    connection : AllPairs, Pairs or Windows
        Which neurons are connected.
    weight : float or None
        The weight of all connections, fixed, in the base unit of ``synaptic_variable``; None where weights lie
        in the network.
    plastic : bool
        Whether its weights are learned.
    delays : Delays
    sign : int8 array (n_pre,) or None
        1 or -1 where all weights of a source neuron are >= 0 or <= 0.
    lateral : bool
        The paper's lateral inhibition of the output: HM2-BP accounts for it by a factor of the gradient, not as a loop.
    receptor_type : str or None
        The target's variable that spikes add their weight to; None for the synaptic variable of its neuron.
    """

    name: str
    source: Population
    target: Population
    connection: AllPairs | Pairs | Windows
    weight: float | None = None
    plastic: bool = True
    delays: Delays = field(default_factory=Delays)
    sign: np.ndarray | None = None
    lateral: bool = False
    receptor_type: str | None = None

    @property
    def recurrent(self) -> bool:
        """Whether it connects a population with itself."""
        return self.source is self.target

    @property
    def plain(self) -> bool:
        """Whether it is nothing but connections to another population's own synaptic variable, without delays."""
        other_receptor = self.synaptic_variable != self.target.neuron.synaptic_variable
        return not (self.recurrent or other_receptor or self.delays.single or self.delays.steps)

    @property
    def synaptic_variable(self) -> str:
        """The target's variable that spikes add their weight to."""
        return self.target.neuron.synaptic_variable if self.receptor_type is None else self.receptor_type

    @property
    def weight_dimension(self):
        """Dimension of the weights: that of this variable."""
        return self.target.neuron.dimension_of(self.synaptic_variable)

    @cached_property
    def sign_of_weights(self) -> np.ndarray | None:
        """The sign that each weight must have, in a shape that fits the weights; None where any will do."""
        return sign_of_each(self.connection, self.sign)

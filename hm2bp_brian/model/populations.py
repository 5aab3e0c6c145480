"""Populations: neurons of one kind, with a name and a shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hm2bp_brian.model.neurons import NeuronModel


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one kind.

    Parameters
    ----------
    name : str
        By which the population's Brian2 objects are found, such as ``"layer_0"``.
    shape : tuple of int
        Maps are ``(height, width, channels)``; flat indices are in C order.
    neuron : NeuronModel or None
        None for an input, whose spikes come from outside.
    threshold : float or None
        ``v_th``, in SI base units; None for an input.
    """

    name: str
    shape: tuple[int, ...]
    neuron: NeuronModel | None = None
    threshold: float | None = None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

"""Layers: what is connected to what, frozen and without state. Weights live in the network."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.initializers import Uniform


@dataclass(frozen=True)
class Dense:
    """A layer in which every neuron receives every neuron of the layer before.

    Parameters
    ----------
    units : int
        Number of neurons.
    threshold : float or Quantity
        The layer's ``v_th``, in the unit of the membrane variable.
    lateral_inhibition : float
        Strength w0 >= 0 with which every neuron inhibits each other one of the layer: a spike adds ``-w0`` to the
        others' synaptic variable. It is fixed, not learned.
    initializer : Uniform

    Raises
    ------
    ConfigurationError
        If ``units`` is no positive integer or ``lateral_inhibition`` is negative.
    """

    units: int
    threshold: object
    lateral_inhibition: float = 0.0
    initializer: Uniform = field(default_factory=Uniform)

    def __post_init__(self):
        if isinstance(self.units, bool) or not isinstance(self.units, int | np.integer) or self.units < 1:
            raise ConfigurationError(f"Dense.units must be a positive integer, found {self.units!r}")
        if not np.isfinite(self.lateral_inhibition) or self.lateral_inhibition < 0:
            raise ConfigurationError(
                f"Dense.lateral_inhibition is a strength and must be finite and >= 0, found {self.lateral_inhibition!r}"
            )

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the layer's population."""
        return (int(self.units),)

    def weight_shape(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        """Shape of the layer's weights, ``(n_pre, n_post)``."""
        return int(np.prod(input_shape)), int(self.units)

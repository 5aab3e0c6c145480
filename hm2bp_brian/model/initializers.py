"""How weights start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.units import to_float


@dataclass(frozen=True)
class Uniform:
    """Weights drawn uniformly from ``-limit`` to ``limit``.

    Parameters
    ----------
    limit : float or Quantity
        In the unit of the synaptic variable.

    Raises
    ------
    ConfigurationError
        If ``limit`` is not one finite number >= 0, with or without a unit.
    """

    limit: object = 1.0

    def __post_init__(self):
        # a text passes: recipes keep quantities as texts, and a network takes none
        if not isinstance(self.limit, str) and to_float("Uniform.limit", self.limit, None) < 0:
            raise ConfigurationError(f"Uniform.limit must be >= 0, found {self.limit!r}")

    def __call__(self, shape: tuple[int, ...], limit: float, generator: np.random.Generator) -> np.ndarray:
        """Draw float32 weights of the given shape; ``limit`` is this object's limit as a float."""
        return generator.uniform(-limit, limit, size=shape).astype(np.float32)

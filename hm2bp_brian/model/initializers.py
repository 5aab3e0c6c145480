"""How weights start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Uniform:
    """Weights drawn uniformly from ``-limit`` to ``limit``.

    Parameters
    ----------
    limit : float or Quantity
        In the unit of the synaptic variable.
    """

    limit: object = 1.0

    def __call__(self, shape: tuple[int, ...], limit: float, generator: np.random.Generator) -> np.ndarray:
        """Draw float32 weights of the given shape; ``limit`` is this object's limit as a float."""
        return generator.uniform(-limit, limit, size=shape).astype(np.float32)

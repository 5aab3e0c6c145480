"""What happens to a population's neurons in a step and at a spike, on a card."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.engines.cuda.card import Card, pointer
from hm2bp_brian.engines.fused.layer_kernels import kernel_matrices


class CardDynamics:
    """Matrices for kernel ``adjoint``; what a spike reads and takes back for ``adjoint_along``.

    Parameters
    ----------
    dynamics : LinearMap or Trajectories
    dtype : numpy dtype
    card : Card
    """

    def __init__(self, dynamics, dtype: np.dtype, card: Card):
        matrices = kernel_matrices(dynamics, dtype)
        self._uniform = all((matrix == matrix[:1]).all() for matrix in matrices.values())
        self._arrays = {name: card.put(matrix) for name, matrix in matrices.items()}

    @property
    def fields(self) -> dict:
        """What ``arguments.Backward`` and ``arguments.Along`` say of them."""
        return {"uniform": self._uniform} | {name: pointer(array) for name, array in self._arrays.items()}

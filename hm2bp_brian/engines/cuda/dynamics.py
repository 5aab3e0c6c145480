"""What happens to a layer's neurons in a step and at a spike, on a card."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.brian.probing import LinearMap
from hm2bp_brian.engines.cuda.card import Card, pointer
from hm2bp_brian.engines.fused.layer_kernels import kernel_matrices


class CardDynamics:
    """A linear map's matrices, for kernel ``adjoint``.

    Parameters
    ----------
    linear_map : LinearMap
    dtype : numpy dtype
    card : Card
    """

    def __init__(self, linear_map: LinearMap, dtype: np.dtype, card: Card):
        matrices = kernel_matrices(linear_map, dtype)
        self._uniform = all((matrix == matrix[:1]).all() for matrix in matrices.values())
        self._refractory_steps = linear_map.refractory_steps
        self._arrays = {name: card.put(matrix) for name, matrix in matrices.items()}

    def fields(self, n_steps: int) -> dict:
        """What ``arguments.Backward`` says of them."""
        addresses = {name: pointer(array) for name, array in self._arrays.items()}
        refractory_steps = min(self._refractory_steps, n_steps)
        return {"uniform": self._uniform, "refractory_steps": refractory_steps} | addresses

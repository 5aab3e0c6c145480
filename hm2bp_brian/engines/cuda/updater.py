"""What optimizers and averages do to weights that lie on a card."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.engines.cuda import arguments
from hm2bp_brian.engines.cuda.card import Card, launch, pointer
from hm2bp_brian.engines.cuda.sources import update_source
from hm2bp_brian.engines.updates import NumpyUpdater

THREADS = 4096  # that add up squares, each its own: they decide the order of the sum


class CardUpdater:
    """Twin of ``engines.updates.NumpyUpdater``, which it leaves arrays to that lie in this process's memory.

    Parameters
    ----------
    card : Card
    dtype : numpy dtype
        Of the arrays that are changed, which must be C-contiguous.
    """

    def __init__(self, card: Card, dtype: np.dtype):
        self.card = card
        self.dtype = dtype
        self._kernel = card.compile(update_source(dtype), f"the updates of weights in {dtype}")
        self._squares = card.empty(THREADS, np.float64)
        self._length = card.empty(1, np.float64)

    def adam(self, w, g, m, v, beta_1: float, beta_2: float, step_size: float, epsilon: float, limit: float | None):
        """The same as ``NumpyUpdater.adam``."""
        if not self.card.holds(w):
            return NumpyUpdater.adam(w, g, m, v, beta_1, beta_2, step_size, epsilon, limit)
        g = self.card.put(g, self.dtype)
        arrays = {"w": w, "g": g, "m": m, "v": v, "squares": self._squares, "length": self._length}
        numbers = {"beta_1": beta_1, "beta_2": beta_2, "step_size": step_size, "epsilon": epsilon}
        structure = self._structure(arrays, w.size, limit=limit or 0.0, **numbers)
        launch(self._kernel("adam_average"), structure, structure.n_threads)
        launch(self._kernel("adam_length"), structure, min(w.size, 1))
        launch(self._kernel("adam_step"), structure, w.size)

    def move_towards(self, average, w, fraction: float) -> None:
        """The same as ``NumpyUpdater.move_towards``."""
        if not self.card.holds(average):
            return NumpyUpdater.move_towards(average, w, fraction)
        structure = self._structure({"average": average, "w": w}, w.size, fraction=fraction)
        launch(self._kernel("move_towards"), structure, w.size)

    @staticmethod
    def _structure(arrays: dict, size: int, **numbers) -> arguments.Update:
        fields = {field: pointer(array) for field, array in arrays.items()}
        return arguments.Update(size=size, n_threads=min(size, THREADS), **fields, **numbers)

"""An exponential average of the weights over the updates, used for evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.training.updates import NumpyUpdater


class WeightAverage:
    """Exponential average of weights, corrected for having started at zero.

    After n updates with weights w_1 ... w_n the average is

    .. math:: \\frac{1 - d}{1 - d^n} \\sum_{k=1}^n d^{\\,n-k} w_k

    Parameters
    ----------
    decay : float
        d, in 0 < decay < 1: 0.998 remembers some 500 updates.
    weights : list of arrays
        For their shapes and dtypes; the values are not used.
    updater : optional
        What does the arithmetic (see `hm2bp_brian.training.updates`).

    Raises
    ------
    ConfigurationError
        If ``decay`` is out of range.
    """

    def __init__(self, decay: float, weights: Sequence[np.ndarray], updater=NumpyUpdater):
        if not 0 < decay < 1:
            raise ConfigurationError(f"averaging must be in 0 < averaging < 1, such as 0.998; found {decay!r}")
        self.decay = decay
        self.updates = 0
        self.updater = updater
        self._sums = [np.zeros_like(w) for w in weights]

    def update(self, weights: Sequence[np.ndarray]) -> None:
        """Take in the weights after one more update."""
        self.updates += 1
        for w, total in zip(weights, self._sums, strict=True):
            self.updater.move_towards(total, w, 1 - self.decay)

    def weights(self) -> list[np.ndarray]:
        """The average, as new arrays; there must have been an update."""
        correction = 1 - self.decay**self.updates
        return [total / correction for total in self._sums]

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the arrays that a checkpoint needs to go on from here."""
        return {"updates": np.array(self.updates)} | {
            f"sum_{layer}": total.copy() for layer, total in enumerate(self._sums)
        }

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Go on from arrays that ``state()`` returned."""
        self.updates = int(state["updates"])
        for layer, total in enumerate(self._sums):
            total[...] = state[f"sum_{layer}"]

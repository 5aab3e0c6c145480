"""An exponential average of the weights over the updates, used for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.engines.updates import NumpyUpdater
from hm2bp_brian.errors import ConfigurationError


@dataclass(frozen=True)
class WeightAverage:
    """Exponential average of weights, corrected for having started at zero.

    After n updates with weights w_1 ... w_n the average is

    .. math:: \\frac{1 - d}{1 - d^n} \\sum_{k=1}^n d^{\\,n-k} w_k

    Parameters
    ----------
    decay : float
        d, in 0 < decay < 1: 0.998 remembers some 500 updates.

    Raises
    ------
    ConfigurationError
        If ``decay`` is out of range.
    """

    decay: float

    def __post_init__(self):
        if not 0 < self.decay < 1:
            raise ConfigurationError(f"averaging must be in 0 < averaging < 1, such as 0.998; found {self.decay!r}")

    def init(self, weights: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """State before the first update, for weights of these shapes and dtypes."""
        return {"updates": np.array(0)} | {f"sum_{layer}": np.zeros_like(w) for layer, w in enumerate(weights)}

    def update(self, state: dict[str, np.ndarray], weights: Sequence[np.ndarray], updater=NumpyUpdater) -> None:
        """Take in the weights after one more update."""
        state["updates"] += 1
        for layer, w in enumerate(weights):
            updater.move_towards(state[f"sum_{layer}"], w, 1 - self.decay)

    def weights(self, state: dict[str, np.ndarray]) -> list[np.ndarray]:
        """The average, as new arrays; there must have been an update."""
        updates = int(state["updates"])
        correction = 1 - self.decay**updates
        return [state[f"sum_{layer}"] / correction for layer in range(len(state) - 1)]

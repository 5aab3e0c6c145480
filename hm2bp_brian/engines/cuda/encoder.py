"""The Bernoulli encoder on a card."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.engines.cuda.spikes import SpikeKernels
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True)
class CardBernoulliEncoder(BernoulliEncoder):
    """Makes the same spikes as a BernoulliEncoder, on the card."""

    kernels: SpikeKernels | None = None

    def _draw(self, thresholds: np.ndarray, keys: np.ndarray, n_steps: int, shape: tuple[int, ...]) -> SpikeBatch:
        return self.kernels.bernoulli(thresholds, keys, n_steps, shape)

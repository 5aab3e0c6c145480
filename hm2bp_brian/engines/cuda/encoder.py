"""The Bernoulli encoder on a card."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.encoding.random_numbers import sample_keys
from hm2bp_brian.engines.cuda.spikes import SpikeKernels
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True)
class CardBernoulliEncoder(BernoulliEncoder):
    """Makes the same spikes as a BernoulliEncoder, on the card."""

    kernels: SpikeKernels | None = None

    def encode(self, images, n_steps: int, seed: int = 0, epoch: int = 0, indices=None) -> SpikeBatch:
        """As ``BernoulliEncoder.encode``; images may lie on the card."""
        if not self.kernels.card.holds(images):
            return super().encode(images, n_steps, seed, epoch, indices)
        keys = sample_keys(seed, epoch, np.arange(len(images)) if indices is None else indices)
        return self.kernels.bernoulli(self.pixel_thresholds, keys, n_steps, images.shape[1:], images)

    def _draw(self, thresholds: np.ndarray, keys: np.ndarray, n_steps: int, shape: tuple[int, ...]) -> SpikeBatch:
        return self.kernels.bernoulli(thresholds, keys, n_steps, shape)

"""The Bernoulli encoder with compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.encoding.poisson import BernoulliEncoder, sample_keys
from hm2bp_brian.engines.fused import spike_kernels
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True)
class CompiledBernoulliEncoder:
    """Makes the same spikes as a BernoulliEncoder.

    Parameters
    ----------
    encoder : BernoulliEncoder
    threads : int
    """

    encoder: BernoulliEncoder
    threads: int

    def encode(self, images: np.ndarray, n_steps: int, seed: int = 0, epoch: int = 0, indices=None) -> SpikeBatch:
        """The same as ``BernoulliEncoder.encode``."""
        images = np.asarray(images)
        keys = sample_keys(seed, epoch, np.arange(len(images)) if indices is None else indices)
        thresholds = self.encoder.thresholds(images)
        return spike_kernels.bernoulli_spikes(thresholds, keys, n_steps, images.shape[1:], self.threads)

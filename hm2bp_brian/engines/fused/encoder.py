"""The Bernoulli encoder with compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.engines.fused import spike_kernels
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True)
class CompiledBernoulliEncoder(BernoulliEncoder):
    """Makes the same spikes as a BernoulliEncoder, in ``threads`` threads."""

    threads: int = 1

    def _draw(self, thresholds: np.ndarray, keys: np.ndarray, n_steps: int, shape: tuple[int, ...]) -> SpikeBatch:
        return spike_kernels.bernoulli_spikes(thresholds, keys, n_steps, shape, self.threads)

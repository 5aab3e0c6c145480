"""Latency code: a neuron fires once, the earlier the brighter its pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_count
from hm2bp_brian.encoding.images import checked_images, warn_if_dark
from hm2bp_brian.errors import SpikeError
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True)
class LatencyEncoder:
    """A pixel of brightness x in 0..1 fires in step (1 - x) (n_steps - 1), rounded; a black one never.

    White pixels fire in the first step, the darkest of uint8 images just before or in the last one. There are no random
    numbers.

    Examples
    --------
    >>> spikes = hb.encoding.LatencyEncoder().encode(np.array([[1.0, 0.5, 0.0]]), n_steps=11)
    >>> spikes.steps.tolist(), spikes.neurons.tolist()
    ([0, 5], [0, 1])
    """

    def encode(self, images: np.ndarray, n_steps: int, seed: int = 0, epoch: int = 0, indices=None) -> SpikeBatch:
        """Input spikes of a batch of images; see `hm2bp_brian.encoding.images.ImageEncoder.encode`.

        Warns
        -----
        UserWarning
            If uint8 images have no pixel above 1.
        """
        images = checked_images(images)
        warn_if_dark("images", images)
        n_steps = check_count("n_steps", n_steps, error=SpikeError)
        pixels = images.reshape(len(images), math.prod(images.shape[1:]))
        brightness = pixels / (255.0 if images.dtype == np.uint8 else 1.0)
        samples, neurons = np.nonzero(brightness)
        steps = np.rint((1 - brightness[samples, neurons]) * (n_steps - 1)).astype(np.int64)
        return SpikeBatch.from_events(
            samples, steps, neurons, n_samples=len(images), n_steps=n_steps, shape=images.shape[1:]
        )

"""Rate code: at each step after the first, a neuron fires with a probability proportional to its pixel.

Whether neuron j of a sample fires at step t is a hash of (key of the sample, j, t); see
`hm2bp_brian.encoding.random_numbers`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_shape, is_integer
from hm2bp_brian.encoding.images import checked_images, warn_if_dark
from hm2bp_brian.encoding.random_numbers import random_words, sample_keys
from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True)
class BernoulliEncoder:
    """Pixels to spike probabilities p = pixel / (rate_divisor * 255), by Jin, Zhang & Li (2018) with 5.5.

    Parameters
    ----------
    rate_divisor : float
        At least 1; a white pixel fires once in so many steps, on average.

    Raises
    ------
    ConfigurationError
        If ``rate_divisor`` is below 1 or not finite.

    Examples
    --------
    >>> spikes = hb.encoding.BernoulliEncoder(2.0).encode(np.array([[1.0, 0.5, 0.0]]), n_steps=1000, seed=1)
    >>> spikes.counts
    array([[515, 262,   0]])
    """

    rate_divisor: float = 5.5

    def __post_init__(self):
        if not 1 <= self.rate_divisor < np.inf:
            raise ConfigurationError(
                f"rate_divisor must be a number from 1 on (probabilities are at most 1), found {self.rate_divisor!r}"
            )

    def thresholds(self, images: np.ndarray) -> np.ndarray:
        """Spike probabilities as thresholds for a 32-bit hash.

        Parameters
        ----------
        images : array (batch, ...)
            uint8 pixels in 0..255, or floats in 0..1.

        Returns
        -------
        uint32 array (batch, n_neurons)
            floor(p * 2**32), at most 2**32 - 1; neurons in C order.

        Raises
        ------
        ShapeError
            If there is no batch dimension.
        ConfigurationError
            If the values have another type, are not finite or outside 0..1.
        """
        images = checked_images(images)
        flat = images.reshape(len(images), math.prod(images.shape[1:]))
        if images.dtype == np.uint8:
            return self.pixel_thresholds[flat]
        return _thresholds(flat.astype(np.float64) / self.rate_divisor)

    @property
    def pixel_thresholds(self) -> np.ndarray:
        """The thresholds of uint8 pixels, uint32 (256,)."""
        return _thresholds(np.arange(256) / (self.rate_divisor * 255))

    def encode(self, images: np.ndarray, n_steps: int, seed: int = 0, epoch: int = 0, indices=None) -> SpikeBatch:
        """Input spikes of a batch of images; see `hm2bp_brian.encoding.images.ImageEncoder.encode`.

        Warns
        -----
        UserWarning
            If uint8 images have no pixel above 1.
        """
        thresholds = self.thresholds(images)
        warn_if_dark("images", images)
        indices = np.arange(len(thresholds)) if indices is None else indices
        return self._draw(thresholds, sample_keys(seed, epoch, indices), n_steps, np.shape(images)[1:])

    def _draw(self, thresholds: np.ndarray, keys: np.ndarray, n_steps: int, shape: tuple[int, ...]) -> SpikeBatch:
        return bernoulli_spikes(thresholds, keys, n_steps, shape)


def bernoulli_spikes(thresholds: np.ndarray, keys: np.ndarray, n_steps: int, shape: tuple[int, ...]) -> SpikeBatch:
    """Draw the spikes of a batch; step 0 is silent.

    Neuron j fires at step t = 1..n_steps-1 if ``random_words(keys, j * n_steps + t) < thresholds[j]``.

    Parameters
    ----------
    thresholds : uint32 array (batch, n_neurons)
        From `BernoulliEncoder.thresholds`.
    keys : uint32 array (batch, 2)
        From `sample_keys`.
    n_steps : int
    shape : tuple of int
        Shape of the population, of ``n_neurons`` neurons.

    Raises
    ------
    ShapeError
        If the shapes don't fit.
    ConfigurationError
        If thresholds or keys are not uint32.
    SpikeError
        If the batch is empty, or ``n_steps`` below 1.

    Examples
    --------
    >>> thresholds = hb.encoding.BernoulliEncoder(2.0).thresholds(np.array([[1.0, 0.5, 0.0]]))
    >>> keys = hb.encoding.sample_keys(seed=1, epoch=0, indices=[0])
    >>> hb.encoding.bernoulli_spikes(thresholds, keys, n_steps=1000, shape=(3,)).counts
    array([[515, 262,   0]])
    """
    n_samples, n_neurons = len(thresholds), int(np.prod(check_shape("shape", shape)))
    if n_samples < 1 or not is_integer(n_steps) or n_steps < 1:
        raise SpikeError(f"a batch needs at least one sample and step, found {n_samples} samples, {n_steps!r} steps")
    if thresholds.shape != (n_samples, n_neurons) or keys.shape != (n_samples, 2):
        raise ShapeError(
            f"expected thresholds (batch, {n_neurons}) for a population of shape {tuple(shape)} and keys (batch, 2), "
            f"found {thresholds.shape} and {keys.shape}"
        )
    if thresholds.dtype != np.uint32 or keys.dtype != np.uint32:
        raise ConfigurationError(f"thresholds and keys must be uint32, found {thresholds.dtype} and {keys.dtype}")
    steps = np.arange(1, n_steps, dtype=np.uint32)[:, np.newaxis]
    counts = np.zeros((n_samples, n_steps), dtype=np.int64)
    neurons = []
    for sample in range(n_samples):
        # a sample and its active neurons at a time: two arrays of (n_steps, n_active) are all the memory needed
        active = np.flatnonzero(thresholds[sample]).astype(np.uint32)
        words = random_words(keys[sample], active * np.uint32(n_steps) + steps)
        step, neuron = np.nonzero(words < thresholds[sample, active])
        counts[sample, 1:] = np.bincount(step, minlength=len(steps))
        neurons.append(active[neuron])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return SpikeBatch(np.concatenate(neurons), offsets, n_samples, n_steps, shape)


def _thresholds(probabilities: np.ndarray) -> np.ndarray:
    # probability 1 would be 2**32, which a 32-bit word can't hold
    return np.minimum(np.floor(probabilities * 2.0**32), 2.0**32 - 1).astype(np.uint32)

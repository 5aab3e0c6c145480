"""Rate code: at each step after the first, a neuron fires with a probability proportional to its pixel.

Whether neuron j of a sample fires at step t is a hash of (key of the sample, j, t), in integer arithmetic only. So the
spikes of a sample depend on nothing but (seed, epoch, index of the sample), not on the batch it is in, and any engine
that computes the same hash makes the same spikes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
        images = np.asarray(images)
        if images.ndim < 2:
            raise ShapeError(f"images must be (batch, ...), at least 2 dimensions, found shape {images.shape}")
        flat = images.reshape(len(images), int(np.prod(images.shape[1:])))
        if images.dtype == np.uint8:
            return _thresholds(np.arange(256) / (self.rate_divisor * 255))[flat]
        if images.dtype.kind != "f":
            raise ConfigurationError(f"images must be uint8 in 0..255 or floats in 0..1, found {images.dtype}")
        if not ((flat >= 0) & (flat <= 1)).all():
            raise ConfigurationError(
                f"float images must be finite and in 0..1, found {flat.min()}..{flat.max()}; "
                "divide them by their largest value, or pass uint8"
            )
        return _thresholds(flat.astype(np.float64) / self.rate_divisor)

    def encode(self, images: np.ndarray, n_steps: int, seed: int = 0, epoch: int = 0, indices=None) -> SpikeBatch:
        """Input spikes of a batch of images.

        Parameters
        ----------
        images : array ``(batch, *shape)``
            See ``thresholds``.
        n_steps : int
        seed, epoch : int
            Another seed or epoch gives other spikes.
        indices : int array (batch,), optional
            Index of each image in its data set, on which its spikes depend; 0, 1, ... if not given.

        Returns
        -------
        SpikeBatch
        """
        images = np.asarray(images)
        keys = sample_keys(seed, epoch, np.arange(len(images)) if indices is None else indices)
        return bernoulli_spikes(self.thresholds(images), keys, n_steps, images.shape[1:])


def sample_keys(seed: int, epoch: int, indices: np.ndarray) -> np.ndarray:
    """Keys of the random numbers of samples, by the mixing of splitmix64.

    Parameters
    ----------
    seed : int
        In 0..2**64-1.
    epoch : int
        In 0..2**63-1; the same samples get other spikes in another epoch.
    indices : int array (batch,)
        Index of each sample in its data set.

    Returns
    -------
    uint32 array (batch, 2)
        Low and high half of the 64-bit keys.

    Raises
    ------
    ConfigurationError
        If a number is negative or too large.
    ShapeError
        If ``indices`` is not one-dimensional.
    """
    indices = np.asarray(indices)
    if indices.ndim != 1:
        raise ShapeError(f"indices must be (batch,), found shape {indices.shape}")
    if indices.size and (indices.dtype.kind not in "iu" or indices.min() < 0):
        raise ConfigurationError(f"indices must be integers from 0 on, found {indices.dtype} from {indices.min()} on")
    for name, value, limit in (("seed", seed, 2**64), ("epoch", epoch, 2**63)):
        if not isinstance(value, (int, np.integer)) or not 0 <= value < limit:
            raise ConfigurationError(f"{name} must be an integer in 0..{limit - 1}, found {value!r}")
    # arrays, as numpy warns when uint64 scalars wrap
    state = _mix64(np.array([seed], dtype=np.uint64))
    for value in (np.array([epoch]), indices):
        state = _mix64(state + np.uint64(0x9E3779B97F4A7C15) * (value.astype(np.uint64) + np.uint64(1)))
    return np.stack([state & np.uint64(0xFFFFFFFF), state >> np.uint64(32)], axis=-1).astype(np.uint32)


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
    """
    n_samples = len(thresholds)
    n_neurons = int(np.prod(shape))
    if n_samples < 1 or n_steps < 1:
        raise SpikeError(f"a batch needs at least one sample and step, found {n_samples} samples, {n_steps} steps")
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


def random_words(key: np.ndarray, counters: np.ndarray) -> np.ndarray:
    """Random 32-bit words: hash32(hash32(counter + low half of the key) ^ high half of the key), wrapping.

    Parameters
    ----------
    key : uint32 array (..., 2)
        Halves of a key; ``key[..., 0]`` must broadcast with ``counters``.
    counters : uint32 array

    Returns
    -------
    uint32 array
    """
    return hash32(hash32(counters + key[..., 0]) ^ key[..., 1])


def random_integers(words: np.ndarray, limit: int) -> np.ndarray:
    """Uniform integers from 0 to ``limit - 1``, int64, from random 32-bit words."""
    return ((words.astype(np.uint64) * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)


def hash32(x: np.ndarray) -> np.ndarray:
    """Mix the bits of uint32 words (two multiplications, three xor-shifts), one to one."""
    x = x ^ (x >> np.uint32(16))
    x *= np.uint32(0x21F0AAAD)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x735A2D97)
    x ^= x >> np.uint32(15)
    return x


def _thresholds(probabilities: np.ndarray) -> np.ndarray:
    # probability 1 would be 2**32, which a 32-bit word can't hold
    return np.minimum(np.floor(probabilities * 2.0**32), 2.0**32 - 1).astype(np.uint32)


def _mix64(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))

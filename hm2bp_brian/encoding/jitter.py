"""Augmentation of spike trains: moved and stretched in time, moved in place, thinned at random.

What happens to a sample depends on (seed, epoch, index of the sample) only, not on the batch it is in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_integer
from hm2bp_brian.encoding.random_numbers import random_integers, random_words, sample_keys
from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.spikes import SpikeBatch

# changes the keys, so that these random numbers are others than those of input spikes
STREAM = np.array([0x6A697474, 0x65727370], dtype=np.uint32)
FIRST_SPIKE_WORD = np.uint32(1 << 16)  # the words before decide about the sample, one each from here on about a spike


@dataclass(frozen=True)
class SpikeJitter:
    """Random changes of spike trains; an object of this class is called with a batch and the indices of its samples.

    What leaves the presentation or the population is lost; of spikes that meet in a neuron and step one remains.

    Parameters
    ----------
    time_shift : int
        Largest shift in steps; uniform in both senses, the same for a sample's spikes.
    time_scale : float
        Times are multiplied by a factor drawn uniformly from ``1 - time_scale`` to ``1 + time_scale`` for each sample.
    place_shift : int
        Largest shift of a sample's spikes in the population, along each axis but the last one of two or more (the
        channels); such as pixels, or channels of an ear. Axes that are no longer than this are not shifted along, as
        a shift could push all spikes out of them: of shape (1, 700, 1), only the 700.
    drop : float
        Probability with which a spike is left out.

    Raises
    ------
    ConfigurationError
        If a value is negative, not finite, or too large (``time_scale`` and ``drop`` from 1).

    Examples
    --------
    >>> batch = hb.SpikeBatch.from_dense(np.eye(4, dtype=bool)[np.newaxis])
    >>> later = hb.encoding.SpikeJitter(time_shift=2)(batch, seed=1, epoch=0, indices=[0])
    >>> batch.steps.tolist(), later.steps.tolist()  # two spikes have left the presentation
    ([0, 1, 2, 3], [2, 3])
    """

    time_shift: int = 0
    time_scale: float = 0.0
    place_shift: int = 0
    drop: float = 0.0

    def __post_init__(self):
        for name in ("time_shift", "place_shift"):
            value = getattr(self, name)
            check_integer(f"SpikeJitter.{name}", value, 0)
        for name in ("time_scale", "drop"):
            value = getattr(self, name)
            if not 0 <= value < 1 or math.isnan(value):
                raise ConfigurationError(f"SpikeJitter.{name} must be at least 0 and below 1, found {value!r}")

    def __call__(self, batch: SpikeBatch, seed: int, epoch: int, indices: np.ndarray) -> SpikeBatch:
        """Change a batch.

        Parameters
        ----------
        batch : SpikeBatch
        seed, epoch : int
        indices : int array (n_samples,)
            Index of each sample in its data set.

        Returns
        -------
        SpikeBatch
            Of the same sizes.

        Raises
        ------
        ShapeError
            If there is not one index for each sample.
        ConfigurationError
            If seed, epoch or an index is negative.
        """
        keys = sample_keys(seed, epoch, indices) ^ STREAM
        if len(keys) != batch.n_samples:
            raise ShapeError(f"expected one index for each of {batch.n_samples} samples, found {len(keys)}")
        samples = batch.samples
        n_axes = max(len(batch.shape) - 1, 1)
        words = random_words(keys[:, np.newaxis], np.arange(2 + n_axes, dtype=np.uint32))
        factors = 1 + self.time_scale * (words[:, 0] * 2.0**-31 - 1)
        steps = np.floor(batch.steps * factors[samples] + 0.5).astype(np.int64)
        steps += _shifts(words[:, 1], self.time_shift)[samples]
        kept = (steps >= 0) & (steps < batch.n_steps)
        places = list(np.unravel_index(batch.neurons, batch.shape))
        for axis in range(n_axes):
            if batch.shape[axis] <= self.place_shift:
                continue
            places[axis] = places[axis] + _shifts(words[:, 2 + axis], self.place_shift)[samples]
            kept &= (places[axis] >= 0) & (places[axis] < batch.shape[axis])
        if self.drop:
            kept &= self._lots(batch, keys[samples]) >= self.drop
        neurons = np.ravel_multi_index([place[kept] for place in places], batch.shape)
        row = samples[kept] * batch.n_steps + steps[kept]
        numbers = np.unique(row * batch.n_neurons + neurons)
        return SpikeBatch.from_numbers(numbers, batch.n_samples, batch.n_steps, batch.shape)

    def _lots(self, batch: SpikeBatch, keys: np.ndarray) -> np.ndarray:
        """A number in 0..1 for each spike, that its neuron and step in the sample determine."""
        counters = (batch.neurons * np.int64(batch.n_steps) + batch.steps).astype(np.uint32) + FIRST_SPIKE_WORD
        return random_words(keys, counters) * 2.0**-32


def _shifts(words: np.ndarray, largest: int) -> np.ndarray:
    """Uniform integers from ``-largest`` to ``largest`` from random 32-bit words."""
    return random_integers(words, 2 * largest + 1) - largest

"""Random numbers that are a hash of a counter and of the key of a sample, in integer arithmetic only.

They depend on nothing but (seed, epoch, index of the sample) and the counter, so not on the batch that a sample is in,
and any engine that computes the same hash has the same numbers.
"""

from __future__ import annotations

import numpy as np

from hm2bp_brian.checks import check_integer, check_integers
from hm2bp_brian.errors import ShapeError


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
        If a number is no integer, negative or too large.
    ShapeError
        If ``indices`` is not one-dimensional.

    Examples
    --------
    >>> keys = hb.encoding.sample_keys(seed=1, epoch=0, indices=[7, 8, 7])
    >>> keys.shape, keys.dtype, np.array_equal(keys[0], keys[2]), np.array_equal(keys[0], keys[1])
    ((3, 2), dtype('uint32'), True, False)
    """
    indices = check_integers("indices", indices, 0)
    if indices.ndim != 1:
        raise ShapeError(f"indices must be (batch,), found shape {indices.shape}")
    check_integer("seed", seed, 0, 2**64 - 1)
    check_integer("epoch", epoch, 0, 2**63 - 1)
    # arrays, as numpy warns when uint64 scalars wrap
    state = _mix64(np.array([seed], dtype=np.uint64))
    for value in (np.array([epoch]), indices):
        state = _mix64(state + np.uint64(0x9E3779B97F4A7C15) * (value.astype(np.uint64) + np.uint64(1)))
    return np.stack([state & np.uint64(0xFFFFFFFF), state >> np.uint64(32)], axis=-1).astype(np.uint32)


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


def _mix64(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))

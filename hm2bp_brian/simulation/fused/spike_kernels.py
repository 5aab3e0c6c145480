"""Python side of ``kernels/spikes.cpp``: bits to lists, lists transposed, the Bernoulli encoder."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from hm2bp_brian.simulation.fused.compiler import KERNELS, load
from hm2bp_brian.spikes import SpikeBatch


@cache
def _library() -> ctypes.CDLL:
    return load((KERNELS / "spikes.cpp").read_text(), "the spike kernels")


def pointer(array: np.ndarray | None) -> ctypes.c_void_p:
    """Address of a C-contiguous array, or null for None."""
    return ctypes.c_void_p(None if array is None else array.ctypes.data)


def int64(*values: int) -> list[ctypes.c_int64]:
    """Integers as C takes them."""
    return [ctypes.c_int64(value) for value in values]


def lists_from_bits(bits: np.ndarray, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Set bits of each row of ``bits`` (..., n_words): ``(indices, offsets)`` of compressed rows."""
    n_words = bits.shape[-1]
    n_rows = bits.size // n_words
    offsets = np.zeros(n_rows + 1, dtype=np.int64)
    rows = int64(n_rows, n_words)
    _library().count_bits(pointer(bits), *rows, pointer(offsets[1:]), threads)
    np.cumsum(offsets, out=offsets)
    indices = np.empty(offsets[-1], dtype=np.int32)
    _library().expand_bits(pointer(bits), *rows, pointer(offsets), pointer(indices), threads)
    return indices, offsets


def transpose_lists(
    indices: np.ndarray, offsets: np.ndarray, n_samples: int, n_columns: int, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compressed rows of each sample into its compressed columns."""
    n_rows = (len(offsets) - 1) // n_samples
    out_indices = np.empty_like(indices)
    out_offsets = np.empty(n_samples * n_columns + 1, dtype=np.int64)
    _library().transpose_lists(
        pointer(indices),
        pointer(offsets),
        *int64(n_samples, n_rows, n_columns),
        pointer(out_indices),
        pointer(out_offsets),
        threads,
    )
    return out_indices, out_offsets


def bernoulli_spikes(thresholds: np.ndarray, keys: np.ndarray, n_steps: int, shape, threads: int) -> SpikeBatch:
    """Compiled twin of ``encoding.poisson.bernoulli_spikes``: the same spikes."""
    n_samples, n_neurons = thresholds.shape
    bits = np.empty((n_samples, n_neurons, (n_steps + 63) // 64), dtype=np.uint64)
    thresholds = np.ascontiguousarray(thresholds, dtype=np.uint32)
    keys = np.ascontiguousarray(keys, dtype=np.uint32)
    sizes = int64(n_samples, n_neurons, n_steps)
    _library().bernoulli_bits(pointer(thresholds), pointer(keys), *sizes, pointer(bits), threads)
    trains = lists_from_bits(bits, threads)
    neurons, offsets = transpose_lists(*trains, n_samples, n_steps, threads)
    return SpikeBatch.from_sorted(neurons, offsets, n_samples, n_steps, shape, trains)

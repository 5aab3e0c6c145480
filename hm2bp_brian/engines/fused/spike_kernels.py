"""Python side of ``kernels/spikes.cpp``: bits to lists, lists transposed, the Bernoulli encoder."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from hm2bp_brian.engines.fused.calls import call, int64, pointer
from hm2bp_brian.engines.fused.compiler import KERNELS, load
from hm2bp_brian.spikes import SpikeBatch


@cache
def _library() -> ctypes.CDLL:
    return load((KERNELS / "spikes.cpp").read_text(), "the spike kernels")


class _Bits(ctypes.Structure):
    """``struct Bits`` of ``kernels/spikes.cpp``."""

    _fields_ = [("words", ctypes.c_void_p)] + [
        (name, ctypes.c_int64) for name in ("n_rows", "n_words", "sample_stride", "row_stride", "word_stride")
    ]


def lists_from_bits(bits: np.ndarray, counts: np.ndarray, n_columns: int, threads: int):
    """Set bits of each sample's rows as lists, and the same by column.

    Parameters
    ----------
    bits : uint64 array (n_samples, n_rows, n_words)
        Of which the first ``n_columns`` of a row may be set; with any strides.
    counts : int64 array (n_samples,)
        How many are set.
    n_columns, threads : int

    Returns
    -------
    rows, columns : pairs of arrays
        ``(indices, offsets)`` of all samples' rows, and of all samples' columns.
    """
    n_samples, n_rows, n_words = bits.shape
    starts = np.concatenate([[0], np.cumsum(counts)])
    strides = (stride // bits.itemsize for stride in bits.strides)
    words = _Bits(pointer(bits), n_rows, n_words, *strides)
    rows, columns = (
        (np.empty(starts[-1], dtype=np.int32), np.empty(n_samples * n + 1, dtype=np.int64)) for n in (n_rows, n_columns)
    )
    call(
        _library().lists_from_bits,
        ctypes.byref(words),
        *int64(n_samples, n_columns),
        *map(pointer, (starts, *rows, *columns)),
        threads,
        task=f"spikes of {n_samples} samples, {n_rows} rows of {n_columns}, on {threads} threads",
    )
    return rows, columns


def transpose_lists(
    indices: np.ndarray, offsets: np.ndarray, n_samples: int, n_columns: int, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compressed rows of each sample into its compressed columns."""
    n_rows = (len(offsets) - 1) // n_samples
    out_indices = np.empty_like(indices)
    out_offsets = np.empty(n_samples * n_columns + 1, dtype=np.int64)
    call(
        _library().transpose_lists,
        pointer(indices),
        pointer(offsets),
        *int64(n_samples, n_rows, n_columns),
        pointer(out_indices),
        pointer(out_offsets),
        threads,
        task=f"spikes of {n_samples} samples, {n_rows} rows of {n_columns}, on {threads} threads",
    )
    return out_indices, out_offsets


def taken_lists(
    library: ctypes.CDLL, lists: ctypes.c_void_p, counts: np.ndarray, n_samples: int, n_columns: int, threads
):
    """Spikes that a kernel kept as lists, which are freed: ``(rows, columns)`` as of `lists_from_bits`.

    Parameters
    ----------
    library : ctypes.CDLL
        With ``kernels/spike_lists.hpp``.
    lists : pointer
    counts : int64 array (n_samples * n_rows + 1,)
        0, then the spikes of each row; becomes their offsets.
    n_samples, n_columns, threads : int
    """
    try:
        np.cumsum(counts, out=counts)
        indices = np.empty(counts[-1], dtype=np.int32)
        library.take_spikes(lists, pointer(indices))
    finally:
        library.free_spikes(lists)
    return (indices, counts), transpose_lists(indices, counts, n_samples, n_columns, threads)


def bernoulli_spikes(thresholds: np.ndarray, keys: np.ndarray, n_steps: int, shape, threads: int) -> SpikeBatch:
    """Compiled twin of ``encoding.poisson.bernoulli_spikes``: the same spikes."""
    n_samples, n_neurons = thresholds.shape
    bits = np.empty((n_samples, n_neurons, (n_steps + 63) // 64), dtype=np.uint64)
    counts = np.empty(n_samples, dtype=np.int64)
    thresholds = np.ascontiguousarray(thresholds, dtype=np.uint32)
    keys = np.ascontiguousarray(keys, dtype=np.uint32)
    sizes = int64(n_samples, n_neurons, n_steps)
    call(
        _library().bernoulli_bits,
        *map(pointer, (thresholds, keys)),
        *sizes,
        *map(pointer, (bits, counts)),
        threads,
        task=f"input spikes of {n_samples} samples, {n_neurons} neurons in {n_steps} steps, on {threads} threads",
    )
    trains, (neurons, offsets) = lists_from_bits(bits, counts, n_steps, threads)
    return SpikeBatch.from_sorted(neurons, offsets, n_samples, n_steps, shape, trains)

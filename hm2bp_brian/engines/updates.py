"""Updates of weights, element by element and in place: what optimizers and averages do to whole arrays, in numpy.

An engine may bring its own, such as `hm2bp_brian.engines.fused.update_kernels`, with the same functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

# Elements updated at a time: few enough for the caches, so many that numpy's cost of a call is small.
CHUNK = 65536


class NumpyUpdater:
    """The updates in numpy."""

    @staticmethod
    def adam(w, g, m, v, beta_1: float, beta_2: float, step_size: float, epsilon: float, limit: float | None) -> None:
        """One step of Adam.

        ::

            m <- beta_1 m + (1 - beta_1) g
            v <- beta_2 v + (1 - beta_2) g²
            w <- w - step_size / shrink · m / (√v + epsilon)
            shrink = max(1, rms(g / (√v + epsilon)) / limit)

        Parameters
        ----------
        w, m, v : arrays of one shape and dtype
            Changed.
        g : array of that shape
        beta_1, beta_2, step_size, epsilon : float
        limit : float or None
            None: shrink = 1.
        """
        squared_ratios = _average(g, m, v, beta_1, beta_2, None if limit is None else epsilon)
        if limit is not None and w.size:
            step_size /= max(1.0, math.sqrt(squared_ratios / w.size) / limit)
        _step(w, m, v, step_size, epsilon)

    @staticmethod
    def move_towards(average, w, fraction: float) -> None:
        """average <- average + fraction (w - average)."""
        for w_part, average_part, scratch in chunks(w, average):
            np.subtract(w_part, average_part, out=scratch)
            scratch *= fraction
            average_part += scratch


def _average(g, m, v, beta_1: float, beta_2: float, epsilon: float | None) -> float:
    """Update m and v; return the sum of (g / (√v + epsilon))², or 0 without an epsilon."""
    squared_ratios = 0.0
    for g_part, m_part, v_part, scratch in chunks(g, m, v):
        np.multiply(g_part, 1 - beta_1, out=scratch, casting="same_kind")
        m_part *= beta_1
        m_part += scratch
        np.multiply(g_part, g_part, out=scratch, casting="same_kind")
        scratch *= 1 - beta_2
        v_part *= beta_2
        v_part += scratch
        if epsilon is not None:
            np.sqrt(v_part, out=scratch)
            scratch += epsilon
            np.divide(g_part, scratch, out=scratch, casting="same_kind")
            squared_ratios += float(np.dot(scratch, scratch))
    return squared_ratios


def _step(w, m, v, step_size: float, epsilon: float) -> None:
    for w_part, m_part, v_part, scratch in chunks(w, m, v):
        np.sqrt(v_part, out=scratch)
        scratch += epsilon
        np.divide(m_part, scratch, out=scratch)
        scratch *= step_size
        w_part -= scratch


def chunks(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Views of equal parts of all arrays, and a scratch array of the last one's dtype."""
    flat = [array.reshape(-1) for array in arrays]
    scratch = np.empty_like(flat[-1][:CHUNK])  # on the device of the array
    for start in range(0, flat[-1].size, CHUNK):
        parts = [array[start : start + CHUNK] for array in flat]
        yield *parts, scratch[: parts[-1].size]

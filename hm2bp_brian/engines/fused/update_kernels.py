"""Python side of ``kernels/updates.hpp``: what optimizers and averages do to whole arrays of weights."""

from __future__ import annotations

import ctypes

import numpy as np

from hm2bp_brian.engines.fused.calls import call, int64, pointer
from hm2bp_brian.engines.fused.compiler import load
from hm2bp_brian.engines.fused.sources import C_TYPES


class CompiledUpdater:
    """Compiled twin of ``engines.updates.NumpyUpdater``.

    Parameters
    ----------
    dtype : numpy dtype
        Of the arrays that are changed, which must be C-contiguous.
    threads : int
    """

    def __init__(self, dtype: np.dtype, threads: int):
        self.dtype = dtype
        self.threads = threads
        scalar, _ = C_TYPES[dtype.name]
        source = f'#include <cmath>\ntypedef {scalar} scalar;\n#include "updates.hpp"\n'
        self._library = load(source, f"the updates of weights in {dtype}")

    def adam(self, w, g, m, v, beta_1: float, beta_2: float, step_size: float, epsilon: float, limit: float | None):
        """The same as ``NumpyUpdater.adam``."""
        g = np.ascontiguousarray(g, dtype=self.dtype)
        settings = map(ctypes.c_double, (beta_1, beta_2, step_size, epsilon, limit or 0.0))
        arrays, sizes = map(pointer, (w, g, m, v)), int64(w.size)
        call(self._library.adam, *arrays, *sizes, *settings, self.threads, task=f"an update of {w.size} weights")

    def move_towards(self, average, w, fraction: float) -> None:
        """The same as ``NumpyUpdater.move_towards``."""
        sizes = (*int64(w.size), ctypes.c_double(fraction), self.threads)
        task = f"an average of {w.size} weights"
        call(self._library.move_towards, pointer(average), pointer(w), *sizes, task=task)

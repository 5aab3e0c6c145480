"""A stand-in for CuPy that runs the same kernels on this processor.

Its arrays keep apart from numpy's as CuPy's do: what mixes them up fails here, too.
"""

from __future__ import annotations

import ctypes
import math
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from hm2bp_brian.engines.cuda.sources import on_card
from hm2bp_brian.engines.fused.compiler import load

HEADER = Path(__file__).parent / "card_on_host.hpp"


class ndarray(NDArrayOperatorsMixin):  # noqa: N801
    """An array "on the card"."""

    def __init__(self, inside: np.ndarray):
        self._inside = inside

    shape = property(lambda self: self._inside.shape)
    dtype = property(lambda self: self._inside.dtype)
    size = property(lambda self: self._inside.size)
    ndim = property(lambda self: self._inside.ndim)
    flags = property(lambda self: self._inside.flags)
    __cuda_array_interface__ = property(lambda self: self._inside.__array_interface__)

    def __len__(self):
        return len(self._inside)

    def __array__(self, *args, **kwds):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __bool__(self):
        return bool(self._inside)

    def __float__(self):
        return float(self._inside)

    def __int__(self):
        return int(self._inside)

    def __getitem__(self, key):
        return ndarray(self._inside[_unwrapped(key)])

    def __setitem__(self, key, value):
        self._inside[_unwrapped(key)] = _unwrapped(value)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwds):
        if out is not None:
            kwds["out"] = tuple(map(_unwrapped, out))
        result = getattr(ufunc, method)(*map(_unwrapped, inputs), **kwds)
        return out[0] if out is not None else ndarray(np.asarray(result))

    def __array_function__(self, function, types, args, kwds):
        if function is np.asarray:  # of numpy's, with ``like=``
            return ndarray(np.array(*args, **kwds))
        args = [list(map(_unwrapped, a)) if isinstance(a, list | tuple) else _unwrapped(a) for a in args]
        return ndarray(np.asarray(function(*args, **{k: _unwrapped(v) for k, v in kwds.items()})))

    def __getattr__(self, name):
        if name not in {"sum", "mean", "all", "any", "min", "max", "astype", "copy", "reshape"}:
            raise AttributeError(name)
        method = getattr(self._inside, name)
        return lambda *args, **kwds: ndarray(np.asarray(method(*args, **kwds)))

    def get(self):
        return self._inside.copy()


def _unwrapped(value):
    if isinstance(value, ndarray):
        return value._inside
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return value


class CompileException(Exception):
    """What CuPy raises when NVRTC refuses a source."""


class CupyOnHost:
    """The module.

    Parameters
    ----------
    falling : bool
        Whether threads take their turns in falling order.
    """

    ndarray = ndarray
    shared_bytes = 64 * 2**10  # of the oldest cards

    def __init__(self, falling: bool = False):
        self._falling, self._stream = falling, threading.Lock()
        self.launched: list[str] = []
        self.cuda = SimpleNamespace(
            compiler=SimpleNamespace(CompileException=CompileException),
            runtime=SimpleNamespace(memGetInfo=lambda: (600 * 2**20, 2**30)),
            Device=lambda: SimpleNamespace(attributes={"MaxSharedMemoryPerBlockOptin": self.shared_bytes}),
            get_current_stream=lambda: SimpleNamespace(synchronize=lambda: None),
        )

    def get_default_memory_pool(self):
        return SimpleNamespace(total_bytes=lambda: 0, used_bytes=lambda: 0)

    def asarray(self, array, dtype=None, order=None):
        inside = array._inside if isinstance(array, ndarray) else np.array(array, dtype=dtype, order=order)
        return ndarray(np.asarray(inside, dtype=dtype, order=order))

    def empty(self, shape, dtype):
        # what is read before it is written shows
        inside = np.empty(shape, dtype)
        inside.view(np.uint8 if inside.ndim else inside.dtype)[...] = 0xEE
        return ndarray(inside)

    def full(self, shape, value, dtype):
        return ndarray(np.full(shape, value, dtype))

    def stack(self, arrays):
        return ndarray(np.stack([array._inside for array in arrays]))

    def RawModule(self, *, code, options, backend):  # noqa: N802
        assert "--fmad=false" in options and backend == "nvrtc"
        source = code.removeprefix(on_card(""))
        return SimpleNamespace(compile=lambda: None, get_function=lambda name: self._kernel(source, name))

    def _kernel(self, source, name):
        library = load(f"{HEADER.read_text()}\n{source}", "a GPU's kernels for this processor")

        def launch(grid, block, args, shared_mem):
            (structure,) = args
            assert shared_mem <= max(48 * 2**10, launch.max_dynamic_shared_size_bytes)
            assert structure.shape == (1,) and max(grid[1:]) <= 65535 and block[0] <= 512
            self.launched.append(name)
            address = structure.ctypes.data_as(ctypes.c_void_p)
            with self._stream:
                sizes = (ctypes.c_int * 3)(*grid), math.prod(block), shared_mem
                diverged = getattr(library, name)(*sizes, self._falling, address)
            assert not diverged, f"threads of a block of {name} met different barriers"

        launch.max_dynamic_shared_size_bytes = 0
        return launch

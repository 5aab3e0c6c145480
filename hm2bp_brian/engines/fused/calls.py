"""Calling compiled functions: what crosses into C, and errors that come back."""

from __future__ import annotations

import ctypes

import numpy as np

from hm2bp_brian.errors import EngineError, NumericalError

NO_MEMORY = 1  # of ``enum Status`` in ``kernels/status.hpp``


def pointer(array: np.ndarray | None) -> ctypes.c_void_p:
    """Address of an array, or null for None."""
    return ctypes.c_void_p(None if array is None else array.ctypes.data)


def int64(*values: int) -> list[ctypes.c_int64]:
    """Integers as C takes them."""
    return [ctypes.c_int64(value) for value in values]


def check_state(name: str, sample: int, step: int) -> None:
    """Raise NumericalError if a kernel found an infinite state: in a sample, -1 if in none, at a step."""
    if sample >= 0:
        raise NumericalError(
            f"{name} has a state that is NaN or infinite in sample {sample} at step {step}; check its weights, and "
            "whether the integration method is stable at this dt"
        )


def call(function, *arguments, task: str) -> None:
    """Call a compiled function that returns a status.

    Parameters
    ----------
    function : function of a ctypes.CDLL
    *arguments
        As ctypes takes them.
    task : str
        What is computed, for messages.

    Raises
    ------
    MemoryError
        If it could not get the memory that it needs.
    EngineError
        If it ended with any other C++ exception.
    """
    status = function(*arguments)
    if status == NO_MEMORY:
        raise MemoryError(f"not enough memory for {task}; take smaller batches or fewer threads")
    if status:
        raise EngineError(f"a C++ exception ended {function.__name__} ({task}); please report it")

"""e^x of the kernels against numpy's in extended precision, or by the neighbours of the right value."""

import ctypes

import numpy as np
import pytest

from hm2bp_brian.engines.fused.compiler import load

SOURCE = """
#include "exponential.hpp"
extern "C" void all_{name}(const {name} *x, {name} *y, int64_t n) {{
    for (int64_t k = 0; k < n; k++) y[k] = exponential(x[k]);
}}
"""


def exponential(x: np.ndarray) -> np.ndarray:
    name = {"float32": "float", "float64": "double"}[x.dtype.name]
    library, y = load(SOURCE.format(name=name), f"exponentials in {name}"), np.empty_like(x)
    getattr(library, f"all_{name}")(*(ctypes.c_void_p(array.ctypes.data) for array in (x, y)), ctypes.c_int64(x.size))
    return y


@pytest.mark.parametrize("dtype, limits", [(np.float32, (-103.9, 88.7)), (np.float64, (-745.1, 709.7))])
def test_errors_are_below_one_unit_in_the_last_place(dtype, limits):
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(*limits, 200_000), random.normal(size=200_000), [0, -0.0, 1, -1, *limits]])
    x = x.astype(dtype)
    right = np.exp(x.astype(np.float64 if dtype is np.float32 else np.longdouble))
    found = exponential(x)
    unit = np.spacing(right.astype(dtype)).astype(right.dtype)
    assert np.max(np.abs(found.astype(right.dtype) - right) / unit) < 1.0
    assert exponential(np.zeros(1, dtype))[0] == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_no_number_or_beyond_all_numbers_is_as_in_numpy(dtype):
    x = np.array([np.inf, 1e30, 800, -np.inf, -1e30, -800, np.nan], dtype)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(exponential(x), np.exp(x))

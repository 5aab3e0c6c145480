"""Compiled updates of weights against those in numpy, which tests/unit/learning and tests/unit/training check."""

import numpy as np
import pytest

from hm2bp_brian.engines.fused.update_kernels import CompiledUpdater
from hm2bp_brian.engines.updates import NumpyUpdater
from hm2bp_brian.training.optimizers import Adam

SIZES = (0, 1, 8193, 70000)  # empty, within a block of the kernels, past one, past some and past a chunk of numpy's
LIMITS = (None, 1e-3, 1e6)  # no limit, one that every step passes, one that none does


def arrays(size, dtype):
    generator = np.random.default_rng(size)
    w, g, m, v, average = generator.normal(size=(5, size)).astype(dtype)
    return {"w": w, "g": g, "m": m, "v": v**2, "average": average}


def after_updates(updater, size, dtype, limit=None):
    found = arrays(size, dtype)
    for _ in range(3):
        updater.adam(found["w"], found["g"], found["m"], found["v"], 0.9, 0.999, 0.01, 1e-8, limit)
        updater.move_towards(found["average"], found["w"], 0.3)
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_same_bits_as_numpy(size, dtype):
    found = after_updates(CompiledUpdater(np.dtype(dtype), threads=2), size, dtype)
    expected = after_updates(NumpyUpdater, size, dtype)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert size == 0 or (found["w"] != arrays(size, dtype)["w"]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("limit", LIMITS[1:])
@pytest.mark.parametrize("size", SIZES)
def test_limited_steps_are_those_of_numpy(size, limit, dtype):
    found = after_updates(CompiledUpdater(np.dtype(dtype), threads=2), size, dtype, limit)
    expected = after_updates(NumpyUpdater, size, dtype, limit)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol={"float32": 1e-5, "float64": 1e-12}[dtype], err_msg=name)


@pytest.mark.parametrize("limit", LIMITS)
def test_same_bits_for_any_number_of_threads(limit):
    one, *others = (
        after_updates(CompiledUpdater(np.dtype("float32"), threads), 70000, "float32", limit) for threads in (1, 2, 5)
    )
    for other in others:
        for name, array in one.items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)


def test_gradients_of_another_type_and_order_are_read_right():
    w, g = np.zeros((50, 30), np.float32), np.random.default_rng(0).normal(size=(30, 50)).T
    found, expected = w.copy(), w.copy()
    for weights, updater in ((found, CompiledUpdater(np.dtype("float32"), 1)), (expected, NumpyUpdater)):
        adam = Adam(clip=True)
        adam.update(adam.init([weights]), [weights], [g], 0.01, updater)
    assert np.abs(expected).min() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-5)

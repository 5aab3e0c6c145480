"""What the stand-in for a GPU shows: races, barriers that not all threads meet, arrays that are mixed up."""

import ctypes

import numpy as np
import pytest
from cupy_on_host import CupyOnHost

from hm2bp_brian.engines.cuda.card import Card, launch, pointer

SOURCE = """
struct Arguments { int n; int *out; };
KERNEL(race, Arguments) { a.out[0] = threadIdx.x; }
KERNEL(counts_of_blocks, Arguments) {
    const int odd = __syncthreads_count(threadIdx.x % 2), few = __syncthreads_count(threadIdx.x < 3);
    a.out[blockIdx.x * blockDim.x + threadIdx.x] = 10 * odd + few;
}
KERNEL(early, Arguments) {
    if (threadIdx.x == 5) return;
    a.out[0] = __syncthreads_count(1);
}
"""


class Arguments(ctypes.Structure):
    _fields_ = [("n", ctypes.c_int32), ("out", ctypes.c_void_p)]


def run(card, name):
    out = card.full(16, -1, np.int32)
    launch(card.compile(SOURCE, "kernels of a test")(name), Arguments(16, pointer(out)), 16, block=8)
    return out.get().tolist()


def test_a_race_depends_on_the_order_of_threads():
    assert [run(Card(CupyOnHost(falling)), "race")[0] for falling in (False, True)] == [7, 0]


def test_all_threads_meet_at_a_barrier(either_order):
    assert run(either_order, "counts_of_blocks") == 16 * [43]


def test_a_thread_that_ends_before_a_barrier_is_an_error(either_order):
    with pytest.raises(AssertionError, match="threads of a block of early met different barriers"):
        run(either_order, "early")


def test_arrays_of_the_card_and_of_numpy_do_not_mix(card):
    array = card.put(np.arange(3.0))
    for mix in (lambda: array + np.ones(3), lambda: np.asarray(array), lambda: np.add(np.ones(3), array)):
        with pytest.raises(TypeError):
            mix()
    np.testing.assert_array_equal((2 * array + np.float64(1)).get(), [1, 3, 5])

"""Only integers in range pass, and messages say what was expected, found and where."""

import numpy as np
import pytest
from brian2 import ms
from hypothesis import given
from hypothesis import strategies as st

from hm2bp_brian.checks import check_count, check_index, check_integer, check_integers, check_seed, check_shape
from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError

NO_INTEGERS = [1.0, np.float64(2), True, np.True_, "1", None, 1 * ms, [1], 1j]


@pytest.mark.parametrize("value", NO_INTEGERS, ids=repr)
def test_what_is_no_integer_is_refused_everywhere(value):
    with pytest.raises(ConfigurationError, match="epochs must be a positive integer, found"):
        check_count("epochs", value)
    with pytest.raises(ConfigurationError, match="shift must be an integer from 0 on, found"):
        check_integer("shift", value, 0)
    with pytest.raises(ConfigurationError, match=r"seed must be an integer in 0\.\.2\*\*63-1, found"):
        check_seed(value)
    with pytest.raises(ConfigurationError, match=r"layer 1 has neurons 0\.\.4, found neuron "):
        check_index("neuron", value, 5, "layer 1")
    with pytest.raises(ShapeError, match="shape must be a tuple of positive integers.*found"):
        check_shape("shape", (3, value))


@pytest.mark.parametrize("kind", [int, np.int8, np.uint16, np.int64, np.uint64])
def test_integers_of_any_type_become_int(kind):
    for value in (
        check_count("n", kind(7)),
        check_integer("n", kind(7), 0, 7),
        check_seed(kind(7)),
        check_index("neuron", kind(7), 8, "layer 1"),
        check_shape("shape", [kind(7)])[0],
    ):
        assert value == 7 and type(value) is int


def test_limits():
    assert check_seed(2**63 - 1) == 2**63 - 1
    for check in (
        lambda: check_seed(2**63),
        lambda: check_seed(-1),
        lambda: check_count("n", 0),
        lambda: check_integer("n", 8, 0, 7),
        lambda: check_index("neuron", 8, 8, "layer 1"),
        lambda: check_index("neuron", -1, 8, "layer 1"),
    ):
        with pytest.raises(ConfigurationError, match=r"found (neuron )?-?\d+$"):
            check()
    for shape in (4, (), (3, 0), (3, -1), "34", {3, 4}):
        with pytest.raises(ShapeError, match="such as"):
            check_shape("shape", shape)


@given(
    st.lists(st.integers(-(2**63), 2**64 - 1), min_size=1), st.integers(-10, 10), st.sampled_from([np.int32, np.int64])
)
def test_integers_out_of_range_are_never_wrapped(values, low, dtype):
    array = np.array(values)
    good = all(low <= value <= np.iinfo(dtype).max for value in values)
    if array.dtype.kind == "f":  # numpy has no type for both signs and more than 63 bits
        good = False
    if good:
        checked = check_integers("steps", array, low, dtype=dtype)
        assert checked.dtype == dtype and checked.tolist() == values
        return
    with pytest.raises(ConfigurationError, match="steps must"):
        check_integers("steps", array, low, dtype=dtype)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 2.0], r"must be integers in 0\.\.9, found float64 such as 1\.0\. Do this"),
        ([True, False], r"found bool such as True"),
        (["a"], "found <U1 such as a"),
        ([[1], [1, 2]], "sequences of different lengths"),
        ([1, 2] * ms, "without units, found the quantity"),
        ([1 * ms, 2 * ms], "found float64 such as 0.001"),
        ([3, 2**70], f"found {2**70} at index 1"),
        (np.array([3, 2**64 - 1], np.uint64), f"found {2**64 - 1} at index 1"),
        ([[3, 4], [5, -1]], r"found -1 at index \(1, 1\)"),
        (-1, "found -1$"),
    ],
)
def test_messages_about_arrays(values, message):
    with pytest.raises(LabelError, match=f"labels .*{message}"):
        check_integers("labels", values, 0, 9, hint="Do this", error=LabelError)


def test_an_empty_list_has_no_wrong_type_and_nothing_is_copied_in_vain():
    assert check_integers("steps", [], 0).dtype == np.int64
    steps = np.arange(5)
    assert check_integers("steps", steps, 0) is steps

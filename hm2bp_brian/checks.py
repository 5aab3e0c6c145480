"""Whole numbers that users give, checked in one place: counts, seeds, indices, steps, labels, shapes.

Only integers pass. A float is refused even if it is whole, as 3.0 may be the 2.9999999999999996 of another machine; a
boolean, as it is a mask or a mistake; a quantity with units, as its number depends on the unit.
"""

from __future__ import annotations

import numpy as np

from hm2bp_brian.errors import ConfigurationError, ShapeError

LARGEST_SEED = 2**63 - 1  # what a checkpoint can hold, an int64


def is_integer(value) -> bool:
    """Whether a value is one integer, of Python or numpy; booleans are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_integer(name: str, value, low: int, high: int | None = None, error=ConfigurationError) -> int:
    """The value as an int.

    Parameters
    ----------
    name : str
        What the value is, for the message.
    value : int
    low, high : int
        Smallest and largest value allowed; no ``high`` allows any from ``low`` on.
    error : class
        Of the exception.

    Raises
    ------
    ConfigurationError, or ``error``
        If it is no integer in this range.
    """
    if not is_integer(value) or value < low or (high is not None and value > high):
        raise error(f"{name} must be an integer {_range(low, high)}, found {value!r}")
    return int(value)


def check_count(name: str, value, error=ConfigurationError) -> int:
    """The value as an int; ConfigurationError, or ``error``, unless it is a positive integer."""
    if not is_integer(value) or value < 1:
        raise error(f"{name} must be a positive integer, found {value!r}")
    return int(value)


def check_seed(seed, name: str = "seed") -> int:
    """The seed as an int; ConfigurationError unless it is an integer in 0..2**63-1."""
    if not is_integer(seed) or not 0 <= seed <= LARGEST_SEED:
        raise ConfigurationError(f"{name} must be an integer in 0..2**63-1, found {seed!r}")
    return int(seed)


def check_offers(name: str, value, method: str, such_as: str):
    """The value; ConfigurationError unless it is an object, and no class or text, with a method."""
    if isinstance(value, type | str) or not callable(getattr(value, method, None)):
        raise ConfigurationError(
            f"{name} must be an object with the method {method}, such as {such_as}; found {value!r}"
        )
    return value


def check_index(kind: str, index, size: int, where: str, error=ConfigurationError) -> int:
    """The index as an int.

    Parameters
    ----------
    kind : str
        What is counted, such as "neuron".
    index : int
        From 0 on; negative ones don't count from the end.
    size : int
        How many there are.
    where : str
        What has them, such as "layer 2".
    error : class
        Of the exception.

    Raises
    ------
    ConfigurationError, or ``error``
        If it is no integer in 0..size-1.
    """
    if not is_integer(index) or not 0 <= index < size:
        raise error(f"{where} has {kind}s 0..{size - 1}, found {kind} {index!r}")
    return int(index)


def as_tuple(values) -> tuple:
    """The values as a tuple; what is no sequence as a tuple of one."""
    try:
        return tuple(values)
    except TypeError:  # there is only one
        return (values,)


def check_shape(name: str, shape, error=ShapeError) -> tuple[int, ...]:
    """The shape as a tuple of int; ShapeError, or ``error``, unless it is a sequence of positive integers."""
    sizes = tuple(shape) if isinstance(shape, tuple | list | np.ndarray) else ()
    if not sizes or not all(is_integer(size) and size > 0 for size in sizes):
        raise error(f"{name} must be a tuple of positive integers, such as (28, 28, 1) or (100,), found {shape!r}")
    return tuple(int(size) for size in sizes)


def check_integers(
    name: str, values, low: int, high: int | None = None, *, dtype=np.int64, hint: str = "", error=ConfigurationError
) -> np.ndarray:
    """An array of integers in a range, brought to one type; nothing is rounded, wrapped or cut off.

    Parameters
    ----------
    name : str
        What the values are, in the plural, for the message.
    values : int array
        Of any integer type. An empty array may have any type, as that of an empty list is float64.
    low, high : int
        Smallest and largest value allowed; without ``high`` the largest that ``dtype`` holds.
    dtype : dtype
        Of the result, which is the array itself if it has this type.
    hint : str
        What to do, added to the message about values that are no integers.
    error : class
        Of the exception.

    Raises
    ------
    ConfigurationError, or ``error``
        If there is something else than integers in this range; the message names the first.
    """
    high = np.iinfo(dtype).max if high is None else high
    hint = f". {hint}" if hint else ""
    integers = _integer_array(name, values, _range(low, high), hint, error)
    if integers.size and (integers.min() < low or integers.max() > high):
        wrong = (integers < low) | (integers > high)
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise error(f"{name} must lie in {low}..{high}, found {integers[place]}{_place(place)}")
    return integers.astype(dtype, copy=False)


def _integer_array(name: str, values, expected: str, hint: str, error) -> np.ndarray:
    # Brian2's quantities; dimensionless ones are judged by the type of their numbers
    if str(getattr(values, "dim", 1)) != "1":
        raise error(f"{name} must be integers {expected} without units, found the quantity {values!r}{hint}")
    try:
        array = np.asarray(values)
    except ValueError as ragged:
        raise error(
            f"{name} must be an array of integers {expected}, found sequences of different lengths{hint}"
        ) from ragged
    # integers that no type of numpy holds make an array of objects; they are out of range, not of a wrong type
    integers = array.dtype.kind in "iu" or (array.dtype.kind == "O" and all(map(is_integer, array.flat)))
    if array.size and not integers:
        raise error(f"{name} must be integers {expected}, found {array.dtype} such as {np.ravel(array)[0]}{hint}")
    return array if array.size else array.astype(np.int64)


def _range(low: int, high: int | None) -> str:
    return f"from {low} on" if high is None else f"in {low}..{high}"


def _place(place: tuple[int, ...]) -> str:
    """Of one number among several."""
    return f" at index {place[0] if len(place) == 1 else place}" if place else ""

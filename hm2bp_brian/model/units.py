"""Where quantities become floats: SI base units, checked once."""

from __future__ import annotations

from numbers import Real

import numpy as np
from brian2 import Quantity, second
from brian2.units.fundamentalunits import (
    DIMENSIONLESS,
    Dimension,
    DimensionMismatchError,
    get_dimensions,
    get_unit,
)

from hm2bp_brian.errors import ConfigurationError, UnitError

EXAMPLES = {"second": "64*ms", "volt": "20*mV"}


def dimension_name(dimension: Dimension) -> str:
    """Name of a dimension as a user would write its unit."""
    return "no unit" if dimension is DIMENSIONLESS else repr(get_unit(dimension))


def with_unit(number: float, dimension: Dimension) -> str:
    """A number in SI base units, written with its unit, for messages."""
    return repr(float(number)) if dimension is DIMENSIONLESS else str(Quantity(number, dim=dimension))


def _needed(dimension: Dimension) -> str:
    unit = dimension_name(dimension)
    if dimension is DIMENSIONLESS:
        return unit
    return f"a value in {unit}" + (f", such as {EXAMPLES[unit]}" if unit in EXAMPLES else "")


def _is_number(value) -> bool:
    """Whether a value is one real number, with or without a unit; truth values are none."""
    if isinstance(value, np.ndarray):  # a Quantity is one, too
        return value.ndim == 0 and value.dtype.kind in "iuf"
    return isinstance(value, Real) and not isinstance(value, bool)


def to_float(
    name: str, value, dimension: Dimension | None = DIMENSIONLESS, expected: str = "one finite number"
) -> float:
    """Convert a scalar quantity to a float in SI base units.

    Parameters
    ----------
    name : str
        What the value is, for the error message.
    value : Quantity or number
    dimension : Dimension or None
        The expected dimension; None where it can't be known yet, and any will do.
    expected : str
        What the number must be, for the error message.

    Raises
    ------
    UnitError
        If ``value`` has other units, or none where some are needed.
    ConfigurationError
        If it is not one finite number.
    """
    if not _is_number(value):
        with_example = "" if dimension in (None, DIMENSIONLESS) else f", {_needed(dimension)}"
        raise ConfigurationError(f"{name} must be {expected}{with_example}; found {value!r}")
    if dimension is not None and get_dimensions(value) is not dimension:
        raise UnitError(f"{name} needs {_needed(dimension)}; found {value!r}")
    try:
        number = float(np.asarray(value))
    except OverflowError:  # an integer of Python may be larger than any float
        number = np.inf
    if not np.isfinite(number):
        raise ConfigurationError(f"{name} must be {expected}, found {value!r}")
    return number


def to_array(name: str, values, dimension: Dimension) -> np.ndarray:
    """Convert numbers or quantities to a plain array; numbers without a unit count as SI base units.

    Parameters
    ----------
    name : str
        What the values are, for the error message.
    values : Quantity, array or nested sequence of them
    dimension : Dimension
        The dimension of quantities.

    Raises
    ------
    UnitError
        If the values have another unit.
    ConfigurationError
        If they are no array of real numbers.
    """
    try:
        array = np.asarray(values)
        found = get_dimensions(values) if isinstance(values, np.ndarray | list | tuple) else DIMENSIONLESS
    except DimensionMismatchError as error:
        raise UnitError(f"{name} have units that differ: {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name} must be an array of numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ConfigurationError(f"{name} must be an array of real numbers, found dtype {array.dtype}")
    if found not in (dimension, DIMENSIONLESS):
        raise UnitError(f"{name} need {_needed(dimension)}, or plain numbers; found {dimension_name(found)}")
    return array


def check_setting(name: str, value) -> None:
    """Raise ConfigurationError unless a setting of a layer is one finite number, in whatever unit.

    A text passes: recipes keep quantities as texts. A network, which knows the unit, takes none.
    """
    if not isinstance(value, str):
        to_float(name, value, None)


def positive_time(name: str, value) -> float:
    """Convert a positive time to seconds; UnitError, ConfigurationError as `to_float`, and if it is not positive."""
    seconds = to_float(name, value, second.dim)
    if seconds <= 0:
        raise ConfigurationError(f"{name} must be positive, found {seconds} s")
    return seconds


def times_in_seconds(name: str, values) -> np.ndarray:
    """Convert an array of times to float64 in seconds; UnitError if they are no times."""
    if get_dimensions(values) is not second.dim:
        raise UnitError(f"{name} needs values in second, such as [1, 2]*ms; found {values!r}")
    return np.asarray(values, dtype=np.float64)

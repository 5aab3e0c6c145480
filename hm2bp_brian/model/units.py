"""Where quantities become floats: SI base units, checked once."""

from __future__ import annotations

import numpy as np
from brian2 import second
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension, get_dimensions, get_unit

from hm2bp_brian.errors import ConfigurationError, UnitError

EXAMPLES = {"second": "64*ms", "volt": "20*mV"}


def dimension_name(dimension: Dimension) -> str:
    """Name of a dimension as a user would write its unit."""
    return "no unit" if dimension is DIMENSIONLESS else repr(get_unit(dimension))


def to_float(name: str, value, dimension: Dimension = DIMENSIONLESS) -> float:
    """Convert a scalar quantity to a float in SI base units.

    Parameters
    ----------
    name : str
        What the value is, for the error message.
    value : Quantity or number
    dimension : Dimension
        The expected dimension.

    Raises
    ------
    UnitError
        If ``value`` has other units, or none where some are needed.
    ConfigurationError
        If it is not one finite number.
    """
    found = get_dimensions(value)
    if found is not dimension:
        unit = dimension_name(dimension)
        example = f", such as {EXAMPLES[unit]}" if unit in EXAMPLES else ""
        raise UnitError(f"{name} needs {'a value in ' if example else ''}{unit}{example}; found {value!r}")
    try:
        number = float(np.asarray(value))
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise ConfigurationError(f"{name} must be one finite number, found {value!r}")
    return number


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

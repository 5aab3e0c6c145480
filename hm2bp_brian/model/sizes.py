"""Limits that memory and single precision set to sizes and numbers."""

from __future__ import annotations

import math

import numpy as np
from brian2.units.fundamentalunits import Dimension

from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.model.units import to_float

LARGEST = float(np.finfo(np.float32).max)  # engines compute in single precision unless asked for more
MOST = 2**31 - 1  # steps of a presentation, neurons of a population


def check_size(population: str, shape: tuple[int, ...]) -> None:
    """Raise ShapeError if a population has more neurons than an engine can count."""
    if math.prod(shape) > MOST:
        raise ShapeError(f"{population} must have at most {MOST} neurons, found shape {shape}")


def single_precision(name: str, value, dimension: Dimension) -> float:
    """A setting as a float, which single precision can hold; UnitError, ConfigurationError if it can't."""
    number = to_float(name, value, dimension)
    if abs(number) > LARGEST:
        raise ConfigurationError(f"{name} is too large for single precision ({LARGEST:.2g}), found {value!r}")
    return number

"""Numbers that users give, checked in one place."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.errors import ConfigurationError


def check_count(name: str, value) -> None:
    """Raise ConfigurationError unless the value is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigurationError(f"{name} must be a positive integer, found {value!r}")


def check_seed(seed) -> int:
    """The seed as an int; ConfigurationError unless it is one from 0 on that a checkpoint can hold (int64)."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ConfigurationError(f"seed must be an integer in 0..2**63-1, found {seed!r}")
    return int(seed)

"""Quantities as a file writes them, such as "64*ms"; they are taken apart, never evaluated as code."""

from __future__ import annotations

import re

import numpy as np
from brian2.core.namespace import DEFAULT_UNITS  # the names that equations know too
from brian2.units.fundamentalunits import Unit

from hm2bp_brian.errors import ConfigurationError

UNIT = re.compile(r"\s*([*/])\s*([A-Za-z_]\w*)(?:\s*\*\*\s*(-?[0-9]))?\s*")
QUANTITY = re.compile(rf"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*((?:{UNIT.pattern})*)")


def quantity(name: str, text: str):
    """The Quantity, or plain number, that a text writes as a number times and over Brian2's units.

    Parameters
    ----------
    name : str
        What the value is, for the error message.
    text : str
        Such as "0.1", "64*ms", "-2.5 * nA / cm**2".

    Raises
    ------
    ConfigurationError
        If the text is anything else, a unit is unknown, or the number is not finite.
    """
    written = QUANTITY.fullmatch(text)
    if written is None:
        raise ConfigurationError(
            f"'{name}' should be a number, times and over units where it has some, such as '0.1', '64*ms' or "
            f"'2*nA/cm**2'; found {text!r}"
        )
    value = float(written[1])
    with np.errstate(over="ignore", invalid="ignore"):  # it is refused below
        for operation, unit_name, exponent in UNIT.findall(written[2]):
            factor = _unit(name, unit_name, text) ** int(exponent or 1)
            value = value * factor if operation == "*" else value / factor
    if not np.isfinite(float(value)):
        raise ConfigurationError(f"'{name}' should be finite, found {text!r}")
    return value


def _unit(name: str, unit_name: str, text: str) -> Unit:
    if unit_name not in DEFAULT_UNITS:
        raise ConfigurationError(f"'{name}' = {text!r}: Brian2 has no unit '{unit_name}', but ms, mV, nA, Hz, ...")
    return DEFAULT_UNITS[unit_name]

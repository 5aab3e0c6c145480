"""Types and ranges of what a recipe may hold; a wrong value is named with its field."""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache

import numpy as np

from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.experiments.quantity_text import quantity
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.initializers import Between
from hm2bp_brian.training.schedules import Constant, Cosine, ExponentialDecay, InverseSqrt

# Beyond these no array fits into a machine's memory, and no number into int64 and, squared, into float32.
LARGEST_COUNT = 10**8
LARGEST_NUMBER = 1e18
LARGEST_SEED = 2**63 - 1

# What a class takes from a Python program as any object is narrower in a file: quantities are numbers or texts.
IN_A_FILE = {
    "threshold": float | str | Learned,
    "limit": float | str,
    "lateral_inhibition": float,
    "delay": str | Between | Learned | None,
    "low": float | str,
    "high": float | str,
    "schedule": Constant | ExponentialDecay | InverseSqrt | Cosine,
}

# Ranges that are not checked by the class that has the field.
POSITIVE = ("duration_ms", "dt_ms", "tau_m_ms", "tau_s_ms", "threshold")
NOT_NEGATIVE = ("refractory_ms", "limit", "lateral_inhibition")

WORDS = {bool: "true or false", str: "a text", types.NoneType: "absent"}


def check_fields(kind: type, values: dict) -> None:
    """Raise ConfigurationError unless ``kind`` can be made of these values, and they can be written to a file.

    Parameters
    ----------
    kind : class
        The recipe, or a class whose objects are part of one.
    values : dict
        By the names of fields.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in values:
        if name not in fields:
            raise _misfit(kind, str(UnknownNameError("field", name, fields)))
    for name, field in fields.items():
        if name in values:
            _check_value(kind, name, values[name])
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise _misfit(kind, f"'{name}' is missing")


def _check_value(kind: type, name: str, value) -> None:
    hint = _hints(kind)[name]
    if not _fits(name, value, hint):
        raise _misfit(kind, f"'{name}' should be {_in_words(name, hint)}, found {value!r}")
    if name in POSITIVE + NOT_NEGATIVE and hint is not str:  # the threshold of equations is a condition
        _check_range(kind, name, value)
    for part in value if isinstance(value, tuple) else (value,):
        if dataclasses.is_dataclass(part):
            check_fields(type(part), {field.name: getattr(part, field.name) for field in dataclasses.fields(part)})


def _check_range(kind: type, name: str, value) -> None:
    if isinstance(value, Learned):  # whose limits are numbers of any sign, as potentials are
        return
    size = quantity(name, value) if isinstance(value, str) else value
    if size < 0 or (name in POSITIVE and size == 0):
        raise _misfit(kind, f"'{name}' should be {'positive' if name in POSITIVE else 'at least 0'}, found {value!r}")


@cache
def _hints(kind: type) -> dict:
    hints = typing.get_type_hints(kind)
    return {name: IN_A_FILE[name] if hint is object else hint for name, hint in hints.items()}


def _fits(name: str, value, hint) -> bool:
    if typing.get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(name, item, typing.get_args(hint)[0]) for item in value)
    if _is_union(hint):
        return any(_fits(name, value, part) for part in typing.get_args(hint))
    if hint in (int, float):
        numbers = (int, np.integer) if hint is int else (int, float, np.integer, np.floating)
        # NaN is not in the range
        return isinstance(value, numbers) and not isinstance(value, bool) and abs(value) <= _largest(name, hint)
    return isinstance(value, hint)


def _largest(name: str, hint: type) -> float:
    return LARGEST_NUMBER if hint is float else LARGEST_SEED if name == "seed" else LARGEST_COUNT


def _is_union(hint) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _in_words(name: str, hint) -> str:
    if typing.get_origin(hint) is tuple:
        return f"a tuple, each item {_in_words(name, typing.get_args(hint)[0])}"
    if _is_union(hint):
        return " or ".join(_in_words(name, part) for part in typing.get_args(hint))
    if hint in (int, float):
        return f"a {'whole' if hint is int else 'finite'} number of at most {_largest(name, hint):,}"
    return WORDS.get(hint, hint.__name__)


def _misfit(kind: type, what: str) -> ConfigurationError:
    return ConfigurationError(f"the recipe does not fit {kind.__name__}: {what}")

"""Names and expressions in the code of a user's Brian2 objects, and what they stand for."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import numpy as np
from brian2 import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS, Quantity
from brian2.core.functions import Function
from brian2.core.variables import Variable
from brian2.units.fundamentalunits import DIMENSIONLESS, DimensionMismatchError, get_dimensions
from brian2.utils.stringtools import get_identifiers

from hm2bp_brian.errors import ConfigurationError, UnitError

OF_BRIAN = {**DEFAULT_UNITS, **DEFAULT_CONSTANTS, **DEFAULT_FUNCTIONS}


def resolve(group, name: str, namespace: Mapping) -> Variable | Function:
    """What a name in a group's code is, found as Brian2 finds it; ConfigurationError if it is not known."""
    try:
        return group.resolve_all([name], namespace, user_identifiers=set())[name]
    except KeyError as error:
        raise ConfigurationError(
            f"'{group.name}' uses the name '{name}', which is neither one of its variables nor known where from_brian "
            "is called; give its value in namespace="
        ) from error


def value_of(meaning: Variable | Function):
    """A function itself, or the value of a variable: one number or Quantity if all are the same, else an array."""
    if isinstance(meaning, Function):
        return meaning
    values = np.asarray(meaning.get_value())
    if values.size and (values == values.flat[0]).all():
        values = values.flat[0]
    return values if meaning.dim is DIMENSIONLESS else Quantity(values, dim=meaning.dim)


def given_by_user(group, names, namespace: Mapping) -> dict:
    """Values of those names that Brian2 itself does not define: numbers, quantities, arrays and functions."""
    values = {name: value_of(resolve(group, name, namespace)) for name in sorted(names)}
    return {name: value for name, value in values.items() if not _is_brians(name, value)}


def _is_brians(name: str, value) -> bool:
    own = OF_BRIAN.get(name)
    if own is None or isinstance(value, Function):
        return own is not None and own is value
    return get_dimensions(own) is get_dimensions(value) and np.array_equal(np.asarray(own), np.asarray(value))


def evaluate(group, expression: str, namespace: Mapping, **values):
    """The value of an expression in Brian2's language, with its unit; ``values`` come before what names are else.

    Raises
    ------
    ConfigurationError, UnitError
        If a name is not known, the value is drawn at random, or units do not fit.
    """
    names = get_identifiers(expression)
    known = {**OF_BRIAN, **given_by_user(group, names - set(values), namespace), **values}
    random = sorted(name for name in names if not getattr(known.get(name), "stateless", True))
    if random:
        raise ConfigurationError(
            f"'{group.name}' has random numbers ({', '.join(random)}) in '{expression}': Brian2 draws them anew each "
            "time, and a network here has a constant there; take them out"
        )
    try:
        return eval(expression.strip(), {"__builtins__": {}}, known)
    except DimensionMismatchError as error:
        raise UnitError(f"units in '{expression}' of '{group.name}' do not fit: {error}") from error


def parsed(code: str) -> list[ast.stmt] | None:
    """Brian2's code, which is part of Python's language, as statements; None if it can't be read."""
    try:
        return ast.parse(code.strip()).body
    except SyntaxError:
        return None


def assigned(code: str) -> set[str]:
    """Names that statements change."""
    targets = [
        target
        for statement in parsed(code) or []
        for target in getattr(statement, "targets", [getattr(statement, "target", None)])
    ]
    return {target.id for target in targets if isinstance(target, ast.Name)}

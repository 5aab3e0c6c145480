"""A neuron's threshold: the unit of v_th, the distance to the threshold, and how the state enters it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from brian2 import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS, Quantity, second
from brian2.equations.equations import Equations
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.fundamentalunits import Dimension, DimensionMismatchError, get_dimensions
from brian2.utils.stringtools import get_identifiers

from hm2bp_brian.errors import NoSpspError, UnitError
from hm2bp_brian.model.terms import affine_terms


def dimension_of_threshold(condition: str, dimensions: Mapping[str, Dimension], parameters: Mapping) -> Dimension:
    """Dimension of ``v_th`` in a threshold condition.

    Parameters
    ----------
    condition : str
    dimensions : mapping of str to Dimension
        Of the variables in the neuron's equations.
    parameters : mapping
        Values of other names: numbers, quantities, arrays and functions.

    Raises
    ------
    UnitError
        If the units do not fit, whatever the unit of ``v_th``.
    """
    numbers = {name: get_dimensions(value) for name, value in parameters.items() if not callable(value)}
    first_error = None
    for candidate in _candidates(condition, {**dimensions, **numbers}):
        try:
            dimension_of_expression(condition, {**dimensions, "v_th": candidate}, parameters)
            return candidate
        except DimensionMismatchError as error:
            first_error = first_error or error
    raise UnitError(f"units in the threshold '{condition}' do not fit, whatever the unit of v_th: {first_error}")


def dimension_of_expression(expression: str, dimensions: Mapping[str, Dimension], parameters: Mapping) -> Dimension:
    """Dimension of an expression; DimensionMismatchError if its units don't fit.

    Parameters
    ----------
    expression : str
    dimensions : mapping of str to Dimension
        Of the variables in it.
    parameters : mapping
        Values of other names: numbers, quantities, arrays and functions.
    """
    functions = {name: value for name, value in parameters.items() if callable(value)}
    numbers = {name: get_dimensions(value) for name, value in parameters.items() if name not in functions}
    known = {**DEFAULT_UNITS, **DEFAULT_CONSTANTS, **DEFAULT_FUNCTIONS, **functions}
    known |= {"N": 1, "i": 1, "dt": 1 * second, "not_refractory": True}
    known |= {name: Quantity(1.0, dim=dimension) for name, dimension in {**dimensions, **numbers}.items()}
    return parse_expression_dimensions(expression, known)


def _candidates(condition: str, dimensions: Mapping[str, Dimension]) -> list[Dimension]:
    """Dimensions that ``v_th`` may have: those of the names beside it, of others, and ratios of two of them."""
    beside = [dimensions[name] for name in sorted(get_identifiers(condition) & set(dimensions))]
    single = list(dict.fromkeys([*beside, *dimensions.values()]))
    return list(dict.fromkeys([*single, *(a / b for a in single for b in single)]))


def threshold_distance(condition: str) -> str:
    """The expression that is positive where a threshold condition holds: ``(u) - (v_th)`` for ``u > v_th``.

    Raises
    ------
    NoSpspError
        If the condition is anything else than one comparison.
    """
    comparison = ast.parse(condition.strip(), mode="eval").body
    operators = getattr(comparison, "ops", [])
    if len(operators) != 1 or not isinstance(operators[0], ast.Gt | ast.GtE | ast.Lt | ast.LtE):
        raise NoSpspError(
            "no S-PSP: the threshold must be one comparison, such as 'u > v_th' or 'u - theta > v_th'; found "
            f"'{condition}'"
        )
    sides = [ast.unparse(comparison.left), ast.unparse(comparison.comparators[0])]
    larger, smaller = sides if isinstance(operators[0], ast.Gt | ast.GtE) else sides[::-1]
    return f"({larger}) - ({smaller})"


def readout(condition: str, equations: Equations, variables: Iterable[str]) -> dict[str, str]:
    """How the distance to the threshold grows with each state variable, as expressions.

    Parameters
    ----------
    condition : str
    equations : Equations
        Whose subexpressions may stand in the condition.
    variables : iterable of str
        The state variables.

    Raises
    ------
    NoSpspError
        If the distance is not affine in the state variables.

    Examples
    --------
    >>> equations = Equations("du/dt = -u/(9*ms) : 1\\ndw/dt = -w/(90*ms) : 1")
    >>> readout("u > v_th + 2*w", equations, ["u", "w"])
    {'u': '1', 'w': '-2'}
    """
    coefficients, not_affine = affine_terms(threshold_distance(condition), equations, variables)
    if not_affine:
        raise NoSpspError(
            f"no S-PSP: the threshold must be linear in the state, but the term '{not_affine[0]}' of '{condition}' is "
            "not. Compare one variable, or a weighted sum of variables, with v_th; to simulate the neuron without "
            "training it needs nothing of this"
        )
    return coefficients

"""The unit of v_th: the one with which Brian2 finds the units in a neuron's threshold consistent."""

from __future__ import annotations

from collections.abc import Mapping

from brian2 import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS, Quantity, second
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.fundamentalunits import Dimension, DimensionMismatchError, get_dimensions
from brian2.utils.stringtools import get_identifiers

from hm2bp_brian.errors import UnitError


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
    functions = {name: value for name, value in parameters.items() if callable(value)}
    numbers = {name: get_dimensions(value) for name, value in parameters.items() if name not in functions}
    dimensions = {**dimensions, **numbers}
    known = {**DEFAULT_UNITS, **DEFAULT_CONSTANTS, **DEFAULT_FUNCTIONS, **functions}
    known |= {"N": 1, "i": 1, "dt": 1 * second, "not_refractory": True}
    known |= {name: Quantity(1.0, dim=dimension) for name, dimension in dimensions.items()}
    first_error = None
    for candidate in _candidates(condition, dimensions):
        try:
            parse_expression_dimensions(condition, known | {"v_th": Quantity(1.0, dim=candidate)})
            return candidate
        except DimensionMismatchError as error:
            first_error = first_error or error
    raise UnitError(f"units in the threshold '{condition}' do not fit, whatever the unit of v_th: {first_error}")


def _candidates(condition: str, dimensions: Mapping[str, Dimension]) -> list[Dimension]:
    """Dimensions that ``v_th`` may have: those of the names beside it, of others, and ratios of two of them."""
    beside = [dimensions[name] for name in sorted(get_identifiers(condition) & set(dimensions))]
    single = list(dict.fromkeys([*beside, *dimensions.values()]))
    return list(dict.fromkeys([*single, *(a / b for a in single for b in single)]))

"""Terms of an expression: which are affine in the state variables, with what coefficient, and which are not."""

from __future__ import annotations

from collections.abc import Iterable

import sympy
from brian2.equations.equations import Equations
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str


def affine_terms(expression: str, equations: Equations, variables: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Split an expression into its linear part and the terms that are not affine in the state variables.

    Parameters
    ----------
    expression : str
    equations : Equations
        Whose subexpressions may stand in the expression; they are written out.
    variables : iterable of str
        The state variables.

    Returns
    -------
    coefficients : dict of str to str
        Coefficient of each variable, free of variables: ``"0"`` where there is none.
    not_affine : list of str
        The other terms with a variable in them.

    Examples
    --------
    >>> equations = Equations("du/dt = (drive - u)/tau : 1\\ndw/dt = -w/tau : 1\\ndrive = 2*w : 1")
    >>> affine_terms("drive - u/tau + u*w + 7", equations, ["u", "w"])
    ({'u': '-1/tau', 'w': '2'}, ['u*w'])
    """
    written_out = str_to_sympy(expression)
    definitions = {_symbol(name): str_to_sympy(equations[name].expr.code) for name in equations.subexpr_names}
    for _ in definitions:  # one may hold others
        written_out = written_out.subs(definitions)
    state = {_symbol(name): name for name in variables}
    coefficients = dict.fromkeys(state.values(), sympy.Integer(0))
    not_affine = []
    for term in sympy.Add.make_args(sympy.expand_mul(written_out)):
        found = term.free_symbols & set(state)
        symbol = min(found, key=str, default=None)
        if symbol is None:
            continue
        coefficient = term / symbol
        if coefficient.free_symbols & set(state):
            not_affine.append(sympy_to_str(term))
        else:
            coefficients[state[symbol]] += coefficient
    return {name: sympy_to_str(coefficient) for name, coefficient in coefficients.items()}, sorted(not_affine)


def _symbol(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, real=True)  # as str_to_sympy makes them

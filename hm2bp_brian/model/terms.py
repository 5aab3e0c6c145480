"""Terms of equations: which are affine in the state variables, with what coefficient, and which have no derivative."""

from __future__ import annotations

from collections.abc import Iterable

import sympy
from brian2.equations.equations import Equations
from brian2.parsing.statements import parse_statement
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str
from sympy.core.function import Function

# Functions of Brian2 that have a derivative; abs has one at its corner, too: sign(0) = 0 is the mean of both sides.
SMOOTH_NAMES = "sin cos tan sinh cosh tanh exp expm1 exprel log log10 log1p sqrt arcsin arccos arctan".split()
DIFFERENTIABLE = tuple(str_to_sympy(f"{name}(x)").func for name in ["abs", *SMOOTH_NAMES])


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
    state = {symbol(name): name for name in variables}
    coefficients = dict.fromkeys(state.values(), sympy.Integer(0))
    not_affine = []
    for term in _terms(expression, equations):
        variable = min(term.free_symbols & set(state), key=str, default=None)
        if variable is None:
            continue
        coefficient = term / variable
        if coefficient.free_symbols & set(state):
            not_affine.append(sympy_to_str(term))
        else:
            coefficients[state[variable]] += coefficient
    return {name: sympy_to_str(coefficient) for name, coefficient in coefficients.items()}, sorted(not_affine)


def terms_without_derivative(expression: str, equations: Equations, variables: Iterable[str]) -> list[str]:
    """The terms of an expression in which a function without derivative is taken of state variables.

    Examples
    --------
    >>> equations = Equations("du/dt = -u/tau : 1")
    >>> terms_without_derivative("exp(u) + abs(u) + 2*clip(u, 0, 1) + int(u > 3) + floor(x)", equations, ["u"])
    ['2*clip(u, 0, 1)', 'int(u > 3)']
    """
    state = {symbol(name) for name in variables}
    return sorted(
        sympy_to_str(term)
        for term in _terms(expression, equations)
        if any(f.free_symbols & state for f in term.atoms(Function) if not isinstance(f, DIFFERENTIABLE))
    )


def terms_of_update(neuron, find, variables: Iterable[str] | None = None) -> list[tuple[str, str]]:
    """Pairs of a differential equation of a neuron and a term of it that ``find`` finds in its right side.

    ``find`` takes an expression, equations and variables, by default those of the state, and returns terms: see
    `not_affine`.
    """
    variables = neuron.evolving_variables if variables is None else variables
    return [
        (f"d{name}/dt = {expression.code}", term)
        for name, expression in neuron.parsed.get_substituted_expressions()
        if name in neuron.state_variables
        for term in find(expression.code, neuron.parsed, variables)
    ]


def terms_of_reset(neuron, find) -> list[tuple[str, str]]:
    """Pairs of a statement of a neuron's reset and a term of it that ``find`` finds in what it assigns."""
    found = []
    for statement in neuron.reset_statements:
        _, expression = assignment(statement)
        found += [(statement, term) for term in find(expression, neuron.parsed, neuron.evolving_variables)]
    return found


def assignment(statement: str) -> tuple[str, str]:
    """The variable that a statement sets, and the expression of its new value: ``u *= k`` is u = u*(k)."""
    variable, operator, expression, _ = parse_statement(statement)
    return variable, expression if operator in ("=", ":=") else f"{variable} {operator[:-1]} ({expression})"


def not_affine(expression: str, equations: Equations, variables: Iterable[str]) -> list[str]:
    """The terms of an expression that are not affine in the state variables."""
    return affine_terms(expression, equations, variables)[1]


def symbol(name: str) -> sympy.Symbol:
    """A name's symbol, as Brian2 makes them of expressions."""
    return sympy.Symbol(name, real=True)


def written_out(expression: str, equations: Equations) -> sympy.Expr:
    """An expression in which subexpressions are written out."""
    value = str_to_sympy(expression)
    definitions = {symbol(name): str_to_sympy(equations[name].expr.code) for name in equations.subexpr_names}
    for _ in definitions:  # one may hold others
        value = value.subs(definitions)
    return value


def _terms(expression: str, equations: Equations) -> tuple[sympy.Expr, ...]:
    return sympy.Add.make_args(sympy.expand_mul(written_out(expression, equations)))

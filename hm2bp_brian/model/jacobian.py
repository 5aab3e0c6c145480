"""Derivatives of the statements that Brian2 generates for a neuron: the chain rule, one statement after the other."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import sympy
from brian2.equations.equations import Equations
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str

from hm2bp_brian.devices import runtime_device
from hm2bp_brian.errors import NoSpspError
from hm2bp_brian.model.terms import (
    assignment,
    symbol,
    terms_of_reset,
    terms_of_update,
    terms_without_derivative,
    written_out,
)


@dataclass(frozen=True)
class Derivatives:
    """What statements make of the state's variables, with the derivatives.

    Parameters
    ----------
    statements : str
        The statements, each behind those that give the derivatives of what it assigns: ``_d_x_d_y`` is that of x with
        respect to the value that y has at the beginning.
    entries : dict of (str, str) to str
        For variables x and y the derivative of x at the end with respect to y at the beginning: ``"0"``, ``"1"``,
        or one of these names.
    made_of : dict of str to set of str
        Of each entry that is a name, the variables whose values at the beginning decide it.
    """

    statements: str
    entries: dict[tuple[str, str], str]
    made_of: dict[str, set[str]]

    @property
    def names(self) -> list[str]:
        """The entries that are names."""
        return [entry for entry in self.entries.values() if entry.startswith("_")]

    def __str__(self) -> str:
        entries = (f"d{x}/d{y} = {entry}" for (x, y), entry in self.entries.items() if entry != "0")
        return "\n".join([self.statements, *entries])


@dataclass(frozen=True)
class Jacobian:
    """Derivatives of what one time step, and one spike, make of a neuron's state.

    Parameters
    ----------
    update, reset : Derivatives
    """

    update: Derivatives
    reset: Derivatives

    def __str__(self) -> str:
        return f"# state update\n{self.update}\n\n# reset\n{self.reset}"


def derivatives(
    statements: str, equations: Equations, variables: Collection[str], held: Collection[str] = ()
) -> Derivatives:
    """Derivatives of what statements in Brian2's language make of some variables.

    Parameters
    ----------
    statements : str
        Without functions of the variables that have no derivative: see `hm2bp_brian.model.terms`.
    equations : Equations
        Whose subexpressions may stand in the statements.
    variables : collection of str
        The state's.
    held : collection of str
        Variables that keep their value where ``not_refractory`` is false, whatever they are assigned.

    Examples
    --------
    >>> found = derivatives("_v = v + dt*v**2\\nv = _v\\nw += v", Equations(""), ["v", "w"])
    >>> print(found)
    _d__v_d_v = 2*dt*v + 1
    _v = v + dt*v**2
    _d_v_d_v = _d__v_d_v
    v = _v
    _d_w_d_v = _d_v_d_v
    w += v
    dv/dv = _d_v_d_v
    dw/dv = _d_w_d_v
    dw/dw = 1
    >>> found.made_of
    {'_d_v_d_v': {'v'}, '_d_w_d_v': {'v'}}
    """
    known = {x: {x: sympy.Integer(1)} for x in variables}  # of each name with respect to variables; no entry: 0
    made_of = {x: {x} for x in variables}  # of each name, the variables that decide it
    lines = []
    for statement in filter(None, (line.strip() for line in re.split(r"[;\n]", statements))):
        name, expression = assignment(statement)
        value = written_out(expression, equations)
        found = _of_expression(value, known)
        if name in held:
            found = _where_not_refractory(found, known[name])
        known[name] = {}
        for variable, derivative in found.items():
            if derivative != 1:
                made = f"_d_{name}_d_{variable}"
                lines.append(f"{made} = {sympy_to_str(derivative)}")
                made_of[made] = _made_of(derivative, made_of)
                derivative = symbol(made)
            known[name][variable] = derivative
        made_of[name] = _made_of(value, made_of) | (made_of[name] if name in held else set())
        lines.append(statement)
    entries = {(x, y): _entry(known[x].get(y, 0)) for x in variables for y in variables}
    named = {entry: made_of[entry] for entry in entries.values() if entry in made_of}
    return Derivatives("\n".join(lines), entries, named)


def _made_of(value: sympy.Expr, made_of: dict[str, set[str]]) -> set[str]:
    return set().union(*(made_of.get(str(free), ()) for free in value.free_symbols))


def _entry(derivative) -> str:
    return str(derivative) if isinstance(derivative, sympy.Symbol) else f"{int(derivative)}"


def _of_expression(value: sympy.Expr, known: dict) -> dict[str, sympy.Expr]:
    """Derivatives of an expression with respect to each variable on which it depends."""
    found = {}
    for free in sorted(value.free_symbols, key=str):
        for variable, inner in known.get(str(free), {}).items():
            found[variable] = found.get(variable, 0) + sympy.diff(value, free) * inner
    return {variable: derivative for variable, derivative in found.items() if derivative != 0}


def _where_not_refractory(found: dict, before: dict) -> dict[str, sympy.Expr]:
    """Derivatives that hold where ``not_refractory`` is true, and those before where it is not."""
    acts, zero = str_to_sympy("int(not_refractory)"), sympy.Integer(0)
    both = sorted({*found, *before})
    return {variable: acts * found.get(variable, zero) + (1 - acts) * before.get(variable, zero) for variable in both}


@runtime_device()
def jacobian(neuron) -> Jacobian:
    """Derivatives of a neuron's generated update and of its reset: see `NeuronModel.jacobian`.

    Examples
    --------
    >>> from brian2 import ms
    >>> from hm2bp_brian.model.neurons import NeuronModel
    >>> qif = NeuronModel("du/dt = (u**2 + I)/tau : 1\\ndI/dt = -I/tau : 1", method="euler", tau=5*ms)
    >>> print(qif.jacobian().update)
    _d__I_d_I = -dt/tau + 1
    _I = -I*dt/tau + I
    _d__u_d_I = dt/tau
    _d__u_d_u = 2*dt*u/tau + 1
    _u = dt*(I + u**2)/tau + u
    _d_I_d_I = _d__I_d_I
    I = _I
    _d_u_d_I = _d__u_d_I
    _d_u_d_u = _d__u_d_u
    u = _u
    dI/dI = _d_I_d_I
    du/dI = _d_u_d_I
    du/du = _d_u_d_u
    """
    for place, term in (
        *terms_of_update(neuron, terms_without_derivative),
        *terms_of_reset(neuron, terms_without_derivative),
    ):
        raise NoSpspError(
            f"no S-PSP: the term {term} in '{place}' has no derivative everywhere. Put a smooth function in its place, "
            "such as 1/(1 + exp(-v/k)) for int(v > 0*mV)"
        )
    for name in neuron.parsed.subexpr_names:
        if "constant over dt" in neuron.parsed[name].flags:
            raise NoSpspError(
                f"no S-PSP: '{name}' is 'constant over dt', and the equations are not affine; leave the flag out"
            )
    group = neuron.brian_group(neuron.any_size, name="jacobian*")
    group._network = "jacobian"  # it will never run: keeps Brian2 from warning that it was forgotten
    updater, resetter = group.state_updater, group.resetter["spike"]
    for runner in (updater, resetter):
        runner.update_abstract_code(run_namespace={})
    known = neuron.parsed, neuron.evolving_variables
    return Jacobian(
        derivatives(updater.abstract_code, *known, neuron.held_variables),
        derivatives(resetter.abstract_code, *known),
    )

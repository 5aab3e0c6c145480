"""The NeuronModel of a user's NeuronGroup."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import numpy as np
from brian2 import NeuronGroup, Quantity, second
from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER, SUBEXPRESSION, SingleEquation
from brian2.units.fundamentalunits import DIMENSIONLESS, get_unit
from brian2.utils.stringtools import get_identifiers

from hm2bp_brian.brian.user_code import assigned, evaluate, given_by_user, parsed, value_of
from hm2bp_brian.errors import ConfigurationError, Hm2bpError
from hm2bp_brian.model.neurons import ARGUMENTS, NeuronModel

RISING, FALLING = {ast.Gt: ">", ast.GtE: ">="}, {ast.Lt: ">", ast.LtE: ">="}
OF_EVERY_GROUP = {"i", "N", "dt", "t", "t_in_timesteps", "lastspike", "not_refractory"}
LEFT_SIDES = {DIFFERENTIAL_EQUATION: "d{}/dt = {} :", SUBEXPRESSION: "{} = {} :", PARAMETER: "{} :"}
TYPES = {"integer": "integer", "boolean": "boolean"}


def neuron_model(group: NeuronGroup, synaptic_variable: str, namespace: Mapping) -> tuple[NeuronModel, object]:
    """The model of a group's neurons, and their threshold.

    Parameters that no code changes become parameters of the model, whether they stand in the equations, in the group's
    namespace or around it. Presentations start with what the variables are now.

    Parameters
    ----------
    group : NeuronGroup
    synaptic_variable : str
        To which its synapses add.
    namespace : mapping
        What names stand for that the group does not know.

    Returns
    -------
    NeuronModel, float or Quantity

    Raises
    ------
    ConfigurationError, UnitError
        If its neurons do not fit.
    """
    reset = group.event_codes.get("spike", "")
    threshold, v_th = _threshold(group, namespace)
    kept = assigned(reset) | {synaptic_variable}
    equations = [eq for eq in group.user_equations.values() if eq.type != PARAMETER or eq.varname in kept]
    names = set().union(*(eq.identifiers for eq in equations)) | get_identifiers(f"{threshold}\n{reset}")
    known = {eq.varname for eq in equations} | OF_EVERY_GROUP | {"v_th"} | group.user_equations.stochastic_variables
    variables = [eq.varname for eq in equations if eq.type != SUBEXPRESSION]
    constants = given_by_user(group, names - known, namespace)
    taken = [name for name in ARGUMENTS if name in constants]
    if taken:
        raise ConfigurationError(
            f"'{group.name}' uses the constant '{taken[0]}', which is the name of an argument of NeuronModel; give "
            "it another name"
        )
    try:
        model = NeuronModel(
            "\n".join(_line(eq) for eq in equations),
            threshold=threshold,
            reset=reset,
            refractory=_refractory(group, namespace),
            method=group.method_choice,
            synaptic_variable=synaptic_variable,
            initial={name: value_of(group.variables[name]) for name in variables},
            **constants,
        )
    except Hm2bpError as error:
        error.args = (f"'{group.name}': {error}",)
        raise
    if model.is_random:
        raise ConfigurationError(
            f"'{group.name}' has noise (xi) or random numbers in its equations, threshold or reset, with which its "
            "spikes are no function of its input: take them out, or let a PoissonGroup drive it as an input"
        )
    return model, v_th


def check_group(group: NeuronGroup) -> None:
    """Raise ConfigurationError if a group does anything else than to integrate equations, to fire and to reset."""
    if set(group.events) != {"spike"}:
        found = ", ".join(sorted(group.events)) or "none: give it a threshold"
        raise ConfigurationError(f"'{group.name}' must have spikes as its only events, found {found}")
    own = {group.state_updater, group.subexpression_updater, *group.thresholder.values(), *group.resetter.values()}
    for part in group.contained_objects:
        if part not in own:
            raise ConfigurationError(
                f"'{group.name}' runs '{part.name}' beside its equations (run_regularly?); write it into the equations "
                "or the reset"
            )
    linked = [name for name, equation in group.user_equations.items() if "linked" in equation.flags]
    if linked:
        raise ConfigurationError(
            f"'{group.name}' has linked variables ({', '.join(linked)}): populations share no state; connect them by "
            "Synapses"
        )
    if group.state_updater.method_options:
        raise ConfigurationError(f"'{group.name}' has method_options, which a NeuronModel does not take")


def _threshold(group: NeuronGroup, namespace: Mapping) -> tuple[str, object]:
    """The condition with v_th in it, and what v_th is."""
    condition = group.events["spike"]
    if "v_th" in get_identifiers(condition):
        return condition, _constant(group, "v_th", condition, namespace)
    variable, comparison, limit = _crossing(group, condition)
    if "v_th" in get_identifiers("\n".join([str(group.user_equations), group.event_codes.get("spike", "")])):
        raise ConfigurationError(
            f"'{group.name}' uses the name v_th, which is the threshold's own in a NeuronModel, for something else "
            "than its threshold; give it another name"
        )
    return f"{variable} {comparison} v_th", _constant(group, limit, condition, namespace)


def _crossing(group: NeuronGroup, condition: str) -> tuple[str, str, str]:
    """Of a condition such as ``v > -50*mV``: variable, comparison, limit."""
    tree = parsed(condition)
    comparison = tree[0].value if tree and isinstance(tree[0], ast.Expr) else None
    if isinstance(comparison, ast.Compare) and len(comparison.ops) == 1:
        kind, left, right = (
            type(comparison.ops[0]),
            ast.unparse(comparison.left),
            ast.unparse(comparison.comparators[0]),
        )
        for direction, variable, limit in ((RISING, left, right), (FALLING, right, left)):
            if kind in direction and variable in group.user_equations.diff_eq_names:
                return variable, direction[kind], limit
    raise ConfigurationError(
        f"the threshold of '{group.name}' must be one variable above a constant, such as 'v > -50*mV', or name its "
        f"constant v_th; found '{condition}'"
    )


def _constant(group: NeuronGroup, limit: str, condition: str, namespace: Mapping):
    varying = get_identifiers(limit) & (
        group.user_equations.eq_names | assigned(group.event_codes.get("spike", "")) | OF_EVERY_GROUP
    )
    value = None if varying else evaluate(group, limit, namespace)
    if varying or np.ndim(value):
        raise ConfigurationError(
            f"the threshold of '{group.name}', '{condition}', must be the same for all neurons at all times, and "
            f"'{limit}' is not; write what varies into the equations, as part of the variable on the other side"
        )
    return value


def _refractory(group: NeuronGroup, namespace: Mapping):
    refractory = group._refractory
    if refractory is False:
        return 0 * second
    value = refractory
    if isinstance(refractory, str):
        names = get_identifiers(refractory)
        changing = names & (set(group.user_equations.names) - group.user_equations.parameter_names | OF_EVERY_GROUP)
        value = None if changing else evaluate(group, refractory, namespace)
    if not isinstance(value, Quantity) or np.ndim(value):
        raise ConfigurationError(
            f"refractory of '{group.name}' must be one time for all neurons at all times, found {refractory!r}"
        )
    return value


def _line(equation: SingleEquation) -> str:
    unit = TYPES.get(equation.var_type) or ("1" if equation.dim is DIMENSIONLESS else repr(get_unit(equation.dim)))
    flags = f" ({', '.join(equation.flags)})" if equation.flags else ""
    expression = "" if equation.expr is None else equation.expr.code
    return f"{LEFT_SIDES[equation.type].format(equation.varname, expression)} {unit}{flags}"

"""Connections, weights and delays of a user's Synapses: read, and written back."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from brian2 import Quantity, Synapses, second
from brian2.equations.equations import PARAMETER
from brian2.parsing.sympytools import str_to_sympy
from brian2.synapses.synapses import SynapticPathway
from brian2.units.fundamentalunits import get_dimensions
from brian2.utils.stringtools import get_identifiers

from hm2bp_brian.brian.user_code import evaluate, parsed, resolve, value_of
from hm2bp_brian.errors import ConfigurationError

FITS = "its on_pre must add a weight to one variable of the target, such as 'v_post += w' or 'ge_post += w*mV'"


@dataclass(frozen=True)
class UserSynapses:
    """Synapses of which each adds a weight to one variable of its target.

    Parameters
    ----------
    synapses : Synapses
    target_variable : str
        Without ``_post``.
    expression : str
        What is added.
    weight_variable : str or None
        The synaptic variable in it; None if the weight is a constant.
    namespace : mapping
        What names stand for that the Synapses do not know.
    """

    synapses: Synapses
    target_variable: str
    expression: str
    weight_variable: str | None
    namespace: Mapping

    @property
    def indices(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the source and target neurons, in the groups of which they may be Subgroups."""
        return tuple(
            np.asarray(values) + getattr(group, "start", 0)
            for values, group in (
                (self.synapses.i[:], self.synapses.source),
                (self.synapses.j[:], self.synapses.target),
            )
        )

    @property
    def order(self) -> np.ndarray:
        """The synapses by source, then target: the order in which a projection has its connections."""
        source, target = self.indices
        return np.lexsort((target, source))

    @property
    def weights(self) -> Quantity | np.ndarray:
        """What each synapse adds."""
        name = self.weight_variable
        added = self._added(None if name is None else value_of(self.synapses.variables[name]))
        each = np.broadcast_to(np.asarray(added, dtype=float), len(self.synapses))
        return Quantity(each, dim=get_dimensions(added))

    @property
    def delays(self) -> Quantity:
        """The time that a spike takes in each synapse."""
        return Quantity(np.broadcast_to(self._delay.get_value(), len(self.synapses)), dim=second.dim)

    @property
    def one_delay(self) -> bool:
        """Whether the Synapses have room for one delay only."""
        return self._delay.scalar

    def write_weights(self, weights: np.ndarray) -> None:
        """Put weights, in base units and the projection's order, into the synaptic variable."""
        per_unit = float(np.asarray(self._added(Quantity(1.0, dim=self.synapses.variables[self.weight_variable].dim))))
        values = np.empty(len(weights))
        values[self.order] = weights / per_unit
        self.synapses.variables[self.weight_variable].set_value(values)

    def write_delays(self, steps: np.ndarray, dt: float) -> None:
        """Put delays, in whole steps and the projection's order, into the pathway."""
        values = np.empty(len(steps))
        values[self.order] = steps * dt
        self._delay.set_value(values)

    @property
    def _delay(self):
        return pathways(self.synapses)[0].variables["delay"]

    def _added(self, weight):
        given = {} if self.weight_variable is None else {self.weight_variable: weight}
        return evaluate(self.synapses, self.expression, self.namespace, **given)


def pathways(synapses: Synapses) -> list[SynapticPathway]:
    """What happens at presynaptic and postsynaptic spikes."""
    return [part for part in synapses.contained_objects if isinstance(part, SynapticPathway)]


def read_synapses(synapses: Synapses, namespace: Mapping) -> UserSynapses:
    """Find out what a user's Synapses add.

    Raises
    ------
    ConfigurationError
        If they do anything else than to add a weight to one variable of the target.
    """
    _check_mechanism(synapses)
    statements = parsed(pathways(synapses)[0].code)
    found = statements[0] if statements and len(statements) == 1 else None
    if not isinstance(found, ast.AugAssign) or not isinstance(found.op, ast.Add | ast.Sub):
        raise ConfigurationError(f"'{synapses.name}': {FITS}; found '{pathways(synapses)[0].code}'")
    target = found.target.id.removesuffix("_post")
    equations = getattr(synapses.target, "equations", None) or {}
    if found.target.id in {*synapses.equations, "i", "j"} or target not in equations:
        raise ConfigurationError(
            f"'{synapses.name}' changes '{found.target.id}', which is no variable of the target; {FITS}"
        )
    sign = "" if isinstance(found.op, ast.Add) else "-"
    expression = f"{sign}({ast.unparse(found.value)})"
    return UserSynapses(synapses, target, expression, _weight_variable(synapses, expression, namespace), namespace)


def _check_mechanism(synapses: Synapses) -> None:
    for part in synapses.contained_objects:
        if not isinstance(part, SynapticPathway):
            raise ConfigurationError(
                f"'{synapses.name}' has '{part.name}', which runs in each step (a differential equation, a summed "
                f"variable as of gap junctions, or run_regularly): {FITS}, and nothing else happens in a projection"
            )
    if synapses.event_driven is not None:
        raise ConfigurationError(
            f"'{synapses.name}' has event-driven variables (plasticity?): weights are changed by training only; {FITS}"
        )
    found = pathways(synapses)
    if len(found) != 1 or found[0].prepost != "pre":
        names = ", ".join(f"{part.objname} (on_{part.prepost})" for part in found) or "none"
        raise ConfigurationError(f"'{synapses.name}' must have one pathway, on_pre, found {names}; {FITS}")
    if found[0].event != "spike":
        raise ConfigurationError(f"'{synapses.name}' must act on spikes, found the event '{found[0].event}'")
    others = [name for name, equation in synapses.equations.items() if equation.type != PARAMETER]
    if others:
        raise ConfigurationError(
            f"'{synapses.name}' computes variables ({', '.join(others)}); write them into on_pre. {FITS}"
        )


def _weight_variable(synapses: Synapses, expression: str, namespace: Mapping) -> str | None:
    """The synaptic variable that training changes, which what is added has to be proportional to."""
    names = get_identifiers(expression)
    own = sorted(name for name in names & set(synapses.equations) if "shared" not in synapses.equations[name].flags)
    if len(own) > 1:
        raise ConfigurationError(
            f"'{synapses.name}' adds '{expression}' of several synaptic variables ({', '.join(own)}); make one of them"
        )
    for name in sorted(names - set(own)):
        if getattr(resolve(synapses, name, namespace), "array", False) and name not in synapses.equations:
            raise ConfigurationError(
                f"'{synapses.name}' adds '{expression}', which depends on '{name}', a variable of the neurons: a "
                "weight is a synaptic variable, times constants"
            )
    if not own:
        return None
    (name,) = own
    factor = evaluate(synapses, expression, namespace, **{name: Quantity(1.0, dim=synapses.variables[name].dim)})
    if not _is_proportional(synapses, expression, name):
        raise ConfigurationError(
            f"'{synapses.name}' adds '{expression}', which must be proportional to '{name}': write the weight itself "
            "into the variable"
        )
    if not np.asarray(factor).any():
        raise ConfigurationError(
            f"'{synapses.name}' adds '{expression}', which is 0 whatever '{name}' is: such weights have no effect and "
            f"can't be learned; give the constants another value, or leave '{synapses.name}' out"
        )
    return name


def _is_proportional(synapses: Synapses, expression: str, name: str) -> bool:
    try:
        formula = str_to_sympy(expression)
    except SyntaxError as error:
        raise ConfigurationError(
            f"'{synapses.name}' adds '{expression}', which sympy can't read: {error}; write a comparison in it as a "
            "number, such as int(gain > 0.5)"
        ) from error
    (symbol,) = (symbol for symbol in formula.free_symbols if symbol.name == name)
    return not formula.diff(symbol).has(symbol) and formula.subs(symbol, 0) == 0

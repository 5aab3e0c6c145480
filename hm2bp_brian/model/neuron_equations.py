"""What is written in a neuron's equations, threshold and reset: which variables there are, and what happens to them."""

from __future__ import annotations

import re
from functools import cached_property

from brian2.equations.equations import FLOAT
from brian2.parsing.statements import parse_statement
from brian2.utils.stringtools import get_identifiers

from hm2bp_brian.errors import NoSpspError
from hm2bp_brian.model.threshold import dimension_of_expression, dimension_of_threshold, readout, threshold_distance

RANDOM_FUNCTIONS = {"rand", "randn", "poisson"}
THRESHOLD_ON_VARIABLE = re.compile(r"^\s*(\w+)\s*>=?\s*v_th\s*$")
RESET_TO_CONSTANT = re.compile(r"^\s*(\w+)\s*=\s*([^=].*)$")


class NeuronEquations:
    """The part of a NeuronModel that reads its texts; see there."""

    @property
    def held_variables(self) -> tuple[str, ...]:
        """Names of the variables that stand still in the refractory time."""
        flagged = (name for name in self.state_variables if "unless refractory" in self.parsed[name].flags)
        return tuple(flagged) if self.refractory > 0 else ()

    @property
    def state_variables(self) -> tuple[str, ...]:
        """Names of the differential variables, sorted."""
        return tuple(sorted(self.parsed.diff_eq_names))

    @property
    def changing_variables(self) -> tuple[str, ...]:
        """Names of all variables that a presentation may change: those, and parameters not marked ``(constant)``."""
        parameters = self.parsed.parameter_names
        changing = {p for p in parameters if not {"constant", "shared"} & set(self.parsed[p].flags)}
        return tuple(sorted(self.parsed.diff_eq_names | changing))

    @property
    def evolving_variables(self) -> tuple[str, ...]:
        """Names of the variables of the state: the differential ones, those that the reset sets, and learned ones."""
        set_by_reset = self.reset_variables & set(self.changing_variables)
        return tuple(sorted({*self.state_variables, *set_by_reset, *self.learned}))

    @property
    def reset_statements(self) -> list[str]:
        """The statements of the reset."""
        return [line.strip() for line in re.split(r"[;\n]", self.reset) if line.strip()]

    def dimension_of(self, variable: str):
        """Dimension of a variable of the equations."""
        return self.parsed.dimensions[variable]

    def is_real(self, variable: str) -> bool:
        """Whether a variable holds real numbers, not whole numbers or truth values."""
        return self.parsed[variable].var_type == FLOAT

    @property
    def weight_dimension(self):
        """Dimension of weights: that of the synaptic variable."""
        return self.dimension_of(self.synaptic_variable)

    @property
    def blocks_synapses_when_refractory(self) -> bool:
        """Whether the synaptic variable is marked ``(unless refractory)``, so that spikes are lost meanwhile."""
        return self.synaptic_variable in self.held_variables

    @cached_property
    def threshold_dimension(self):
        """Dimension of ``v_th``: the one with which the units in the threshold fit."""
        return dimension_of_threshold(self.threshold, self.parsed.dimensions, self.parameters)

    @property
    def is_random(self) -> bool:
        """Whether there is noise (``xi``) or a random number in the equations, the threshold or the reset."""
        names = get_identifiers("\n".join([self.equations, self.threshold, self.reset]))
        own = any(
            not getattr(value, "stateless", True) for value in self.parameters.values()
        )  # such as Brian2's binomial
        return self.parsed.is_stochastic or bool(names & RANDOM_FUNCTIONS) or own

    @property
    def membrane_variable(self) -> str:
        """The variable that the threshold compares with ``v_th``.

        Raises
        ------
        NoSpspError
            If the neuron does not fire when one variable alone crosses ``v_th``.
        """
        crossing = THRESHOLD_ON_VARIABLE.match(self.threshold)
        if crossing is None or crossing.group(1) not in self.state_variables:
            raise NoSpspError(
                f"the threshold must be 'VARIABLE > v_th' for one differential variable, found '{self.threshold}'"
            )
        return crossing.group(1)

    @property
    def reset_variables(self) -> set[str]:
        """The variables that the reset assigns."""
        return {parse_statement(statement)[0] for statement in self.reset_statements}

    @property
    def reset_cuts_the_past(self) -> bool:
        """Whether all that a spike does is to set the variable that has crossed ``v_th`` to a fixed value, as in LIF.

        That variable is none to which spikes add.
        """
        crossing, reset = THRESHOLD_ON_VARIABLE.match(self.threshold), RESET_TO_CONSTANT.match(self.reset.strip())
        if crossing is None or reset is None or len(self.reset_statements) > 1:
            return False
        fixed = not get_identifiers(reset.group(2)) & set(self.parsed)
        return (
            fixed
            and reset.group(1) == crossing.group(1) != self.synaptic_variable
            and crossing.group(1) in self.state_variables
        )

    @property
    def distance_to_threshold(self) -> str:
        """The expression that is positive where the threshold holds; NoSpspError if that is not one comparison."""
        return threshold_distance(self.threshold)

    @property
    def distance_dimension(self):
        """Dimension of ``distance_to_threshold``."""
        dimensions = {**self.parsed.dimensions, "v_th": self.threshold_dimension}
        return dimension_of_expression(self.distance_to_threshold, dimensions, self.parameters)

    def readout(self) -> dict[str, str]:
        """Coefficients of the state's variables in the distance to the threshold, as expressions.

        Raises
        ------
        NoSpspError
            If the threshold is not linear in the state.
        """
        return readout(self.threshold, self.parsed, self.evolving_variables)

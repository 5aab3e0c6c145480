"""Variables of neurons that training changes: thresholds, parameters of the equations, values at the start.

All are one thing: a variable of the state that has a learned value when a presentation starts. A threshold or a time
constant is one that keeps this value. So what it does to the readings at a neuron's spikes is the adjoint's value at
the start, and its gradient ``delta_i kappa_i`` times that.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from brian2 import Equations, Quantity
from brian2.equations.equations import FLOAT, PARAMETER, SingleEquation
from brian2.units.fundamentalunits import Dimension

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.sizes import single_precision


@dataclass(frozen=True)
class Range:
    """Where a learned variable stays, in SI base units; ``shared``: one value for all neurons of a population."""

    low: float
    high: float
    shared: bool

    @property
    def middle(self) -> float:
        """What stands for it where no values are known."""
        return (self.low + self.high) / 2


def declare(neuron, name: str, learned: Learned, dimension: Dimension, what: str) -> None:
    """Make a name in a new neuron's equations, threshold or reset a variable that is learned."""
    if neuron.spsp != "value":
        raise ConfigurationError(f"{what} can't be learned in a neuron with spsp='share'; give it a value")
    low, high = learned.limits(what, dimension)
    if name not in neuron.parsed:
        neuron.parsed += _declaration(name, dimension)
    found = Range(low, high, learned.shared)
    neuron.learned, neuron.initial = neuron.learned | {name: found}, neuron.initial | {name: found.middle}
    neuron.forget()


def learned_ranges(neuron) -> dict[str, Learned]:
    """What a neuron's learned variables were given as, with their units."""
    return {
        name: Learned(*(Quantity(end, dim=neuron.dimension_of(name)) for end in (found.low, found.high)), found.shared)
        for name, found in neuron.learned.items()
    }


def parsed_anew(neuron, equations: str) -> Equations:
    """Brian2's form of equations, with the declarations of the neuron's learned variables."""
    parsed = Equations(equations)
    for name in neuron.learned:
        if name not in parsed:
            parsed += _declaration(name, neuron.dimension_of(name))
    return parsed


def _declaration(name: str, dimension: Dimension) -> Equations:
    return Equations([SingleEquation(PARAMETER, name, dimensions=dimension, var_type=FLOAT)])


def with_threshold(what: str, neuron, threshold) -> tuple[object, float]:
    """The neuron of a population, in which the threshold is a variable if it is learned, and ``v_th`` as a float.

    Parameters
    ----------
    what : str
        The threshold, for messages.
    neuron : NeuronModel
    threshold : number, Quantity or Learned

    Raises
    ------
    UnitError, ConfigurationError
        If the threshold is none.
    """
    if not isinstance(threshold, Learned):
        return neuron, single_precision(what, threshold, neuron.threshold_dimension)
    changed = copy.copy(neuron)
    declare(changed, "v_th", threshold, neuron.threshold_dimension, what)
    return changed, changed.learned["v_th"].middle


def starting_at(neuron, values: dict[str, np.ndarray]):
    """The same neuron with these initial values."""
    if not values:
        return neuron
    changed = copy.copy(neuron)
    changed.initial = neuron.initial | values
    changed._found = {key: found for key, found in neuron._found.items() if len(key) == 1}  # not of layers and starts
    return changed


def at_the_ends(neuron) -> list:
    """The neuron with all learned variables in the middle, at their lowest, and at their highest values."""
    ends = [{name: getattr(found, end) for name, found in neuron.learned.items()} for end in ("low", "high")]
    return [neuron, *(starting_at(neuron, values) for values in ends if values)]

"""What is learned in a network's neurons: an array for each variable of each population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2.units.fundamentalunits import Dimension

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.learned import Range, at_the_ends
from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.weights import Weights


@dataclass(frozen=True, eq=False)
class LearnedVariable:
    """A variable of a population's neurons whose value at the start of a presentation is learned.

    Parameters
    ----------
    population : Population
    name : str
    number : int
        Which of the network's parameters its values are.
    label : str
        As what messages name it.
    """

    population: Population
    name: str
    number: int
    label: str

    @property
    def range(self) -> Range:
        """Its limits."""
        return self.population.neuron.learned[self.name]

    @property
    def dimension(self) -> Dimension:
        """Its unit."""
        return self.population.neuron.dimension_of(self.name)

    @property
    def shape(self) -> tuple[int]:
        """One value a neuron, one a map where the population is made of maps, or one."""
        return (1 if self.range.shared else self.population.n_independent,)

    @property
    def limits(self) -> tuple[np.float32, np.float32]:
        """The range in single precision."""
        return np.float32(self.range.low), np.float32(self.range.high)

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """First values, float32: anywhere in the range."""
        drawn = generator.uniform(self.range.low, self.range.high, self.shape).astype(np.float32)
        return np.clip(drawn, *self.limits)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """The value of each neuron, float64 (n_neurons,): channels are the last axis of maps."""
        return np.tile(np.asarray(values, dtype=float), self.population.size // len(values))

    def fold(self, gradient: np.ndarray) -> np.ndarray:
        """A gradient, with one number a neuron or one a map, in the shape of the values."""
        return gradient.reshape(-1, *self.shape).sum(axis=0)


class LearnedNeurons:
    """The part of a SpikingNetwork that says what is learned in its neurons; see there."""

    @property
    def learned_variables(self) -> list[LearnedVariable]:
        """Variables of neurons that are learned: thresholds, parameters and initial values."""
        first = len(self.weights) + len(self.delays)
        found = []
        for layer, population in enumerate(self.neural):
            for name in sorted(population.neuron.learned):
                label = f"{name} of {self.labels[layer]}"
                found.append(LearnedVariable(population, name, first + len(found), label))
        return found

    @property
    def neuron_values(self) -> LearnedValues:
        """Values of ``learned_variables``, in SI base units: an array for each, of all neurons, all maps, or one."""
        return self._neuron_values

    @neuron_values.setter
    def neuron_values(self, arrays):
        variables = self.learned_variables
        self._neuron_values = LearnedValues(variables, arrays, [variable.label for variable in variables])

    def learned_of(self, population: Population) -> list[LearnedVariable]:
        """Those of ``learned_variables`` that a population has."""
        if population.neuron is None or not population.neuron.learned:
            return []
        return [variable for variable in self.learned_variables if variable.population is population]

    def learned_values(self, population: Population, parameters) -> dict[str, np.ndarray]:
        """Values of a population's learned variables, with these parameters: float64 (n_neurons,) by their names."""
        return {v.name: v.spread(parameters[v.number]) for v in self.learned_of(population)}


class LearnedValues(Weights):
    """Values of the variables of neurons that are learned, one array for each, within their limits."""

    what = "values"

    @staticmethod
    def _shape(variable: LearnedVariable) -> tuple[int]:
        return variable.shape

    @staticmethod
    def _dimension(variable: LearnedVariable) -> Dimension:
        return variable.dimension

    @staticmethod
    def _check_range(what: str, array: np.ndarray, variable: LearnedVariable) -> None:
        low, high = variable.limits
        single = array.astype(np.float32)  # as the limits are
        if single.min() < low or single.max() > high:
            raise ConfigurationError(f"{what} must lie in {low:g}..{high:g}, found {array.min():g}..{array.max():g}")


def check_start(population: Population, dt: float) -> None:
    """Raise ConfigurationError if a variable that is not learned would start elsewhere with other learned values."""
    neuron = population.neuron
    middle, *ends = (model.start_values(population.size, population.threshold, dt) for model in at_the_ends(neuron))
    for starts in ends:
        for name in sorted(set(middle) - set(neuron.learned)):
            if not np.allclose(starts[name], middle[name], rtol=1e-9, atol=0):
                raise ConfigurationError(
                    f"'{name}' of '{population.name}' rests elsewhere when {', '.join(neuron.learned)} change, which "
                    f"learning does not follow; give it a place to start by initial={{'{name}': ...}}"
                )

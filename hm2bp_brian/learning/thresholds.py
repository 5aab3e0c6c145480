"""nu: how far inputs lift a neuron for one spike, by which HM2-BP divides.

If a spike takes back what inputs have put into the potential, as in LIF, that is the distance from rest to the
threshold. Elsewhere something is left of the past: a spike takes away more than that (ALIF), or nothing, and raises the
threshold instead (MAT), or an upswing multiplies what came before (EIF). There it is measured as inputs are: nu_i =
a_i/o_i of the sample itself, what all inputs have put into the readings at the neuron's spikes.
"""

from __future__ import annotations

import numpy as np

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.units import with_unit


def distance(population: Population, dt: float) -> np.ndarray | None:
    """How far a population's neurons rest from their threshold, float64 (n_neurons,); None for an input."""
    if population.neuron is None:
        return None
    return population.neuron.threshold_distance(population.size, population.threshold, dt)


def distance_as_learned(network, population: Population, parameters) -> np.ndarray | None:
    """The same with these values of learned variables, in which the threshold is linear."""
    known, neuron = distance(population, network.dt), population.neuron
    if neuron is None:
        return None
    values = network.learned_values(population, parameters)
    moved = {name: value for name, value in values.items() if name not in neuron.state_variables}
    if moved:
        layer, names = network.neural.index(population), neuron.evolving_variables
        dynamics = network.dynamics(layer)
        for name, value in moved.items():
            known = known - dynamics.readout[:, names.index(name)] * (value - neuron.learned[name].middle)
    return known


def divisor(network, population: Population, parameters) -> np.ndarray | None:
    """What is known of nu before a sample is looked at: 1 where nu is the sample's own, for whoever finds it."""
    known = distance_as_learned(network, population, parameters)
    return known if known is None or population.neuron.nu_is_distance else np.ones_like(known)


def nu_of_sample(distance: np.ndarray, a: np.ndarray, o: np.ndarray) -> np.ndarray:
    """nu that is a sample's own, from T-PSPs and spike counts: at least the distance, which it is of silent neurons.

    All are arrays (n_neurons,).
    """
    return np.where(o > 0, np.maximum(a / np.maximum(o, 1), distance), distance)


def uniform(nu: np.ndarray) -> float:
    """The one value of nu; ConfigurationError if it differs between a population's neurons by more than rounding."""
    if np.ptp(nu) > 1e-9 * np.abs(nu).max():
        raise ConfigurationError(
            "with lateral inhibition, the distance from rest to the threshold must be the same for all neurons of a "
            f"readout, found {nu.min():g} to {nu.max():g}; give them the same resting potential (and "
            "Learned(..., shared=True) for the threshold, if it is learned), or leave the inhibition out"
        )
    return float(nu[0])


def check_thresholds(network, parameters) -> None:
    """Raise ConfigurationError unless all neurons rest below their threshold."""
    for population in network.neural:
        nu = distance_as_learned(network, population, parameters).min()
        if not nu > 0:
            found = with_unit(nu, population.neuron.distance_dimension)
            raise ConfigurationError(
                f"the distance from rest to the threshold of {population.name} must be positive for HM2-BP, found "
                f"{found}"
            )

"""nu: how far a neuron rises from rest to its threshold, by which HM2-BP divides.

In neurons that are not affine an input is worth more or less on the way up, and the upswing multiplies what came
before. What they rise to a spike is therefore measured as inputs are, along the trajectory: nu_i = a_i/o_i of the
sample itself.
"""

from __future__ import annotations

import numpy as np

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.units import with_unit


def distance(population: Population, dt: float) -> np.ndarray | None:
    """nu of a population's neurons, float64 (n_neurons,): how far rest is from the threshold; None for an input."""
    if population.neuron is None:
        return None
    return population.neuron.threshold_distance(population.size, population.threshold, dt)


def divisor(population: Population, dt: float) -> np.ndarray | None:
    """What is known of nu before a sample is looked at: 1 where nu is the sample's own, for whoever finds it."""
    known = distance(population, dt)
    return known if known is None or population.neuron.is_affine else np.ones_like(known)


def nu_of_sample(distance: np.ndarray, a: np.ndarray, o: np.ndarray) -> np.ndarray:
    """nu of neurons that are not affine in one sample, from T-PSPs and spike counts; of silent ones it is the distance.

    All are arrays (n_neurons,).
    """
    return np.where(o > 0, np.maximum(a / np.maximum(o, 1), distance), distance)


def uniform(nu: np.ndarray) -> float:
    """The one value of nu; ConfigurationError if it differs between a population's neurons by more than rounding."""
    if np.ptp(nu) > 1e-9 * np.abs(nu).max():
        raise ConfigurationError(
            "the distance from rest to the threshold must be the same for all neurons of a layer here, found "
            f"{nu.min():g} to {nu.max():g}; give them the same resting potential, or train with engine='brian2' and "
            "without lateral inhibition"
        )
    return float(nu[0])


def check_thresholds(network) -> None:
    """Raise ConfigurationError unless all neurons rest below their threshold."""
    for population in network.neural:
        nu = distance(population, network.dt).min()
        if not nu > 0:
            found = with_unit(nu, population.neuron.distance_dimension)
            raise ConfigurationError(
                f"the distance from rest to the threshold of {population.name} must be positive for HM2-BP, found "
                f"{found}"
            )

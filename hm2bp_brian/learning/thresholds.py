"""nu: how far a neuron rises from rest to its threshold, by which HM2-BP divides."""

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

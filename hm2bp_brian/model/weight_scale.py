"""How large the weights of a projection should be, from what one spike does to a neuron and how many arrive."""

from __future__ import annotations

import numpy as np
from brian2 import Quantity
from brian2.units.fundamentalunits import DIMENSIONLESS

from hm2bp_brian.errors import ConfigurationError, NoSpspError
from hm2bp_brian.model.initializers import Scaled, Uniform
from hm2bp_brian.model.units import with_unit

RATE = 20.0  # Hz, of each source neuron


def weight_scale(network, what: str, source, target, connection, sign, receptor: str) -> float:
    """The limit of uniform weights with which inputs of 20 Hz move a neuron by as much as its threshold is away.

    A unit weight has a PSP of the integral A, and B of its square. Source neurons that fire independently at the rate r
    put the mean r A sum_j w_j into a neuron, with the variance r B sum_j w_j². With weights between -L and L from n
    source neurons, the mean square of the potential is therefore

    .. math:: \\nu^2 = \\frac{L^2}{3} n (r B + r^2 A^2)

    where it is to be nu, the distance from rest to the threshold. Weights whose signs are given have a mean that counts
    as well.

    Parameters
    ----------
    network : SpikingNetwork
    what : str
        The weights, for messages.
    source, target : Population
    connection : Connection
    sign : int8 array (n_pre,) or None
        Of the source neurons.
    receptor : str
        The target's variable that spikes add to.

    Returns
    -------
    float
        In the base unit of that variable: the median over its neurons.

    Raises
    ------
    ConfigurationError
        If what a spike does can't be found out.
    """
    rate = 1 / network.dt if source.always else RATE
    n = connection.fan_in
    # of the sum of weights, in L²; sums of pairs of weights whose signs are given are L²/4 each, up to the sign
    mean_square = n / 3 if sign is None else n / 3 + ((n * sign.mean()) ** 2 - n) / 4
    try:
        integral, of_square = _one_spike(network, network.neural.index(target), receptor)
    except NoSpspError as error:
        raise ConfigurationError(
            f"{what} have no scale, as it is not known what a spike does: {error}. Give them an initializer such as "
            f"{_example(target, receptor)}"
        ) from error
    with np.errstate(all="ignore"):  # checked below
        potential = np.sqrt(rate * of_square * n / 3 + (rate * integral) ** 2 * mean_square)
        distance = target.neuron.threshold_distance(target.size, target.threshold, network.dt)
        scale = float(np.median(distance / potential))
    if not 0 < scale < np.inf:
        raise ConfigurationError(
            f"{what} have no scale, as a spike moves the neurons of '{target.name}' not at all or without bound; give "
            f"them an initializer such as {_example(target, receptor)}"
        )
    return scale


def weight_scales(network) -> list[float]:
    """The scale of each array in ``network.weights``; 1 for those that training does not change."""
    return [
        weight_scale(network, f"weights of '{p.name}'", p.source, p.target, p.connection, p.sign, p.synaptic_variable)
        if p.plastic
        else 1.0
        for p in network.weighted
    ]


def uniform(weights: Scaled, network, what: str, source, target, connection, sign, receptor: str) -> Uniform:
    """The uniform weights that a `Scaled` stands for; parameters as those of `weight_scale`."""
    dimension = target.neuron.dimension_of(receptor)
    try:
        scale = weight_scale(network, what, source, target, connection, sign, receptor)
    except ConfigurationError:
        if dimension is not DIMENSIONLESS:
            raise
        scale = 1.0  # of neurons that can be simulated, but not trained
    return Uniform(Quantity(weights.gain * scale, dim=dimension))


def _one_spike(network, layer: int, receptor: str) -> tuple[np.ndarray, np.ndarray]:
    """Integrals over a presentation of the PSP of one spike with unit weight at rest, and of its square, (n_neurons,).

    The PSP is how much nearer to its threshold the neuron gets, to first order where it is not affine.
    """
    size = network.neural[layer].size
    if network.neurons[layer].is_affine:
        dynamics = network.linear_map(layer)
        step = dynamics.active
    else:
        dynamics = network.trajectories(layer)
        step = dynamics.along(np.zeros((1, size), dtype=bool), np.zeros((1, size))).update[0]
    state = np.zeros(dynamics.readout.shape)
    state[:, network.neurons[layer].evolving_variables.index(receptor)] = 1.0
    integral, of_square = np.zeros((2, size))
    with np.errstate(all="ignore"):  # what grows without bound is not finite
        for _ in range(network.n_steps):
            state = np.einsum("nij,nj->ni", step, state)
            psp = (dynamics.readout * state).sum(axis=1)
            integral += psp * network.dt
            of_square += psp**2 * network.dt
    return integral, of_square


def _example(target, receptor: str) -> str:
    return f"Uniform({with_unit(1.0, target.neuron.dimension_of(receptor))})"

"""The first weights of a projection, from what a user gives."""

from __future__ import annotations

import numpy as np
from brian2.units.fundamentalunits import Dimension

from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.model.initializers import Between, Normal, OfDistance, Uniform
from hm2bp_brian.model.populations import Population, distances
from hm2bp_brian.model.units import to_array, to_float, with_unit

SIGNS = {"excitatory": 1, "inhibitory": -1}


def initial_weights(
    name: str,
    weights,
    connection,
    source: Population,
    target: Population,
    dimension: Dimension,
    sign: np.ndarray | None,
    generator: np.random.Generator,
) -> np.ndarray:
    """Draw or check weights.

    Parameters
    ----------
    name : str
        Of the projection, for messages.
    weights : Uniform, Between, Normal, OfDistance, number, Quantity or array of the weights' shape
        What is drawn takes the sign of its source neuron, where that has one.
    connection : Connection
    source, target : Population
    dimension : Dimension
        Of the weights.
    sign : int8 array (n_pre,) or None
    generator : numpy.random.Generator

    Returns
    -------
    float32 array

    Raises
    ------
    UnitError, ConfigurationError, ShapeError
        If unit, sign or shape do not fit.
    """
    what, shape = f"weights of '{name}'", connection.weight_shape
    if isinstance(weights, Uniform):
        limit = to_float(what, weights.limit, dimension)
        drawn = generator.uniform(-limit, limit, shape)
    elif isinstance(weights, Between):
        drawn = generator.uniform(*weights.limits(what, dimension), shape)
    elif isinstance(weights, Normal):
        drawn = generator.normal(to_float(what, weights.mean, dimension), to_float(what, weights.sd, dimension), shape)
    else:
        given = _given(what, weights, connection, source, target, dimension)
        check_signs(what, given, sign_of_each(connection, sign), dimension)
        return given
    if sign is not None:
        drawn = np.abs(drawn) * sign_of_each(connection, sign)
    return drawn.astype(np.float32)


def _given(what: str, weights, connection, source: Population, target: Population, dimension: Dimension) -> np.ndarray:
    shape = connection.weight_shape
    if isinstance(weights, OfDistance):
        pre, post, _ = connection.synapses()
        array = to_array(what, weights.function(distances(source, target)), dimension)
        if array.shape != (source.size, target.size):
            raise ShapeError(f"{what}: the function of the distance must keep the shape of its array")
        return np.asarray(array if len(shape) == 2 else array[pre, post], dtype=np.float32)
    if np.ndim(weights) == 0:
        return np.full(shape, to_float(what, weights, dimension), dtype=np.float32)
    array = to_array(what, weights, dimension)
    if array.shape != shape:
        raise ShapeError(f"{what} must have shape {shape}, found {array.shape}")
    return np.asarray(array, dtype=np.float32)


def sign_of_each(connection, sign: np.ndarray | None) -> np.ndarray | None:
    """The sign of the source neuron of each weight, in a shape that fits the weights."""
    if sign is None:
        return None
    if len(connection.weight_shape) == 2:
        return sign[:, None]
    pre, _, index = connection.synapses()
    of_weight = np.zeros(connection.weight_shape, dtype=np.int8)
    of_weight.ravel()[index] = sign[pre]
    return of_weight


def check_signs(what: str, weights: np.ndarray, sign: np.ndarray | None, dimension: Dimension) -> None:
    """Raise ConfigurationError if a weight has another sign than its source neuron."""
    if sign is None:
        return
    wrong = np.argwhere(weights * sign < 0)
    if len(wrong):
        where = tuple(int(i) for i in wrong[0])
        kind = "excitatory, and its weights must be >= 0" if weights[where] < 0 else "inhibitory: weights must be <= 0"
        raise ConfigurationError(
            f"{what}: the source neuron is {kind} (Dale's law), found {with_unit(weights[where], dimension)} at {where}"
        )


def make_signs(name: str, sign, size: int) -> np.ndarray | None:
    """Signs of a population's neurons.

    Parameters
    ----------
    name : str
        Of the population, for messages.
    sign : None, "excitatory", "inhibitory", or float
        A number is the fraction of neurons, the first ones, that are excitatory.
    size : int
        Number of neurons.

    Raises
    ------
    ConfigurationError
    """
    if sign is None:
        return None
    if isinstance(sign, str):
        if sign not in SIGNS:
            raise ConfigurationError(
                f"sign of '{name}' must be 'excitatory', 'inhibitory' or a fraction, found {sign!r}"
            )
        return np.full(size, SIGNS[sign], dtype=np.int8)
    fraction = to_float(f"sign of '{name}'", sign, expected="'excitatory', 'inhibitory' or a fraction in 0..1")
    if not 0 <= fraction <= 1:
        raise ConfigurationError(
            f"sign of '{name}', the fraction of excitatory neurons, must lie in 0..1, found {sign!r}"
        )
    return np.where(np.arange(size) < round(fraction * size), 1, -1).astype(np.int8)

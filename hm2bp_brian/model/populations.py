"""Populations: neurons of one kind, with a name and a shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import as_tuple, is_integer
from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.sizes import check_size
from hm2bp_brian.model.units import to_float

LARGEST = 1e9  # spikes in no presentation


@dataclass(frozen=True)
class RateBand:
    """A band of spike counts that a population is kept in.

    It adds ``strength * (o_i - high)`` to the derivative of the loss with respect to the count o_i of each neuron above
    the band, and ``strength * (o_i - low)`` below it.

    Parameters
    ----------
    low, high : float
        Spikes a presentation.
    strength : float

    Raises
    ------
    ConfigurationError
        Unless 0 <= low <= high and strength >= 0, all finite.

    Examples
    --------
    >>> values, derivatives = hb.RateBand(low=1, high=10, strength=0.1).errors(np.array([[0.0, 5.0, 14.0]]))
    >>> derivatives.round(3).tolist()
    [[-0.1, 0.0, 0.4]]
    """

    low: float = 0.0
    high: float = LARGEST
    strength: float = 0.01

    def __post_init__(self):
        to_float("RateBand.low", self.low)
        to_float("RateBand.high", self.high)
        if not 0 <= self.low <= self.high:
            raise ConfigurationError(f"RateBand needs 0 <= low <= high, found low={self.low!r}, high={self.high!r}")
        if to_float("RateBand.strength", self.strength, expected="finite and >= 0") < 0:
            raise ConfigurationError(f"RateBand.strength must be >= 0, found {self.strength!r}")

    def errors(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Loss of each sample, and its derivative with respect to the counts (n_samples, n_neurons)."""
        excess = np.maximum(counts - self.high, 0.0) + np.minimum(counts - self.low, 0.0)
        return 0.5 * self.strength * (excess**2).sum(axis=1), self.strength * excess


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one kind.

    Parameters
    ----------
    name : str
        By which the population's Brian2 objects are found, such as ``"layer_0"``.
    shape : tuple of int
        Maps are ``(height, width, channels)``; flat indices are in C order.
    neuron : NeuronModel or None
        None for an input, whose spikes come from outside.
    threshold : float or None
        ``v_th``, in SI base units; None for an input.
    positions : float array (n_neurons, n_dimensions), optional
        For connections that depend on the distance.
    sign : int8 array (n_neurons,), optional
        Dale's law: 1 where all weights of a neuron's outgoing connections are >= 0, -1 where they are <= 0.
    rate_band : RateBand, optional
    always : bool
        An input that fires in each step.
    maps : bool
        Whether it is made of maps, one a channel, as convolutions and pooling are: the neurons of one map learn as one.
    """

    name: str
    shape: tuple[int, ...]
    neuron: NeuronModel | None = None
    threshold: float | None = None
    positions: np.ndarray | None = None
    sign: np.ndarray | None = None
    rate_band: RateBand | None = None
    always: bool = False
    maps: bool = False

    @property
    def size(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

    @property
    def n_independent(self) -> int:
        """How many of its neurons learn values of their own: all, or one of each map."""
        return self.shape[-1] if self.maps else self.size


def distances(source: Population, target: Population, pre: int | None = None) -> np.ndarray:
    """Distance of a neuron ``pre`` of the source (without it, of each: one row a neuron) to each one of the target.

    Raises
    ------
    ConfigurationError
        If a population has no positions, or theirs have different numbers of dimensions.
    """
    for population in (source, target):
        if population.positions is None:
            raise ConfigurationError(
                f"a function of the distance needs positions, and '{population.name}' has none; give it "
                "positions=(n_neurons, n_dimensions)"
            )
    if source.positions.shape[1] != target.positions.shape[1]:
        raise ConfigurationError(
            f"positions of '{source.name}' have {source.positions.shape[1]} dimensions, those of '{target.name}' "
            f"{target.positions.shape[1]}"
        )
    start = source.positions[:, None] if pre is None else source.positions[pre]
    return np.sqrt(((start - target.positions) ** 2).sum(axis=-1))


def check_strength(what: str, value) -> float:
    """A strength of lateral inhibition without its unit; ConfigurationError if it is negative."""
    strength = to_float(what, value, None)
    if strength < 0:
        raise ConfigurationError(f"{what} is a strength and must be >= 0, found {value!r}")
    return strength


def check_positions(name: str, positions, size: int) -> np.ndarray | None:
    """Positions of a population's neurons as floats (size, n_dimensions), or None; ShapeError if they do not fit."""
    if positions is None:
        return None
    array = np.asarray(positions, dtype=float)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or len(array) != size or not np.isfinite(array).all():
        raise ShapeError(
            f"positions of '{name}' must be finite and have shape ({size}, n_dimensions), found {array.shape}"
        )
    return array


def population_shape(name: str, shape) -> tuple[int, ...]:
    """A shape as a tuple of int; ShapeError unless they are positive, and no more neurons than a population has."""
    shape = as_tuple(shape)
    if not shape or not all(is_integer(n) and n > 0 for n in shape):
        raise ShapeError(f"{name} must be positive integers such as (28, 28, 1), found {shape!r}")
    shape = tuple(int(n) for n in shape)
    check_size("the input" if name == "input_shape" else name, shape)
    return shape

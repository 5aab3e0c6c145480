"""How weights and delays start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2.units.fundamentalunits import Dimension, get_dimensions

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.units import to_float


@dataclass(frozen=True)
class Uniform:
    """Weights drawn uniformly from ``-limit`` to ``limit``.

    Parameters
    ----------
    limit : float or Quantity
        In the unit of the synaptic variable.

    Raises
    ------
    ConfigurationError
        If ``limit`` is not one finite number >= 0, with or without a unit.

    Examples
    --------
    >>> layer = hb.Dense(10, threshold=8, initializer=hb.Uniform(0.5))
    """

    limit: object = 1.0

    def __post_init__(self):
        # a text passes: recipes keep quantities as texts, and a network takes none
        if not isinstance(self.limit, str) and to_float("Uniform.limit", self.limit, None) < 0:
            raise ConfigurationError(f"Uniform.limit must be >= 0, found {self.limit!r}")

    def __call__(self, shape: tuple[int, ...], limit: float, generator: np.random.Generator) -> np.ndarray:
        """Draw float32 weights of the given shape; ``limit`` is this object's limit as a float."""
        return generator.uniform(-limit, limit, size=shape).astype(np.float32)


@dataclass(frozen=True)
class Scaled:
    """Weights drawn uniformly, as large as neuron, threshold and number of inputs need: the default.

    With the gain 1, inputs that fire at 20 Hz move a neuron by as much as its threshold is away, in root mean square
    (see `hm2bp_brian.model.weight_scale`). So it fits any neuron that can be trained, in whatever units.

    Where it is not known what a spike does, as with noise, weights are drawn from -gain to gain; if weights have a unit
    there, an initializer has to be named.

    Parameters
    ----------
    gain : float
        Multiplies all weights: below 1 where inputs fire more, above where they fire less.

    Raises
    ------
    ConfigurationError
        If ``gain`` is not one finite number > 0.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> neuron = hb.neurons.EIF()
    >>> layers = [hb.Dense(10, threshold=-30*mV, initializer=hb.Scaled(2.0))]
    >>> network = hb.SpikingNetwork((100,), layers, neuron, dt=1*ms, duration=100*ms)
    """

    gain: float = 1.0

    def __post_init__(self):
        if to_float("Scaled.gain", self.gain) <= 0:
            raise ConfigurationError(f"Scaled.gain must be > 0, found {self.gain!r}")


@dataclass(frozen=True)
class Between:
    """Values drawn uniformly between two, for weights or delays.

    Parameters
    ----------
    low, high : float or Quantity

    Raises
    ------
    UnitError, ConfigurationError
        If they are no numbers with one unit, or ``low`` is above ``high``.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> weights, delay = hb.Between(0*mV, 2*mV), hb.Between(1*ms, 5*ms)
    """

    low: object
    high: object

    def __post_init__(self):
        if not isinstance(self.low, str) and not isinstance(self.high, str):  # texts: see Uniform
            self.limits(type(self).__name__, None)

    def limits(self, name: str, dimension: Dimension | None) -> tuple[float, float]:
        """Both limits as floats in base units; ``name`` is what they are for, in messages."""
        low = to_float(f"{name}, low,", self.low, dimension)
        high = to_float(f"{name}, high,", self.high, get_dimensions(self.low) if dimension is None else dimension)
        if low > high:
            raise ConfigurationError(f"{name}: low must be at most high, found {self.low!r} and {self.high!r}")
        return low, high


@dataclass(frozen=True)
class Normal:
    """Weights drawn from a normal distribution.

    Parameters
    ----------
    mean, sd : float or Quantity
        In the unit of the synaptic variable.

    Examples
    --------
    >>> from brian2 import pA
    >>> weights = hb.Normal(mean=20*pA, sd=5*pA)
    """

    mean: object
    sd: object


@dataclass(frozen=True)
class OfDistance:
    """Weights that are a function of the distance between the positions of their neurons.

    Parameters
    ----------
    function : callable
        Makes an array of weights, in the base unit of the synaptic variable or with a unit, of an array of distances.

    Examples
    --------
    >>> from brian2 import mV
    >>> weights = hb.OfDistance(lambda d: 2*mV * np.exp(-d))
    """

    function: object

"""How long spikes of a projection take, in whole steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import second

from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.model.initializers import Between
from hm2bp_brian.model.units import times_in_seconds, to_float

# A weight is learned in units of about 1, a delay in steps: with a learning rate of 0.02, Adam moves it by a step.
DELAY_SCALE = 50.0


@dataclass(frozen=True)
class Learned(Between):
    """A quantity that is learned: it starts anywhere between two values, drawn uniformly, and stays between them.

    Parameters
    ----------
    low, high : float or Quantity
    shared : bool
        Whether all neurons of a population have the same value; those of one map of a convolution or pooling layer
        have in any case. Delays are learned one a connection.

    Examples
    --------
    >>> import hm2bp_brian as hb
    >>> from brian2 import ms
    >>> neuron = hb.neurons.ALIF(tau_m=Learned(5*ms, 80*ms))
    >>> layer = hb.Dense(100, threshold=Learned(8, 12, shared=True))
    """

    shared: bool = False

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.shared, bool):
            raise ConfigurationError(f"Learned.shared must be True or False, found {self.shared!r}")


@dataclass(frozen=True, eq=False)
class Delays:
    """Delays of a projection. A spike with delay 0 is delivered at the end of its own step, as in Brian2.

    Parameters
    ----------
    steps : int, or array in the shape of the weights
        One for all connections or one a connection; floats are rounded when used.
    limits : (float, float) or None
        Of delays that are learned, in steps.
    """

    steps: int | np.ndarray = 0
    limits: tuple[float, float] | None = None

    def __post_init__(self):
        if self.limits is not None:  # as the values have them, lest these round to more than the longest one
            object.__setattr__(self, "limits", tuple(float(np.float32(limit)) for limit in self.limits))

    @property
    def learned(self) -> bool:
        """Whether training changes them."""
        return self.limits is not None

    @property
    def single(self) -> bool:
        """Whether each connection has its own."""
        return self.learned or np.ndim(self.steps) > 0

    @property
    def longest(self) -> int:
        """The longest one that is possible, in steps."""
        return int(to_steps(self.limits[1])) if self.learned else int(np.max(self.steps))


def to_steps(delays):
    """Real-valued delays as whole steps: the nearest, half a step up, as Brian2's queue of spikes does."""
    return np.floor(delays + 0.5).astype(np.int32)


def make_delays(name: str, delay, connection, dt: float, n_steps: int, generator: np.random.Generator) -> Delays:
    """Delays of a projection from what a user gives.

    Parameters
    ----------
    name : str
        Of the projection, for messages.
    delay : None, Quantity, Quantity array, Between or Learned
        One for all; one a connection, in the shape of the weights; drawn for each; drawn and learned.
    connection : Connection
    dt : float
        Step in seconds.
    n_steps : int
        Of a presentation.
    generator : numpy.random.Generator

    Raises
    ------
    UnitError, ConfigurationError, ShapeError
        If they are no times, negative, or longer than a presentation, or have another shape than the weights.
    """
    what = f"delay of '{name}'"
    if delay is None:
        return Delays()
    if isinstance(delay, Between):
        _check_own(what, connection)
        low, high = delay.limits(what, second.dim)
        _check_range(what, np.array([low, high]), dt, n_steps)
        drawn = generator.uniform(low / dt, high / dt, connection.weight_shape)
        if isinstance(delay, Learned):
            if delay.shared:
                raise ConfigurationError(f"{what}: delays are learned one a connection; leave out shared=True")
            return Delays(drawn.astype(np.float32), (low / dt, high / dt))
        return Delays(to_steps(drawn))
    if np.ndim(delay) == 0:
        seconds = to_float(what, delay, second.dim)
        _check_range(what, np.array([seconds]), dt, n_steps)
        return Delays(int(to_steps(seconds / dt)))
    seconds = times_in_seconds(what, delay)
    _check_own(what, connection)
    if seconds.shape != connection.weight_shape:
        raise ShapeError(f"{what} must be one time, or have shape {connection.weight_shape}, found {seconds.shape}")
    _check_range(what, seconds, dt, n_steps)
    return Delays(to_steps(seconds / dt))


def _check_own(what: str, connection) -> None:
    if len(connection.weight_shape) > 2 or 0 in connection.weight_shape:
        raise ConfigurationError(f"{what}: connections that share a weight share a delay; give one time for all")


def _check_range(what: str, seconds: np.ndarray, dt: float, n_steps: int) -> None:
    if not np.isfinite(seconds).all() or (seconds < 0).any():
        raise ConfigurationError(f"{what} must be >= 0, found {seconds[~(seconds >= 0)][:1]} s")
    longest = float(seconds.max())
    if to_steps(longest / dt) >= n_steps:
        raise ConfigurationError(
            f"{what} must be shorter than a presentation of {n_steps * dt:g} s, or its spikes never arrive; found "
            f"{longest:g} s"
        )

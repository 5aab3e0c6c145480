"""Learning-rate schedules: the rate of each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.units import to_float


@dataclass(frozen=True)
class Constant:
    """The same learning rate in every epoch.

    Examples
    --------
    >>> [hb.schedules.Constant()(0.01, epoch, epochs=3) for epoch in (1, 2, 3)]
    [0.01, 0.01, 0.01]
    """

    def __call__(self, learning_rate: float, epoch: int, epochs: int) -> float:
        """Learning rate of an epoch, counted from 1, of so many."""
        return learning_rate


@dataclass(frozen=True)
class ExponentialDecay:
    """Learning rate times ``rate ** (epoch - 1)``.

    Raises
    ------
    ConfigurationError
        If ``rate`` is not in 0 < rate <= 1.

    Examples
    --------
    >>> [hb.schedules.ExponentialDecay(0.5)(0.01, epoch, epochs=3) for epoch in (1, 2, 3)]
    [0.01, 0.005, 0.0025]
    """

    rate: float

    def __post_init__(self):
        check_range("ExponentialDecay.rate", self.rate, lambda rate: 0 < rate <= 1, "in 0 < rate <= 1")

    def __call__(self, learning_rate: float, epoch: int, epochs: int) -> float:
        """Learning rate of an epoch, counted from 1, of so many."""
        return learning_rate * self.rate ** (epoch - 1)


@dataclass(frozen=True)
class InverseSqrt:
    """Learning rate divided by the square root of the epoch, as in the paper's experiments.

    Examples
    --------
    >>> [hb.schedules.InverseSqrt()(0.01, epoch, epochs=9) for epoch in (1, 4)]
    [0.01, 0.005]
    """

    def __call__(self, learning_rate: float, epoch: int, epochs: int) -> float:
        """Learning rate of an epoch, counted from 1, of so many."""
        return learning_rate / math.sqrt(epoch)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine wave from the learning rate in epoch 1 to ``final`` times it in the last epoch, and later.

    Parameters
    ----------
    epochs : int, optional
        Length of the wave; that of the training if not given.
    final : float

    Raises
    ------
    ConfigurationError
        If ``epochs`` is less than 1 or ``final`` is negative.

    Examples
    --------
    >>> [round(hb.schedules.Cosine()(0.01, epoch, epochs=3), 4) for epoch in (1, 2, 3)]
    [0.01, 0.005, 0.0]
    >>> optimizer = hb.Adam(0.01, schedule=hb.schedules.Cosine(final=0.1))
    """

    epochs: int | None = None
    final: float = 0.0

    def __post_init__(self):
        if self.epochs is not None:
            check_range("Cosine.epochs", self.epochs, lambda epochs: epochs >= 1, "at least 1")
        check_range("Cosine.final", self.final, lambda final: final >= 0, ">= 0")

    def __call__(self, learning_rate: float, epoch: int, epochs: int) -> float:
        """Learning rate of an epoch, counted from 1, of so many."""
        length = epochs if self.epochs is None else self.epochs
        progress = min((epoch - 1) / max(length - 1, 1), 1.0)
        return learning_rate * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress)))


def check_range(name: str, value, fits: Callable[[float], bool], expected: str) -> None:
    """Raise UnitError, ConfigurationError unless a setting is a finite number that fits what is expected of it."""
    if not fits(to_float(name, value, expected=expected)):
        raise ConfigurationError(f"{name} must be {expected}, found {value!r}")


def check_schedule(name: str, schedule) -> None:
    """Raise ConfigurationError unless a setting can be called."""
    if not callable(schedule):
        raise ConfigurationError(f"{name} must be a schedule such as InverseSqrt(), found {schedule!r}")

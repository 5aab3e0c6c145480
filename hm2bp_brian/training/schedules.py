"""Learning-rate schedules: the rate of each epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hm2bp_brian.errors import ConfigurationError


@dataclass(frozen=True)
class Constant:
    """The same learning rate in every epoch."""

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
    """

    rate: float

    def __post_init__(self):
        check_range("ExponentialDecay.rate", self.rate, 0 < self.rate <= 1, "in 0 < rate <= 1")

    def __call__(self, learning_rate: float, epoch: int, epochs: int) -> float:
        """Learning rate of an epoch, counted from 1, of so many."""
        return learning_rate * self.rate ** (epoch - 1)


@dataclass(frozen=True)
class InverseSqrt:
    """Learning rate divided by the square root of the epoch, as in the paper's experiments."""

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
    """

    epochs: int | None = None
    final: float = 0.0

    def __post_init__(self):
        if self.epochs is not None:
            check_range("Cosine.epochs", self.epochs, self.epochs >= 1, "at least 1")
        check_range("Cosine.final", self.final, self.final >= 0, ">= 0")

    def __call__(self, learning_rate: float, epoch: int, epochs: int) -> float:
        """Learning rate of an epoch, counted from 1, of so many."""
        length = epochs if self.epochs is None else self.epochs
        progress = min((epoch - 1) / max(length - 1, 1), 1.0)
        return learning_rate * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress)))


def check_range(name: str, value: float, fits: bool, expected: str) -> None:
    """Raise ConfigurationError unless a number is finite and fits what is expected of it."""
    if not (fits and math.isfinite(value)):
        raise ConfigurationError(f"{name} must be {expected}, found {value!r}")

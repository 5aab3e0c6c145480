"""Optimizers and learning-rate schedules: how gradients change weights, in place."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.learning.updates import NumpyUpdater, chunks
from hm2bp_brian.model.units import to_float


@dataclass(frozen=True)
class Constant:
    """The same learning rate in every epoch."""

    def __call__(self, learning_rate: float, epoch: int) -> float:
        """Learning rate of an epoch, counted from 1."""
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
        _check_range("ExponentialDecay.rate", self.rate, lambda rate: 0 < rate <= 1, "in 0 < rate <= 1")

    def __call__(self, learning_rate: float, epoch: int) -> float:
        """Learning rate of an epoch, counted from 1."""
        return learning_rate * self.rate ** (epoch - 1)


@dataclass(frozen=True)
class InverseSqrt:
    """Learning rate divided by the square root of the epoch, as in the paper's experiments."""

    def __call__(self, learning_rate: float, epoch: int) -> float:
        """Learning rate of an epoch, counted from 1."""
        return learning_rate / math.sqrt(epoch)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine wave from the learning rate in epoch 1 to ``final`` times it in the last epoch, and later.

    Raises
    ------
    ConfigurationError
        If ``epochs`` is less than 1 or ``final`` is negative.
    """

    epochs: int
    final: float = 0.0

    def __post_init__(self):
        _check_range("Cosine.epochs", self.epochs, lambda epochs: epochs >= 1, "at least 1")
        _check_range("Cosine.final", self.final, lambda final: final >= 0, ">= 0")

    def __call__(self, learning_rate: float, epoch: int) -> float:
        """Learning rate of an epoch, counted from 1."""
        progress = min((epoch - 1) / max(self.epochs - 1, 1), 1.0)
        return learning_rate * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress)))


@dataclass
class Adam:
    """Adam (Kingma & Ba 2015).

    With gradient g, step count n and bias-corrected averages m of g and v of g²,

    .. math:: w \\leftarrow w - \\eta\\, m / (\\sqrt{v} + \\epsilon)

    Parameters
    ----------
    learning_rate : float
    beta_1, beta_2 : float
        Decay of the averages of g and of g².
    epsilon : float
    clip : bool
        Divide the step of each array by max(1, rms(g/√v)). Where gradients are zero most of the time v shrinks, and
        the next large gradient would make a step that the spike rates may not recover from.
    schedule : callable
        ``schedule(learning_rate, epoch)`` is the learning rate of an epoch.

    Raises
    ------
    ConfigurationError
        If a parameter is out of range.
    """

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    clip: bool = False
    schedule: object = field(default_factory=Constant)

    updater = NumpyUpdater

    def __post_init__(self):
        _check_range("Adam.learning_rate", self.learning_rate, lambda rate: rate > 0, "> 0")
        _check_range("Adam.beta_1", self.beta_1, lambda decay: 0 <= decay < 1, "in 0 <= beta_1 < 1")
        _check_range("Adam.beta_2", self.beta_2, lambda decay: 0 <= decay < 1, "in 0 <= beta_2 < 1")
        _check_range("Adam.epsilon", self.epsilon, lambda epsilon: epsilon > 0, "> 0")
        if not isinstance(self.clip, bool):
            raise ConfigurationError(f"Adam.clip must be True or False, found {self.clip!r}")
        _check_schedule("Adam.schedule", self.schedule)

    def start(self, weights: Sequence[np.ndarray]) -> None:
        """Forget the past and prepare for weights of these shapes and dtypes."""
        _check_contiguous(weights)
        self._updates = 0
        self._first = [np.zeros_like(w) for w in weights]
        self._second = [np.zeros_like(w) for w in weights]

    def update(self, weights: Sequence[np.ndarray], gradients: Sequence[np.ndarray], learning_rate: float) -> None:
        """Change the weights in place by one step against the gradients."""
        self._updates += 1
        # the corrections of m and v for having started at zero, moved from the arrays to scalars
        correction_1 = 1 - self.beta_1**self._updates
        correction_2 = math.sqrt(1 - self.beta_2**self._updates)
        step_size = learning_rate * correction_2 / correction_1
        epsilon, limit = self.epsilon * correction_2, 1 / correction_2 if self.clip else None
        for w, g, m, v in zip(weights, gradients, self._first, self._second, strict=True):
            self.updater.adam(w, g, m, v, self.beta_1, self.beta_2, step_size, epsilon, limit)

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the arrays that a checkpoint needs to go on from here."""
        arrays = {"updates": np.array(self._updates)}
        for layer, (m, v) in enumerate(zip(self._first, self._second, strict=True)):
            arrays |= {f"m_{layer}": m.copy(), f"v_{layer}": v.copy()}
        return arrays

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Go on from arrays that ``state()`` returned."""
        self._updates = int(state["updates"])
        for layer, (m, v) in enumerate(zip(self._first, self._second, strict=True)):
            m[...] = state[f"m_{layer}"]
            v[...] = state[f"v_{layer}"]


@dataclass
class SGD:
    """Gradient descent with momentum: velocity = momentum · velocity + g, w = w - learning_rate · velocity.

    Parameters
    ----------
    learning_rate : float
    momentum : float
        In 0 <= momentum < 1.
    schedule : callable
        ``schedule(learning_rate, epoch)`` is the learning rate of an epoch.

    Raises
    ------
    ConfigurationError
        If a parameter is out of range.
    """

    learning_rate: float = 0.001
    momentum: float = 0.9
    schedule: object = field(default_factory=Constant)

    def __post_init__(self):
        _check_range("SGD.learning_rate", self.learning_rate, lambda rate: rate > 0, "> 0")
        _check_range("SGD.momentum", self.momentum, lambda decay: 0 <= decay < 1, "in 0 <= momentum < 1")
        _check_schedule("SGD.schedule", self.schedule)

    def start(self, weights: Sequence[np.ndarray]) -> None:
        """Forget the past and prepare for weights of these shapes and dtypes."""
        _check_contiguous(weights)
        self._velocities = [np.zeros_like(w) for w in weights]

    def update(self, weights: Sequence[np.ndarray], gradients: Sequence[np.ndarray], learning_rate: float) -> None:
        """Change the weights in place by one step against the gradients."""
        for w, g, velocity in zip(weights, gradients, self._velocities, strict=True):
            for w_part, g_part, velocity_part, scratch in chunks(w, g, velocity):
                velocity_part *= self.momentum
                np.add(velocity_part, g_part, out=velocity_part, casting="same_kind")
                np.multiply(velocity_part, learning_rate, out=scratch)
                w_part -= scratch

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the arrays that a checkpoint needs to go on from here."""
        return {f"velocity_{layer}": velocity.copy() for layer, velocity in enumerate(self._velocities)}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Go on from arrays that ``state()`` returned."""
        for layer, velocity in enumerate(self._velocities):
            velocity[...] = state[f"velocity_{layer}"]


SHORTHANDS = {"adam": Adam, "sgd": SGD}


def make_optimizer(optimizer, updater=NumpyUpdater):
    """An optimizer of one's own from a name ("adam", "sgd") or from an optimizer, whose settings are copied.

    Parameters
    ----------
    optimizer : str or optimizer
    updater : optional
        What does an Adam's arithmetic (see `hm2bp_brian.learning.updates`).

    Raises
    ------
    UnknownNameError
        If there is no optimizer of that name.
    """
    if isinstance(optimizer, str):
        if optimizer not in SHORTHANDS:
            raise UnknownNameError("optimizer", optimizer, SHORTHANDS)
        optimizer = SHORTHANDS[optimizer]()
    # two trainers given the same object must not share the averages that start() makes
    optimizer = copy.copy(optimizer)
    if isinstance(optimizer, Adam):
        optimizer.updater = updater
    return optimizer


def _check_contiguous(weights: Sequence[np.ndarray]) -> None:
    for layer, w in enumerate(weights):
        if not w.flags.c_contiguous:
            raise ConfigurationError(
                f"weights of layer {layer} are updated in place and must be C-contiguous; use np.ascontiguousarray"
            )


def _check_range(name: str, value, fits: Callable[[float], bool], expected: str) -> None:
    if not fits(to_float(name, value, expected=expected)):
        raise ConfigurationError(f"{name} must be {expected}, found {value!r}")


def _check_schedule(name: str, schedule) -> None:
    if not callable(schedule):
        raise ConfigurationError(f"{name} must be a schedule such as InverseSqrt(), found {schedule!r}")

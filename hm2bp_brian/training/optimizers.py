"""Optimizers: settings, and how gradients change weights and the optimizer's state, in place.

A state is a dictionary of arrays, which a checkpoint keeps as it is.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from hm2bp_brian.engines.updates import NumpyUpdater, chunks
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.model.weight_scale import weight_scales
from hm2bp_brian.training.schedules import Constant, check_range, check_schedule


@dataclass(frozen=True)
class Relative:
    """A learning rate relative to the scale of the weights, which fits any neuron, in whatever units.

    Weights are learned as if each projection's were measured in its own scale, the limit of what ``Scaled()`` draws.
    ``Adam(Relative(0.02))`` changes a weight by up to 2 % of it in an update.

    Parameters
    ----------
    rate : float

    Raises
    ------
    ConfigurationError
        If ``rate`` is not one finite number > 0.

    Examples
    --------
    >>> optimizer = hb.Adam(hb.Relative(0.04))
    """

    rate: float

    def __post_init__(self):
        check_range("Relative.rate", self.rate, lambda rate: rate > 0, "> 0")


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015).

    With gradient g, step count n and bias-corrected averages m of g and v of g²,

    .. math:: w \\leftarrow w - \\eta\\, m / (\\sqrt{v} + \\epsilon)

    Parameters
    ----------
    learning_rate : float or Relative
        A number is in the base unit of the weights, whatever their size.
    beta_1, beta_2 : float
        Decay of the averages of g and of g².
    epsilon : float
    clip : bool
        Divide the step of each array by max(1, rms(g/√v)). Where gradients are zero most of the time v shrinks, and
        the next large gradient would make a step that the spike rates may not recover from.
    schedule : callable
        ``schedule(learning_rate, epoch, epochs)`` is the learning rate of an epoch, counted from 1, of so many.

    Raises
    ------
    ConfigurationError
        If a parameter is out of range.

    Examples
    --------
    >>> from hm2bp_brian.training.schedules import Cosine
    >>> optimizer = hb.Adam(hb.Relative(0.01), clip=True, schedule=Cosine(final=0.01))
    """

    order: ClassVar[int] = 1  # to which power of the weights' unit a step grows with the learning rate

    learning_rate: float | Relative = Relative(0.02)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    clip: bool = False
    schedule: object = field(default_factory=Constant)

    def __post_init__(self):
        check_range("Adam.learning_rate", rate(self.learning_rate), lambda rate: rate > 0, "> 0")
        check_range("Adam.beta_1", self.beta_1, lambda decay: 0 <= decay < 1, "in 0 <= beta_1 < 1")
        check_range("Adam.beta_2", self.beta_2, lambda decay: 0 <= decay < 1, "in 0 <= beta_2 < 1")
        check_range("Adam.epsilon", self.epsilon, lambda epsilon: epsilon > 0, "> 0")
        if not isinstance(self.clip, bool):
            raise ConfigurationError(f"Adam.clip must be True or False, found {self.clip!r}")
        check_schedule("Adam.schedule", self.schedule)

    def init(self, weights: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """State before the first update, for weights of these shapes and dtypes."""
        _check_contiguous(weights)
        state = {"updates": np.array(0)}
        for layer, w in enumerate(weights):
            state |= {f"m_{layer}": np.zeros_like(w), f"v_{layer}": np.zeros_like(w)}
        return state

    def update(self, state, weights, gradients, learning_rate: float, updater=NumpyUpdater, scales=None) -> None:
        """Change weights and state in place by one step against the gradients.

        Parameters
        ----------
        state : dict
            From ``init``.
        weights, gradients : sequences of arrays
        learning_rate : float
        updater : optional
            What does the arithmetic (see `hm2bp_brian.engines.updates`).
        scales : sequence of float, optional
            What multiplies the learning rate of each array; 1 if not given.
        """
        state["updates"] += 1
        updates = int(state["updates"])
        # the corrections of m and v for having started at zero, moved from the arrays to scalars
        correction_1 = 1 - self.beta_1**updates
        correction_2 = math.sqrt(1 - self.beta_2**updates)
        step_size = learning_rate * correction_2 / correction_1
        epsilon, limit = self.epsilon * correction_2, 1 / correction_2 if self.clip else None
        for layer, (w, g) in enumerate(zip(weights, gradients, strict=True)):
            m, v = state[f"m_{layer}"], state[f"v_{layer}"]
            step = step_size if scales is None else step_size * scales[layer]
            updater.adam(w, g, m, v, self.beta_1, self.beta_2, step, epsilon, limit)


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum: velocity = momentum · velocity + g, w = w - learning_rate · velocity.

    Parameters
    ----------
    learning_rate : float or Relative
        A number is in the base units of the weights, squared.
    momentum : float
        In 0 <= momentum < 1.
    schedule : callable
        ``schedule(learning_rate, epoch, epochs)`` is the learning rate of an epoch, counted from 1, of so many.

    Raises
    ------
    ConfigurationError
        If a parameter is out of range.

    Examples
    --------
    >>> optimizer = hb.SGD(0.001, momentum=0.9)
    """

    order: ClassVar[int] = 2

    learning_rate: float | Relative = Relative(0.001)
    momentum: float = 0.9
    schedule: object = field(default_factory=Constant)

    def __post_init__(self):
        check_range("SGD.learning_rate", rate(self.learning_rate), lambda rate: rate > 0, "> 0")
        check_range("SGD.momentum", self.momentum, lambda decay: 0 <= decay < 1, "in 0 <= momentum < 1")
        check_schedule("SGD.schedule", self.schedule)

    def init(self, weights: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """State before the first update, for weights of these shapes and dtypes."""
        _check_contiguous(weights)
        return {f"velocity_{layer}": np.zeros_like(w) for layer, w in enumerate(weights)}

    def update(self, state, weights, gradients, learning_rate: float, updater=NumpyUpdater, scales=None) -> None:
        """Change weights and state in place by one step against the gradients; see ``Adam.update``."""
        for layer, (w, g) in enumerate(zip(weights, gradients, strict=True)):
            step_size = learning_rate if scales is None else learning_rate * scales[layer]
            for w_part, g_part, velocity_part, scratch in chunks(w, g, state[f"velocity_{layer}"]):
                velocity_part *= self.momentum
                np.add(velocity_part, g_part, out=velocity_part, casting="same_kind")
                np.multiply(velocity_part, step_size, out=scratch)
                w_part -= scratch


def rate(learning_rate: float | Relative) -> float:
    """The number in a learning rate."""
    return learning_rate.rate if isinstance(learning_rate, Relative) else learning_rate


def rate_of_epoch(optimizer, epoch: int, epochs: int) -> float:
    """The number in the learning rate of an epoch, counted from 1, of so many.

    Raises
    ------
    UnitError, ConfigurationError
        If what the schedule returns is not one finite number >= 0.

    Warns
    -----
    UserWarning
        If it is 0.
    """
    scheduled = optimizer.schedule(rate(optimizer.learning_rate), epoch, epochs)
    name = f"the learning rate of epoch {epoch} of {epochs}"
    check_range(
        f"{name}, by the schedule {optimizer.schedule!r},", scheduled, lambda rate: rate >= 0, "finite and >= 0"
    )
    if scheduled == 0:
        warnings.warn(
            f"{name} is 0: it changes no weight. Give the schedule "
            "a final rate above 0, such as Cosine(final=0.01), or fit all epochs at once",
            UserWarning,
            stacklevel=4,  # the line that calls Trainer.fit
        )
    return scheduled


def step_scales(optimizer, network) -> list[float]:
    """What multiplies the number in an optimizer's learning rate, for each of a network's parameters.

    ConfigurationError, if the learning rate is relative and weights have no scale.
    """
    scales = list(network.scales)
    if isinstance(optimizer.learning_rate, Relative):
        for number, scale in enumerate(weight_scales(network)):
            scales[number] *= scale**optimizer.order
    return scales


SHORTHANDS = {"adam": Adam, "sgd": SGD}


def make_optimizer(optimizer):
    """The optimizer of a name ("adam", "sgd"), or the optimizer that is given.

    Raises
    ------
    UnknownNameError
        If there is no optimizer of that name.
    """
    if not isinstance(optimizer, str):
        return optimizer
    if optimizer not in SHORTHANDS:
        raise UnknownNameError("optimizer", optimizer, SHORTHANDS)
    return SHORTHANDS[optimizer]()


def _check_contiguous(weights: Sequence[np.ndarray]) -> None:
    for layer, w in enumerate(weights):
        if not w.flags.c_contiguous:
            raise ConfigurationError(
                f"weights of layer {layer} are updated in place and must be C-contiguous; use np.ascontiguousarray"
            )

"""What keeps weights small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_offers
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.units import to_float


@dataclass(frozen=True)
class WeightLimit:
    """Pulls weights back, exponentially harder the more a neuron's weights exceed a limit W.

    For a neuron i with n inputs, the gradient with respect to w_ij is

    .. math::
        \\lambda\\,\\beta\\,\\frac{w_{ij}}{W}
        \\exp\\left(\\beta\\left(\\frac{1}{n}\\sum_l (w_{il}/W)^2 - 1\\right)\\right)

    It was tuned for batches of one sample: with larger batches it must shrink, or it dominates.

    Parameters
    ----------
    strength : float
        lambda.
    beta : float
    limit : float or Quantity
        W, in the unit of the weights.

    Raises
    ------
    ConfigurationError
        Unless strength and beta are >= 0 and limit > 0, all finite.

    Examples
    --------
    >>> from brian2 import ms
    >>> layers = [hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((4,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> trainer = hb.Trainer(network, regularizer=hb.WeightLimit(strength=0.02), engine="brian2")
    """

    strength: float = 10.0
    beta: float = 0.04
    limit: object = 8.0

    def __post_init__(self):
        for name in ("strength", "beta"):
            if to_float(f"WeightLimit.{name}", getattr(self, name), expected="finite and >= 0") < 0:
                raise ConfigurationError(f"WeightLimit.{name} must be finite and >= 0, found {getattr(self, name)!r}")
        if self._limit <= 0:
            raise ConfigurationError(f"WeightLimit.limit must be finite and > 0, found {self.limit!r}")

    @property
    def _limit(self) -> float:
        # in base units, as weights are; which unit it must have, only the network knows: see check_limit
        return to_float("WeightLimit.limit", self.limit, None, expected="finite and > 0")

    def gradient(self, weights) -> np.ndarray:
        """The gradient, float64, of the shape of ``weights``, whose last axis is the neuron (or channel) i."""
        weights = weights.astype(np.float64, copy=False)
        return (
            self.strength * self.beta * weights / self._limit * np.exp(self.beta * (self._mean_square(weights) - 1.0))
        )

    def value(self, weights) -> float:
        """The function whose gradient it is, 0 where all weights are 0.

        With m_i the mean of (w_ij/W)² over the n inputs of neuron i,

        .. math::
            \\frac{\\lambda n W}{2} \\sum_i \\left( e^{\\beta (m_i - 1)} - e^{-\\beta} \\right)
        """
        weights = weights.astype(np.float64, copy=False)
        excess = np.exp(-self.beta) * np.expm1(self.beta * self._mean_square(weights))
        return float(self.strength * (weights.size // weights.shape[-1]) * self._limit / 2 * excess.sum())

    def _mean_square(self, weights: np.ndarray) -> np.ndarray:
        return ((weights / self._limit) ** 2).mean(axis=tuple(range(weights.ndim - 1)))


def check_limit(regularizer, network) -> None:
    """Raise UnitError if the limit of a `WeightLimit` does not have the unit of a network's learned weights.

    ConfigurationError if some are single connections, for which it does not know the neuron of each.
    """
    if regularizer is not None:
        check_offers("regularizer", regularizer, "gradient", "WeightLimit()")
    if not isinstance(regularizer, WeightLimit):
        return
    for number, projection in enumerate(network.weighted):
        if network.weights[number].ndim == 1 and projection.plastic:
            raise ConfigurationError(
                f"WeightLimit needs weights (n_pre, n_post) or kernels, and '{projection.name}' has single connections"
            )
        if network.weights[number].size:
            what = f"WeightLimit.limit, for the {network.parameter_name(number)},"
            to_float(what, regularizer.limit, projection.weight_dimension)

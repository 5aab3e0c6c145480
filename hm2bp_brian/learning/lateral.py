"""What lateral inhibition of the output does to gradients."""

from __future__ import annotations

import warnings

import numpy as np

from hm2bp_brian.errors import ConfigurationError

# The loops of lateral inhibition form a series with this sum in the denominator: from here on it is far from the first
# order that the paper keeps, and at 1 it has a pole beyond which gradients turn round.
STRONG_LOOPS = 0.5


def lateral_factor(spsp: np.ndarray, counts: np.ndarray, v_th: float, weight: float) -> np.ndarray:
    """What lateral inhibition in the output layer does to the gradient of its weights.

    With w0 the strength and d_l = 1/nu where l fired, else 0, neuron j's gradient is multiplied by ::

        1 / (1 - w0² sum_{l != j} d_l d_j (e_{l|j} / o_j) (e_{j|l} / o_l))

    Parameters
    ----------
    spsp : float array (n_samples, n_outputs, n_outputs)
        ``[:, j, l]`` is e_{l|j}, silent targets replaced (so that a target always counts as fired).
    counts : int array (n_samples, n_outputs)
    v_th : float
    weight : float
        -w0.

    Returns
    -------
    float64 array (n_samples, n_outputs)

    Raises
    ------
    ConfigurationError
        If the sum times w0² reaches 1, where the factor has a pole and then turns gradients round.

    Warns
    -----
    RuntimeWarning
        If it reaches 0.5.
    """
    ratio = spsp / np.maximum(counts, 1)[:, :, None]
    # ratio[:, j, l] = e_{l|j} / o_j; 0 where either is silent, as d is
    loops = ratio * ratio.transpose(0, 2, 1)
    loops[:, range(loops.shape[1]), range(loops.shape[1])] = 0.0
    strength = (weight / v_th) ** 2 * loops.sum(axis=1)
    largest = strength.max()
    if largest >= STRONG_LOOPS:
        settings = f"lateral inhibition of {-weight:g} with threshold {v_th:g} in the output layer"
        if largest >= 1:
            sample, neuron = np.unravel_index(strength.argmax(), strength.shape)
            raise ConfigurationError(
                f"{settings} is too strong for HM2-BP: its loops add up to {largest:.3g} at neuron {neuron} in sample "
                f"{sample}, must stay below 1 (beyond it, gradients would turn round). Lower lateral_inhibition, raise "
                "the threshold, or ask for fewer spikes (desired)"
            )
        warnings.warn(
            f"{settings} is strong for HM2-BP: its loops exceed {STRONG_LOOPS}, gradients of single neurons more than "
            "double; at 1 training stops. Lower lateral_inhibition or raise the threshold",
            RuntimeWarning,
            stacklevel=2,
        )
    return 1.0 / (1.0 - strength)

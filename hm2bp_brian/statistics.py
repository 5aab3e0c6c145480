"""Statistics of spike trains."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.spikes import SpikeBatch

# A neuron counts as saturated when it fires at this fraction of the highest rate that its refractory time allows.
SATURATED_FRACTION = 0.9


def mean_counts(spikes: SpikeBatch) -> np.ndarray:
    """Mean spikes of each neuron in a presentation, float64 (n_neurons,)."""
    return spikes.counts.mean(axis=0)


def silent(spikes: SpikeBatch) -> np.ndarray:
    """Which neurons never fire in the batch, bool (n_neurons,)."""
    return spikes.counts.sum(axis=0) == 0


def saturated(spikes: SpikeBatch, refractory_steps: int) -> np.ndarray:
    """Which neurons fire at 0.9 of their highest possible rate or more, on average over the batch, bool (n_neurons,).

    Parameters
    ----------
    spikes : SpikeBatch
    refractory_steps : int
        Steps after a spike's own step in which a neuron can't fire.
    """
    most = -(-spikes.n_steps // (refractory_steps + 1))
    return mean_counts(spikes) >= SATURATED_FRACTION * most


def interspike_intervals(spikes: SpikeBatch) -> tuple[np.ndarray, np.ndarray]:
    """Steps between successive spikes of a neuron within a presentation.

    Returns
    -------
    intervals : int64 array (n_intervals,)
    trains : int64 array (n_intervals,)
        ``sample * n_neurons + neuron`` of each interval, rising.
    """
    steps, offsets = spikes.by_neuron
    trains = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    within = trains[1:] == trains[:-1]
    return np.diff(steps.astype(np.int64))[within], trains[1:][within]


def coefficients_of_variation(spikes: SpikeBatch) -> np.ndarray:
    """Standard deviation over mean of the intervals of each train that has at least two, float64 (n_trains,).

    0 is clockwork, 1 a Poisson process. The standard deviation is that of the intervals themselves (divided by n).
    """
    intervals, trains = interspike_intervals(spikes)
    _, which, n = np.unique(trains, return_inverse=True, return_counts=True)
    if len(n) == 0:
        return np.zeros(0)
    mean = np.bincount(which, intervals) / n
    variance = np.bincount(which, (intervals - mean[which]) ** 2) / n
    return (np.sqrt(variance) / mean)[n >= 2]

"""Statistics of spike trains."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

# A neuron counts as saturated when it fires at this fraction of the highest rate that its refractory time allows.
SATURATED_FRACTION = 0.9


def mean_counts(spikes: SpikeBatch) -> np.ndarray:
    """Mean spikes of each neuron in a presentation, float64 (n_neurons,)."""
    return spikes.counts.mean(axis=0)


def silent(spikes: SpikeBatch) -> np.ndarray:
    """Which neurons never fire in the batch, bool (n_neurons,)."""
    return spikes.counts.sum(axis=0) == 0


def most_spikes(n_steps: int, refractory_steps: int) -> int:
    """How often a neuron can fire in a presentation, if it can't for so many steps after that of a spike."""
    return -(-n_steps // (refractory_steps + 1))


def saturated(spikes: SpikeBatch, refractory_steps: int) -> np.ndarray:
    """Which neurons fire at 0.9 of their highest possible rate or more, on average over the batch, bool (n_neurons,).

    Parameters
    ----------
    spikes : SpikeBatch
    refractory_steps : int
        Steps after a spike's own step in which a neuron can't fire.
    """
    return mean_counts(spikes) >= SATURATED_FRACTION * most_spikes(spikes.n_steps, refractory_steps)


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


def firing_table(network, record: SpikeRecord) -> list[dict]:
    """How each layer fires in a record: one row a layer.

    Columns: ``layer``, ``neurons``, ``spikes_per_sample`` (of the whole layer), ``mean_rate_hz`` (of a neuron),
    ``median_isi_ms``, ``mean_cv``, ``silent_percent`` and ``saturated_percent`` of the neurons; NaN where there are no
    intervals.
    """
    rows = []
    for layer, spikes in enumerate(record.layers):
        intervals, _ = interspike_intervals(spikes)
        cv = coefficients_of_variation(spikes)
        refractory_steps = network.neurons[layer].refractory_steps(network.dt)
        rows.append(
            {
                "layer": layer,
                "neurons": spikes.n_neurons,
                "spikes_per_sample": spikes.n_spikes / spikes.n_samples,
                "mean_rate_hz": float(mean_counts(spikes).mean() / (spikes.n_steps * network.dt)),
                "median_isi_ms": float(np.median(intervals) * network.dt * 1e3) if intervals.size else float("nan"),
                "mean_cv": float(cv.mean()) if cv.size else float("nan"),
                "silent_percent": float(100 * silent(spikes).mean()),
                "saturated_percent": float(100 * saturated(spikes, refractory_steps).mean()),
            }
        )
    return rows

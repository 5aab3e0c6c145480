"""Recordings: from trials of lists of spike times to steps and neurons."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
from brian2 import second

from hm2bp_brian.encoding.events import MAX_STEPS
from hm2bp_brian.errors import ShapeError, SpikeError
from hm2bp_brian.model.units import positive_time, times_in_seconds
from hm2bp_brian.spikes import BRIAN_SHIFT


def bin_trials(trials, dt, duration, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Bin spike times; see ``SpikeDataset.from_spike_times`` for the parameters.

    Returns
    -------
    steps, neurons : int32 arrays (n_spikes,)
        Of each spike, a trial behind the other, sorted by both in each.
    offsets : int64 array (n_trials + 1,)
        Where each trial begins.
    n_neurons : int

    Raises
    ------
    UnitError, ConfigurationError
        If ``dt``, ``duration`` or the times are no times.
    ShapeError
        If there is no trial, or trials differ in their number of neurons.
    SpikeError
        If a spike comes before the trial's begin, or all come after its end.

    Warns
    -----
    UserWarning
        Once, with numbers: trials without spikes, spikes that come after ``duration``, and spikes that are merged.
    """
    step, end = positive_time(f"{name}: dt", dt), positive_time(f"{name}: duration", duration)
    n_steps = math.ceil(end / step - BRIAN_SHIFT)
    trains = _checked_trials(trials, name)
    n_neurons = len(trains[0])
    binned = [_steps_and_neurons(trial, step, f"{name}, trial {number}") for number, trial in enumerate(trains)]
    numbers = [np.unique((steps * n_neurons + neurons)[steps < n_steps]) for steps, neurons in binned]
    _tell([steps for steps, _ in binned], n_steps, sum(map(len, numbers)), end, step, name)
    steps, neurons = np.divmod(np.concatenate(numbers), n_neurons)
    offsets = np.concatenate([[0], np.cumsum([len(spikes) for spikes in numbers])])
    return steps.astype(np.int32), neurons.astype(np.int32), offsets, n_neurons


def cut_out(times: np.ndarray, onsets: np.ndarray, length: float) -> list[np.ndarray]:
    """Of one neuron's spike times, those from each onset on for so long, counted from it; all in seconds.

    Examples
    --------
    >>> [part.tolist() for part in cut_out(np.array([0.5, 2.0, 2.5, 4.0]), np.array([0.0, 2.0]), 2.0)]
    [[0.5], [0.0, 0.5]]
    """
    times = np.sort(times)
    first, behind = np.searchsorted(times, onsets), np.searchsorted(times, onsets + length)
    return [times[a:b] - onset for a, b, onset in zip(first, behind, onsets, strict=True)]


def classes_of(values) -> np.ndarray:
    """Classes 0, 1, 2, ... of the values that trials have, in the order in which numpy sorts these."""
    return np.unique(np.asarray(values), return_inverse=True)[1]


def _checked_trials(trials, name: str) -> list[list[np.ndarray]]:
    """Trials as lists of arrays in seconds, one a neuron."""
    if not isinstance(trials, Sequence) or isinstance(trials, str) or len(trials) == 0:
        raise ShapeError(
            f"{name}: expected a list of trials, each a list with the spike times of every neuron, found "
            f"{'none' if isinstance(trials, Sequence) else type(trials).__name__}"
        )
    checked = []
    for number, trial in enumerate(trials):
        if not isinstance(trial, list | tuple):
            raise ShapeError(
                f"{name}: trial {number} must be a list with one array of spike times for each neuron, found "
                f"{type(trial).__name__}; of a single neuron it is [times]"
            )
        if len(trial) != len(trials[0]) or not trial:
            raise ShapeError(
                f"{name}: all trials need the same neurons, at least one, found {len(trials[0])} in trial 0 and "
                f"{len(trial)} in trial {number}; a silent neuron has the times []"
            )
        checked.append([_seconds(t, f"{name}, trial {number}, neuron {neuron}") for neuron, t in enumerate(trial)])
    return checked


def _seconds(times, where: str) -> np.ndarray:
    """One neuron's times; those of a silent one need no unit."""
    if np.size(times) == 0:
        return np.zeros(0)
    seconds = times_in_seconds(f"{where}: spike times", times)
    if seconds.ndim != 1:
        raise ShapeError(f"{where}: spike times must be an array (n_spikes,), found shape {seconds.shape}")
    return seconds


def _steps_and_neurons(trial: list[np.ndarray], step: float, where: str) -> tuple[np.ndarray, np.ndarray]:
    neurons = np.repeat(np.arange(len(trial)), [len(times) for times in trial])
    times = np.concatenate(trial)
    # the step in which Brian2's SpikeGeneratorGroup fires, as in SpikeBatch.from_times
    steps = np.floor(times / step + BRIAN_SHIFT)
    wrong = ~((steps >= 0) & (steps <= MAX_STEPS))
    if wrong.any():
        spike = int(np.argmax(wrong))
        raise SpikeError(
            f"{where}, neuron {neurons[spike]}: a spike at {times[spike] * second}; times must be finite and count "
            "from the trial's begin, so subtract when that is"
        )
    return steps.astype(np.int64), neurons


def _tell(trials: list[np.ndarray], n_steps: int, n_kept: int, end: float, step: float, name: str) -> None:
    """Warn of what is not as one would expect it, once; of trials the steps of all their spikes are given."""
    n_spikes = np.array([len(steps) for steps in trials])
    n_late = np.array([int((steps >= n_steps).sum()) for steps in trials])
    empty, other_clock = n_spikes == 0, (n_late == n_spikes) & (n_spikes > 0)
    cut = (n_late > 0) & ~other_clock
    total, merged = n_spikes.sum(), n_spikes.sum() - n_late.sum() - n_kept
    if total and n_late.sum() == total:
        first = min(steps.min() for steps in trials if len(steps)) * step
        raise SpikeError(
            f"{name}: all spikes come after the duration of {end * second}, the first at {first * second}. Let the "
            "times of each trial count from its begin, or give a longer duration"
        )
    found = []
    if empty.any():
        found.append(f"{_trials(empty)} without spikes")
    if other_clock.any():
        found.append(
            f"{_trials(other_clock)} with spikes only after the duration of {end * second}: their times may not count "
            "from the trial's begin"
        )
    if cut.any():
        found.append(
            f"{_trials(cut)} longer than {end * second}, of which {n_late[cut].sum():,} spikes are left out "
            f"({100 * n_late[cut].sum() / total:.2g} %)"
        )
    if merged:
        found.append(
            f"{merged:,} spikes ({100 * merged / total:.2g} %) in a step of {step * second} in which their neuron has "
            "fired already: they are merged; with a smaller dt fewer are"
        )
    if found:
        warnings.warn(f"{name}: there are {'; '.join(found)}", UserWarning, stacklevel=5)


def _trials(chosen: np.ndarray) -> str:
    return f"{chosen.sum():,} of {len(chosen):,} trials (the first: {int(np.argmax(chosen))})"

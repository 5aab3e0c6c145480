"""Trials from an NWB file: its table of units, cut at the onsets of its trials."""

from __future__ import annotations

import os
import warnings

import numpy as np
from brian2 import second

from hm2bp_brian.datasets.spike_times import classes_of, cut_out
from hm2bp_brian.errors import ExchangeError, UnknownNameError
from hm2bp_brian.exchange.packages import load_package
from hm2bp_brian.model.units import positive_time, times_in_seconds


def trials_of_nwb(file, labels, duration, onsets) -> tuple[list, np.ndarray]:
    """Spike times of each trial and neuron, and labels; see ``SpikeDataset.from_nwb``."""
    pynwb = load_package("pynwb", "nwb", "SpikeDataset.from_nwb")
    if isinstance(file, str | os.PathLike):
        with pynwb.NWBHDF5IO(os.fspath(file), "r") as io:
            return _trials(io.read(), labels, duration, onsets)
    if not isinstance(file, pynwb.NWBFile):
        raise ExchangeError(f"expected the path of an NWB file or a pynwb.NWBFile, found {type(file).__name__}")
    return _trials(file, labels, duration, onsets)


def _trials(nwb, labels, duration, onsets) -> tuple[list, np.ndarray]:
    length = positive_time("duration", duration)
    if nwb.units is None or "spike_times" not in nwb.units.colnames:
        raise ExchangeError("the NWB file has no table of units with spike_times")
    if onsets is None:
        begins = np.asarray(_column(nwb, "start_time"), dtype=np.float64)
        _warn_of_short_trials(np.asarray(_column(nwb, "stop_time"), dtype=np.float64) - begins, length)
    else:
        begins = times_in_seconds("onsets", onsets)
    if isinstance(labels, str):
        labels = classes_of(_column(nwb, labels))
    times = nwb.units["spike_times"]
    by_neuron = [cut_out(np.asarray(times[unit], dtype=np.float64), begins, length) for unit in range(len(nwb.units))]
    return [[part * second for part in trial] for trial in zip(*by_neuron, strict=True)], labels


def _column(nwb, name: str):
    if nwb.trials is None:
        raise ExchangeError("the NWB file has no table of trials: give onsets, with a unit, and labels as an array")
    if name not in nwb.trials.colnames:
        raise UnknownNameError("column of the NWB file's trials", name, nwb.trials.colnames)
    return nwb.trials[name][:]


def _warn_of_short_trials(lengths: np.ndarray, length: float) -> None:
    short = lengths < length * (1 - 1e-9)
    if short.any():
        warnings.warn(
            f"{short.sum():,} of {len(short):,} trials are shorter than the duration of {length * second}, the "
            f"shortest {lengths.min() * second}: what follows them is taken for a part of them",
            UserWarning,
            stacklevel=5,
        )

"""What a data set of spike trains checks: its arrays, and what a presentation of it leaves out."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.checks import check_integers
from hm2bp_brian.errors import ShapeError, SpikeError


def checked_spikes(name: str, steps, neurons, offsets, n_samples: int, n_neurons: int) -> tuple[np.ndarray, ...]:
    """Steps and neurons of the spikes as int32, and the samples' offsets as int64; see ``SpikeDataset``.

    Raises
    ------
    ShapeError
        If the arrays don't fit each other.
    SpikeError
        If steps or neurons are no integers or out of range, spikes are not sorted, or a neuron fires twice in a step.
    """
    steps, neurons = (
        check_integers(f"{name}: {what}", values, 0, high, dtype=np.int32, hint=hint, error=SpikeError)
        for what, values, high, hint in (
            ("steps", steps, None, "Divide spike times by dt and round them with numpy.rint(...).astype(int)"),
            ("neurons", neurons, n_neurons - 1, ""),
        )
    )
    offsets = check_integers(f"{name}: offsets", offsets, 0, error=ShapeError)
    if steps.ndim != 1 or steps.shape != neurons.shape:
        raise ShapeError(f"{name}: expected steps and neurons (n_spikes,), found {steps.shape} and {neurons.shape}")
    if offsets.shape != (n_samples + 1,) or offsets[0] != 0 or offsets[-1] != len(steps):
        raise ShapeError(
            f"{name}: offsets must be {n_samples + 1} numbers from 0 to {len(steps)}, the number of spikes; found "
            f"shape {offsets.shape}"
        )
    if (np.diff(offsets) < 0).any():
        raise ShapeError(f"{name}: offsets must not fall")
    _check_order(name, steps, neurons, offsets)
    return steps, neurons, offsets


def _check_order(name: str, steps: np.ndarray, neurons: np.ndarray, offsets: np.ndarray) -> None:
    if steps.size == 0:
        return
    rising = (steps[1:] > steps[:-1]) | ((steps[1:] == steps[:-1]) & (neurons[1:] > neurons[:-1]))
    starts = offsets[1:-1]
    rising[starts[(starts > 0) & (starts < len(steps))] - 1] = True
    if not rising.all():
        sample = int(np.searchsorted(offsets, int(np.argmin(rising)) + 1, "right")) - 1
        raise SpikeError(
            f"{name}: the spikes of sample {sample} are not sorted by step and neuron, or one is there twice"
        )


def what_is_late(late: np.ndarray, offsets: np.ndarray, last: int, n_steps: int) -> str:
    """What a presentation of ``n_steps`` steps does not show, in words.

    Parameters
    ----------
    late : bool array (n_spikes,)
        Which spikes come after it.
    offsets : int64 array (n_samples + 1,)
        Where each sample's spikes begin.
    last : int
        Steps that the longest sample has.
    n_steps : int
    """
    n_samples = len(offsets) - 1
    if late.size == 0:
        return f"there are no spikes in its {n_samples} samples"
    before = np.concatenate([[0], np.cumsum(late)])[offsets]
    cut, counts = np.diff(before), np.diff(offsets)
    silenced = int(((cut == counts) & (counts > 0)).sum())
    nothing = f", of {silenced} all spikes" if silenced else ""  # as those of events with a clock of their own
    empty = int((counts == 0).sum())
    nothing += f"; {empty} have no spikes at all" if empty else ""
    return (
        f"{(cut > 0).sum():,} of {n_samples:,} samples last longer than the presentation of {n_steps} steps, up to "
        f"{last}; what comes later is cut off: {100 * late.mean():.2g} % of all spikes{nothing}"
    )

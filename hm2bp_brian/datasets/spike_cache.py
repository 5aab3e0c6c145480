"""Encoded spikes on disk, so that a corpus is encoded once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hm2bp_brian.cache import cache_folder
from hm2bp_brian.errors import DatasetError
from hm2bp_brian.files import write_arrays
from hm2bp_brian.npz import ArrayFile

# Kind of number and dimensions of the arrays in a file; the types are the smallest that hold the values.
FORMAT = {"steps": ("u", 1), "neurons": ("u", 1), "offsets": ("i", 1)}

Spikes = tuple[np.ndarray, np.ndarray, np.ndarray]  # steps, neurons, offsets, as in SpikeDataset


def cached_spikes(name: str, encode: Callable[[], Spikes]) -> Spikes:
    """Spikes from the cache; if they are not there, or damaged, they are encoded and put there.

    A cache that can't be written is said in a warning and does no harm.

    Parameters
    ----------
    name : str
        Of the file without ``.npz``: it must tell everything that the spikes depend on.
    encode : function
        Returns the arrays (steps, neurons, offsets).
    """
    path = cache_folder() / "spikes" / f"{name}.npz"
    if (spikes := _read(path)) is not None:
        return spikes
    steps, neurons, offsets = encode()
    small = {"steps": _smallest(steps), "neurons": _smallest(neurons), "offsets": offsets}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, small, compressed=True)
    except OSError as error:
        warnings.warn(f"the spikes can't be kept in {path} ({error}); they are encoded anew next time", stacklevel=2)
    return steps, neurons, offsets


def _read(path: Path) -> Spikes | None:
    try:
        file = ArrayFile(path, "file of spikes", DatasetError)
        if {name: (header.dtype.kind, len(header.shape)) for name, header in file.headers.items()} != FORMAT:
            return None
        steps, neurons, offsets = (file.read(name) for name in FORMAT)
    except (OSError, DatasetError):
        return None
    whole = len(steps) == len(neurons) and len(offsets) and offsets[0] == 0 and offsets[-1] == len(steps)
    if not whole or (np.diff(offsets) < 0).any() or max(steps.max(initial=0), neurons.max(initial=0)) >= 2**31:
        return None
    return steps.astype(np.int32), neurons.astype(np.int32), offsets


def _smallest(array: np.ndarray) -> np.ndarray:
    return array.astype(np.min_scalar_type(array.max(initial=0)))

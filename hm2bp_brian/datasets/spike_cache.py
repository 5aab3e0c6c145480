"""Encoded spikes on disk, so that a corpus is encoded once."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hm2bp_brian.cache import cache_folder
from hm2bp_brian.files import write_arrays

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
        # through memory: numpy leaves a damaged file open
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            return arrays["steps"].astype(np.int32), arrays["neurons"].astype(np.int32), arrays["offsets"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _smallest(array: np.ndarray) -> np.ndarray:
    return array.astype(np.min_scalar_type(array.max(initial=0)))

"""Checkpoints: everything that training needs to go on bit for bit, in one .npz file without pickled objects."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from hm2bp_brian.errors import CheckpointError
from hm2bp_brian.files import write_arrays
from hm2bp_brian.training.history import COLUMNS

VERSION = 1
# What must be equal in the file and in the trainer, and what may have any length.
IDENTITY = ("version", "seed", "network/thresholds", "network/dt", "network/n_steps")
ANY_LENGTH = ("sample_weights", "history/columns", "history/table")


def save_checkpoint(path, trainer) -> None:
    """Write the trainer's state, with its seed and what identifies its network."""
    write_arrays(path, _identity(trainer) | trainer.state.arrays())


def load_checkpoint(path, trainer) -> None:
    """Put a trainer into the state that ``save_checkpoint`` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If the file is corrupt, or belongs to another network or kind of training. The trainer stays as it was.
    """
    arrays = read_arrays(path)
    _check(path, arrays, _identity(trainer) | trainer.state.arrays())
    trainer.state.restore(arrays)


def _identity(trainer) -> dict[str, np.ndarray]:
    network = trainer.network
    return {
        "version": np.array(VERSION),
        "seed": np.array(trainer.seed),
        "network/thresholds": np.array(network.thresholds),
        "network/dt": np.array(network.dt),
        "network/n_steps": np.array(network.n_steps),
    }


def read_arrays(path) -> dict[str, np.ndarray]:
    """All arrays of an .npz file; CheckpointError if it is none, or damaged."""
    content = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            # numpy stops reading a damaged array before the end at which zipfile compares the checksum
            damaged = archive.testzip()
        if damaged is not None:
            raise CheckpointError(f"{path} is corrupt: the checksum of {damaged} is wrong")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except CheckpointError:
        raise
    except Exception as error:  # zipfile and numpy raise many unrelated classes for damaged files
        raise CheckpointError(f"{path} is no checkpoint, or corrupt: {error}") from error


def _check(path, arrays: dict[str, np.ndarray], template: dict[str, np.ndarray]) -> None:
    for name in sorted(set(arrays) | set(template)):
        found, expected = _describe(name, arrays.get(name)), _describe(name, template.get(name))
        if found != expected:
            raise CheckpointError(
                f"{path} belongs to another network or training: '{name}' should be {expected}, found {found}"
            )
    columns, table = arrays["history/columns"], arrays["history/table"]
    if not set(COLUMNS) <= set(columns) or table.shape[1] != len(columns):
        raise CheckpointError(f"{path}: the columns of the history don't fit its table: {list(columns)}, {table.shape}")


def _describe(name: str, array: np.ndarray | None) -> str:
    """All that must be the same in file and trainer, in words."""
    if array is None:
        return "absent"
    if not isinstance(array, np.ndarray):
        return "no array"
    if name in IDENTITY:
        return str(array.tolist())
    if name in ANY_LENGTH:
        return f"{array.ndim}-dimensional of kind '{array.dtype.kind}'"
    return f"{array.dtype} of shape {array.shape}"

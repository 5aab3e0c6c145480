"""Checkpoints: everything that training needs to go on bit for bit, in one .npz file without pickled objects."""

from __future__ import annotations

import re

import numpy as np

from hm2bp_brian.errors import CheckpointError, DatasetError
from hm2bp_brian.files import write_arrays
from hm2bp_brian.npz import ArrayFile, ArrayHeader
from hm2bp_brian.training.averaging import WeightAverage
from hm2bp_brian.training.history import History
from hm2bp_brian.training.state import TrainingState

VERSION = 1
# What must be equal in the file and in the trainer, and what may have any length.
IDENTITY = ("version", "seed", "network/thresholds", "network/dt", "network/n_steps")
OF_TRAINING_ONLY = ("optimizer/", "sample_weights")
ANY_LENGTH = ("sample_weights", "history/columns", "history/table")
NOT_NEGATIVE = re.compile(r"epoch|(optimizer|average)/updates|optimizer/v_\d+|sample_weights")
LARGEST_COUNT = 2**53  # leaves room to count on


def save_checkpoint(path, trainer) -> None:
    """Write the trainer's state, with its seed and what identifies its network."""
    write_arrays(path, _identity(trainer.network, trainer.seed) | trainer.state.arrays())


def load_checkpoint(path, trainer) -> None:
    """Put a trainer into the state that ``save_checkpoint`` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If the file is corrupt, or belongs to another network or kind of training. The trainer stays as it was.
    """
    _load(path, trainer.state, _identity(trainer.network, trainer.seed))


def load_evaluated(path, network, seed: int, average: WeightAverage | None) -> TrainingState:
    """Read from a checkpoint what is needed to look at the network, without the optimizer's part.

    The network gets the weights that are evaluated.

    Parameters
    ----------
    path : path
    network : SpikingNetwork
        With weights of the dtype of the training.
    seed : int
        That of the training.
    average : WeightAverage or None

    Raises
    ------
    FileNotFoundError, CheckpointError
        As `load_checkpoint`.
    """
    state = TrainingState(network.parameters, {}, None if average is None else average.init(network.parameters))
    _load(path, state, _identity(network, seed), ignored=OF_TRAINING_ONLY)
    if average is not None and state.average["updates"]:
        network.parameters = average.weights(state.average)
    return state


def _load(path, state: TrainingState, identity: dict[str, np.ndarray], ignored: tuple[str, ...] = ()) -> None:
    file, template = ArrayFile(path, "checkpoint", CheckpointError), identity | state.arrays()
    _check_headers(file, template, ignored)
    arrays = {name: file.read(name) for name in template}
    _check_values(path, arrays, template)
    state.restore(arrays)


def _identity(network, seed: int) -> dict[str, np.ndarray]:
    return {
        "version": np.array(VERSION),
        "seed": np.array(seed),
        "network/thresholds": np.array(network.thresholds),
        "network/dt": np.array(network.dt),
        "network/n_steps": np.array(network.n_steps),
    }


def _check_headers(file: ArrayFile, template: dict[str, np.ndarray], ignored: tuple[str, ...]) -> None:
    """Refuse the file, before any array is unpacked, unless its arrays are those of the template."""
    for name in sorted(set(template) | {name for name in file.headers if not name.startswith(ignored)}):
        header, like = file.headers.get(name), template.get(name)
        if header is None or like is None or not _is_like(name, header, like):
            raise CheckpointError(
                f"{file.path} belongs to another network or training: '{name}' should be {_describe(name, like)}, "
                f"found {'absent' if header is None else header}"
            )
        if name in ANY_LENGTH:
            file.check_free(name)


def _is_like(name: str, header: ArrayHeader, like: np.ndarray) -> bool:
    if name in ANY_LENGTH:
        # the length of a string is part of its dtype
        return len(header.shape) == like.ndim and (
            header.dtype == like.dtype or header.dtype.kind == like.dtype.kind == "U"
        )
    return header.shape == like.shape and header.dtype == like.dtype


def _describe(name: str, like: np.ndarray | None) -> str:
    if like is None:
        return "absent"
    if name in ANY_LENGTH:
        return f"{like.ndim}-dimensional {like.dtype}"
    return f"{like.dtype} of shape {like.shape}"


def _check_values(path, arrays: dict[str, np.ndarray], template: dict[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if name in IDENTITY and not np.array_equal(array, template[name]):
            raise CheckpointError(
                f"{path} belongs to another network or training: '{name}' should be {template[name].tolist()}, found "
                f"{array.tolist()}"
            )
        if name != "history/table":  # what was not measured is NaN there
            check_values(path, name, array)
    try:
        history = History.from_table(arrays["history/columns"].tolist(), arrays["history/table"])
    except DatasetError as error:
        raise CheckpointError(f"{path}: {error}") from error
    if history and history[-1]["epoch"] != arrays["epoch"]:
        raise CheckpointError(
            f"{path} is corrupt: it is of epoch {arrays['epoch']}, but its history ends with {history[-1]['epoch']}"
        )


def check_values(path, name: str, array: np.ndarray) -> None:
    """Raise CheckpointError if an array of a file holds NaN, infinity, or a negative or impossible count."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise CheckpointError(f"{path} is corrupt: '{name}' holds NaN or infinity")
    largest = LARGEST_COUNT if array.dtype.kind == "i" else np.inf
    if NOT_NEGATIVE.fullmatch(name) and not ((array >= 0) & (array <= largest)).all():
        raise CheckpointError(f"{path} is corrupt: '{name}' should lie in 0..{largest}, found {array.tolist()}")

"""Data sets made of what users have in memory: a pair (X, y)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.datasets.labelled import ImageDataset, SpikeDataset, check_dataset
from hm2bp_brian.encoding.images import checked_images
from hm2bp_brian.errors import ShapeError
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True, eq=False, repr=False)
class ArrayDataset(ImageDataset):
    """Labelled arrays of any one shape, ``images`` of shape ``(n, *shape)``: uint8, or floats in 0..1."""

    def _check_images(self, images: np.ndarray) -> None:
        checked_images(images, f"{self.name}: X")


def as_dataset(name: str, value, n_classes: int, n_steps: int | None = None):
    """A data set as it is, or one made of a pair.

    Parameters
    ----------
    name : str
        What it is, for messages.
    value : data set, or (X, y)
        X are images or features ``(n, *shape)``, uint8 or floats in 0..1; or spikes: a SpikeBatch, or a boolean array
        ``(n, n_steps, *shape)``. y are labels as those of an ImageDataset.
    n_classes : int
        Of a pair.
    n_steps : int, optional
        Of a presentation, which the spikes of a pair must fill.

    Raises
    ------
    ConfigurationError
        If it is neither.
    ShapeError, LabelError, ConfigurationError, SpikeError
        As `ImageDataset` and `SpikeBatch.from_dense`, and if spikes have other steps.

    Examples
    --------
    >>> as_dataset("train", (np.eye(2, dtype=bool)[:, :, np.newaxis], [0, 1]), 2)
    SpikeDataset(train, 2 samples of 2 steps and shape (1,), 2 classes)
    """
    if not isinstance(value, tuple) or len(value) != 2:
        check_dataset(name, value)
        return value
    X, y = value
    if isinstance(X, np.ndarray) and X.dtype == bool:
        X = SpikeBatch.from_dense(X)
    if isinstance(X, SpikeBatch):
        if n_steps not in (None, X.n_steps):
            raise ShapeError(
                f"{name}: X has {X.n_steps} steps, but a presentation {n_steps}; change duration= of the network, cut "
                "X, or add empty steps to it"
            )
        return SpikeDataset(X.steps, X.neurons, X.offsets[:: X.n_steps], y, X.shape, n_classes, name)
    return ArrayDataset(X, y, n_classes, name)

"""What the kinds of data sets check alike: arrays, labels, selections of samples."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.checks import check_count, check_integers
from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError
from hm2bp_brian.learning.losses import check_wanted_counts, warn_of_one_hot


def as_array(name: str, field_name: str, value) -> np.ndarray:
    """The value as one array; ShapeError if it is none."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{name}: {field_name} must be one array, found sequences of different lengths") from error


def checked_labels(name: str, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Classes as int64 (n,), or wanted counts as float64 (n, n_classes); LabelError unless they are one of these."""
    n_classes = check_count(f"{name}: n_classes", n_classes)
    if labels.ndim == 2:
        warn_of_one_hot(labels, f"{name}: ")
        return check_wanted_counts(labels, len(labels), n_classes, f"{name}: ")
    return check_integers(f"{name}: labels", labels, 0, n_classes - 1, error=LabelError)


def count_classes(labels: np.ndarray) -> int:
    """Number of classes of labels that are yet to be checked: one more than the largest, or of their wanted counts."""
    if labels.ndim == 2:
        return labels.shape[1]
    return int(labels.max()) + 1 if labels.dtype.kind in "iu" and labels.size and labels.max() >= 0 else 1


def checked_selection(name: str, selection, available: int) -> np.ndarray:
    """Indices of the samples of a subset: a count, or indices; ConfigurationError if it is empty or out of range."""
    hint = "A subset is a count or a sequence of indices; for a boolean mask pass numpy.flatnonzero(mask)"
    if np.ndim(selection) == 0:
        count = check_integers(f"{name}: the samples of a subset", selection, 1, available, hint=hint)
        return np.arange(int(count))
    selection = check_integers(f"{name}: indices", selection, 0, available - 1, hint=hint)
    if selection.ndim != 1 or selection.size == 0:
        raise ConfigurationError(f"{name}: expected at least one index (n,), found shape {selection.shape}. {hint}")
    return selection

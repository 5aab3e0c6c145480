"""Weights of training samples, which multiply the samples' errors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hm2bp_brian.checks import check_integer
from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.learning.losses import check_labels
from hm2bp_brian.model.units import DIMENSIONLESS, to_array, to_float

BALANCED = "balanced"


def make_sample_weights(labels: np.ndarray, n_classes: int, sample_weight=None, class_weight=None):
    """What multiplies the errors of each sample.

    Parameters
    ----------
    labels : array (n_samples,), or (n_samples, n_classes)
        Classes, or wanted counts, which have no ``class_weight``.
    n_classes : int
    sample_weight : array (n_samples,), optional
    class_weight : dict of int to float, or "balanced", optional
        Weight of each class, 1 for those that are not named; or such that all classes weigh the same, and samples 1 on
        average: n_samples / (n_classes_found * n_samples_of_the_class).

    Returns
    -------
    float64 array (n_samples,) or None
        The product of both; None if neither is given.

    Raises
    ------
    ConfigurationError, ShapeError, UnitError, LabelError
        If there is not one weight a sample, a weight is negative or not finite, all are 0, there is no such class, or
        labels are no classes.

    Examples
    --------
    >>> make_sample_weights(np.array([0, 0, 0, 2]), 3, class_weight="balanced").tolist()
    [0.6666666666666666, 0.6666666666666666, 0.6666666666666666, 2.0]
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = np.ones(len(labels))
    if sample_weight is not None:
        weights = weights * check_weights("sample_weight", sample_weight, len(labels))
    if class_weight is not None:
        labels = check_labels(labels, len(labels), n_classes)
        weights = weights * _of_classes(class_weight, labels, n_classes)[labels]
    if not weights.any():
        raise ConfigurationError(
            "the weight of every sample is zero, by sample_weight or class_weight; nothing would be learned"
        )
    return weights


def product(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    """Product of weights, of which one or both may be missing."""
    if first is None or second is None:
        return second if first is None else first
    return first * second


def check_weights(name: str, weights, n_samples: int) -> np.ndarray:
    """The weights as float64 (n_samples,); ConfigurationError, ShapeError, UnitError as `make_sample_weights`."""
    weights = to_array(name, weights, DIMENSIONLESS).astype(np.float64)
    if weights.shape != (n_samples,):
        raise ShapeError(f"{name} must have one weight a sample, shape ({n_samples},), found {weights.shape}")
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        sample = int(np.argmax(wrong))
        raise ConfigurationError(f"{name} must be finite and >= 0, found {weights[sample]} at sample {sample}")
    return weights


def _of_classes(class_weight, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Weight of each class, (n_classes,)."""
    if isinstance(class_weight, str) and class_weight == BALANCED:
        counts = np.bincount(labels, minlength=n_classes)
        return len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    if not isinstance(class_weight, Mapping):
        raise ConfigurationError(
            f"class_weight must be 'balanced' or a dict of class to weight, such as {{0: 1, 1: 5}}; found "
            f"{class_weight!r}"
        )
    weights = np.ones(n_classes)
    for label, weight in class_weight.items():
        label = check_integer("a class of class_weight", label, 0, n_classes - 1)
        weights[label] = to_float(f"class_weight[{label}]", weight)
    return check_weights("class_weight", weights, n_classes)

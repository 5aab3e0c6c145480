"""Sample boosting: what an epoch got wrong weighs more in the next."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.learning.losses import check_labels

# A wrong sample's weight is multiplied by exp(error rate of its class / ERROR_SCALE).
ERROR_SCALE = 20.0


def first_sample_weights(weights: np.ndarray | None, labels: np.ndarray, n_classes: int) -> np.ndarray | None:
    """Weights with which boosting begins, or goes on; None without boosting.

    LabelError if labels are no classes, ConfigurationError if the weights are those of other samples.
    """
    if weights is None:
        return None
    labels = check_labels(labels, len(labels), n_classes)
    if weights.size == 0:
        return np.ones(len(labels))
    if len(weights) != len(labels):
        raise ConfigurationError(
            f"boosting goes on with the same training samples: there are weights of {len(weights)}, found "
            f"{len(labels)} samples. Make a new Trainer for other data"
        )
    return weights


def boost_sample_weights(sample_weights, correct, labels, n_classes: int) -> np.ndarray:
    """Weights of the samples for the next epoch.

    The weight of each wrong sample is multiplied by exp(err/20), where err is the weighted error rate of its class:
    the weight of the class's wrong samples as a fraction of the weight of all its samples.

    Parameters
    ----------
    sample_weights : array (n_samples,)
        Weights of the epoch that ended; ones in the first.
    correct : bool array (n_samples,)
        Which samples were classified correctly.
    labels : int array (n_samples,)
    n_classes : int

    Returns
    -------
    float64 array (n_samples,)

    Raises
    ------
    ShapeError, LabelError
        If the three arrays are not of one length, or a label is out of range.
    ConfigurationError
        If a weight is not positive and finite.
    """
    weights = np.asarray(sample_weights, dtype=np.float64)
    wrong = ~np.asarray(correct, dtype=bool)
    if weights.ndim != 1 or wrong.shape != weights.shape:
        raise ShapeError(
            f"sample_weights and correct must both be (n_samples,), found {weights.shape} and {wrong.shape}"
        )
    labels = check_labels(labels, len(weights), n_classes)
    if not (np.isfinite(weights) & (weights > 0)).all():
        sample = int(np.argmin(np.isfinite(weights) & (weights > 0)))
        raise ConfigurationError(f"sample_weights must be positive and finite, found {weights[sample]} at {sample}")
    of_class = np.bincount(labels, weights, n_classes)
    wrong_of_class = np.bincount(labels, weights * wrong, n_classes)
    error_rate = wrong_of_class[labels] / of_class[labels]
    return weights * np.where(wrong, np.exp(error_rate / ERROR_SCALE), 1.0)

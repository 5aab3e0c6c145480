"""The macro level error: spike counts against desired counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError
from hm2bp_brian.model.units import to_float


def check_labels(labels, n_samples: int, n_classes: int) -> np.ndarray:
    """Labels as an int64 array (n_samples,) with values in 0..n_classes - 1.

    Raises
    ------
    LabelError
        If they are no integers, not one a sample, or out of range.
    """
    labels = np.asarray(labels)
    if labels.shape != (n_samples,):
        raise LabelError(f"expected one label a sample, shape ({n_samples},), found shape {labels.shape}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise LabelError(f"labels must be integers, the index of the class; found dtype {labels.dtype}")
    wrong = (labels < 0) | (labels >= n_classes)
    if wrong.any():
        sample = int(np.argmax(wrong))
        raise LabelError(
            f"labels must lie in 0..{n_classes - 1}, the index of an output neuron; found {labels[sample]} at sample "
            f"{sample}"
        )
    return labels.astype(np.int64)


@dataclass(frozen=True)
class SpikeCountLoss:
    """E = 1/2 ||o - y||², o the spike counts of the output neurons, y the counts that are wanted.

    Parameters
    ----------
    desired, undesired : int
        Wanted spike count of the output neuron of the sample's class, and of the others.
    margin : float
        A count at most this far from the wanted one is no error.

    Raises
    ------
    ConfigurationError
        Unless desired > undesired >= 0, both whole numbers, and margin >= 0.
    """

    desired: int = 35
    undesired: int = 5
    margin: float = 5

    def __post_init__(self):
        for name in ("desired", "undesired"):
            value, expected = getattr(self, name), "a whole number of spikes"
            if not to_float(f"SpikeCountLoss.{name}", value, expected=expected).is_integer():
                raise ConfigurationError(f"SpikeCountLoss.{name} must be {expected}, found {value!r}")
        if not self.desired > self.undesired >= 0:
            raise ConfigurationError(
                "SpikeCountLoss needs desired > undesired >= 0, "
                f"found desired={self.desired!r}, undesired={self.undesired!r}"
            )
        if to_float("SpikeCountLoss.margin", self.margin, expected="finite and >= 0") < 0:
            raise ConfigurationError(f"SpikeCountLoss.margin must be finite and >= 0, found {self.margin!r}")

    def targets(self, labels, n_outputs: int) -> np.ndarray:
        """Wanted counts y, float64 (batch, n_outputs); LabelError if a label is no output's index."""
        labels = check_labels(labels, len(np.atleast_1d(labels)), n_outputs)
        targets = np.full((len(labels), n_outputs), float(self.undesired))
        targets[np.arange(len(labels)), labels] = self.desired
        return targets

    def errors(self, counts, labels) -> np.ndarray:
        """o - y, float64 (batch, n_outputs), set to 0 where at most ``margin``.

        Parameters
        ----------
        counts : array (batch, n_outputs)
            Spike counts o of the output neurons.
        labels : int array (batch,)

        Raises
        ------
        ShapeError, LabelError
        """
        counts = np.asarray(counts)
        if counts.ndim != 2:
            raise ShapeError(f"counts must be (batch, n_outputs), found shape {counts.shape}")
        n_samples, n_outputs = counts.shape
        errors = counts - self.targets(check_labels(labels, n_samples, n_outputs), n_outputs)
        return np.where(np.abs(errors) <= self.margin, 0.0, errors)

    def values(self, counts, labels) -> np.ndarray:
        """E of each sample, float64 (batch,), of the errors that :meth:`errors` leaves."""
        return 0.5 * (self.errors(counts, labels) ** 2).sum(axis=1)

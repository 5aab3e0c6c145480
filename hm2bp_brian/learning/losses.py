"""The macro level error: spike counts against desired counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.errors import ConfigurationError, LabelError, NumericalError, ShapeError
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


@dataclass(frozen=True, eq=False)
class StandIns:
    """Silent output neurons that are to fire: in the backward pass only, a regular train takes the place of theirs.

    Parameters
    ----------
    samples, neurons : int64 arrays (n,)
        Which neuron in which sample.
    n_spikes : int
        Spikes of each train.
    """

    samples: np.ndarray
    neurons: np.ndarray
    n_spikes: int

    @classmethod
    def of_silent_targets(cls, counts: np.ndarray, labels: np.ndarray, n_spikes: int) -> StandIns:
        """For each sample in which the output neuron of its class is silent."""
        silent = np.flatnonzero(counts[np.arange(len(labels)), labels] == 0)
        return cls(silent, labels[silent], n_spikes)


@dataclass(frozen=True, eq=False)
class Errors:
    """What a loss says of a batch: all that the backward pass needs to know of it.

    Parameters
    ----------
    values : float64 array (n_samples,)
        Loss of each sample.
    d_counts : float64 array (n_samples, n_outputs)
        Its derivative with respect to the spike counts of the output neurons.
    stand_ins : StandIns
    """

    values: np.ndarray
    d_counts: np.ndarray
    stand_ins: StandIns

    def check(self, counts: np.ndarray) -> None:
        """Raise ShapeError, NumericalError unless these are finite errors of a batch with such output counts."""
        n_samples, n_outputs = counts.shape
        found, expected = (self.values.shape, self.d_counts.shape), ((n_samples,), (n_samples, n_outputs))
        if found != expected:
            raise ShapeError(f"the errors of this batch must have values and d_counts of {expected}, found {found}")
        finite = np.isfinite(self.values) & np.isfinite(self.d_counts).all(axis=1)
        if not finite.all():
            raise NumericalError(f"the loss of sample {int(np.argmin(finite))} or its derivative is not finite")
        chosen = self.stand_ins
        for name, index, size in (("samples", chosen.samples, n_samples), ("neurons", chosen.neurons, n_outputs)):
            if len(index) and not 0 <= index.min() <= index.max() < size:
                raise ShapeError(f"{name} of stand-ins must lie in 0..{size - 1}, found {index.min()}..{index.max()}")

    def weighted(self, sample_weights) -> Errors:
        """The same with a factor for each sample.

        Raises
        ------
        ShapeError, ConfigurationError
            If there is not one weight a sample, or one is negative or not finite.
        """
        weights = np.asarray(sample_weights, dtype=np.float64)
        if weights.shape != self.values.shape:
            raise ShapeError(f"sample_weights must have shape {self.values.shape}, found {weights.shape}")
        wrong = ~(np.isfinite(weights) & (weights >= 0))
        if wrong.any():
            sample = int(np.argmax(wrong))
            raise ConfigurationError(f"sample_weights must be finite and >= 0, found {weights[sample]} at {sample}")
        return Errors(self.values * weights, self.d_counts * weights[:, np.newaxis], self.stand_ins)


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

    Examples
    --------
    >>> loss = hb.SpikeCountLoss(desired=20, undesired=3, margin=3)
    >>> loss.errors(np.array([[15, 4]]), np.array([0])).d_counts.tolist()
    [[-5.0, 0.0]]
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

    def errors(self, counts, labels) -> Errors:
        """What the counts lack, for the backward pass.

        Parameters
        ----------
        counts : array (n_samples, n_outputs)
            Spike counts o of the output neurons.
        labels : int array (n_samples,)

        Returns
        -------
        Errors
            ``d_counts`` is o - y, set to 0 where at most ``margin``; ``values`` is E of what it leaves. Silent neurons
            of the samples' classes get ``desired`` spikes as stand-ins.

        Raises
        ------
        ShapeError, LabelError
        """
        counts = np.asarray(counts)
        if counts.ndim != 2:
            raise ShapeError(f"counts must be (batch, n_outputs), found shape {counts.shape}")
        n_samples, n_outputs = counts.shape
        labels = check_labels(labels, n_samples, n_outputs)
        differences = counts - self.targets(labels, n_outputs)
        d_counts = np.where(np.abs(differences) <= self.margin, 0.0, differences)
        stand_ins = StandIns.of_silent_targets(counts, labels, self.desired)
        return Errors(0.5 * (d_counts**2).sum(axis=1), d_counts, stand_ins)

"""The macro level error: losses of the output spike counts, and their derivatives."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_count
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


def check_wanted_counts(counts, n_samples: int, n_outputs: int, where: str = "") -> np.ndarray:
    """Wanted spike counts as a float64 array (n_samples, n_outputs); LabelError unless they are finite and >= 0."""
    counts = np.asarray(counts)
    if counts.shape != (n_samples, n_outputs) or counts.dtype.kind not in "iuf":
        raise LabelError(
            f"{where}labels must be classes (n,) or the wanted spike counts of the output neurons "
            f"({n_samples}, {n_outputs}), found {counts.dtype} of shape {counts.shape}"
        )
    possible = np.isfinite(counts) & (counts >= 0)
    if not possible.all():
        sample, neuron = (int(i) for i in np.argwhere(~possible)[0])
        raise LabelError(
            f"{where}wanted spike counts must be finite and >= 0, found {counts[sample, neuron]} at sample {sample}, "
            f"output neuron {neuron}"
        )
    return counts.astype(np.float64)


def warn_of_one_hot(counts: np.ndarray, where: str = "") -> None:
    """Warn (UserWarning) if wanted spike counts (n_samples, n_outputs) look like classes in one-hot form."""
    if counts.shape[1] > 1 and np.isin(counts, (0, 1)).all() and (counts.sum(axis=1) == 1).all():
        warnings.warn(
            f"{where}labels of shape {counts.shape} are wanted spike counts, and these want one spike of one neuron in "
            "each sample; if they are classes in one-hot form, give labels.argmax(axis=1)",
            UserWarning,
            stacklevel=3,
        )


def check_targets(labels, n_samples: int, n_outputs: int) -> np.ndarray:
    """Classes, checked by `check_labels`, or wanted counts (n_samples, n_outputs), by `check_wanted_counts`."""
    check = check_wanted_counts if np.ndim(labels) == 2 else check_labels
    return check(labels, n_samples, n_outputs)


@dataclass(frozen=True, eq=False)
class StandIns:
    """Silent output neurons that are to fire: in the backward pass only, a regular train takes the place of theirs.

    Parameters
    ----------
    samples, neurons : int64 arrays (n,)
        Which neuron in which sample.
    n_spikes : int, or int array (n,)
        Spikes of all trains, or of each.
    """

    samples: np.ndarray
    neurons: np.ndarray
    n_spikes: int | np.ndarray

    @classmethod
    def of_silent_targets(cls, counts: np.ndarray, labels: np.ndarray, n_spikes: int) -> StandIns:
        """For each sample in which the output neuron of its class is silent."""
        silent = np.flatnonzero(counts[np.arange(len(labels)), labels] == 0)
        return cls(silent, labels[silent], n_spikes)

    @classmethod
    def of_wanted_counts(cls, counts: np.ndarray, wanted: np.ndarray) -> StandIns:
        """As many spikes as are wanted, rounded, of each output neuron that is silent."""
        n_spikes = np.rint(wanted).astype(np.int64)
        samples, neurons = np.nonzero((counts == 0) & (n_spikes > 0))
        return cls(samples, neurons, n_spikes[samples, neurons])


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
        """Raise an error unless these are finite errors for such output counts, with stand-ins of silent neurons."""
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
        fired = counts[chosen.samples, chosen.neurons]
        if fired.any():
            one = int(np.argmax(fired))
            raise ConfigurationError(
                f"stand-ins are for silent output neurons; neuron {chosen.neurons[one]} fired in sample "
                f"{chosen.samples[one]}"
            )
        if len(np.unique(chosen.samples * n_outputs + chosen.neurons)) < len(chosen.samples):
            raise ConfigurationError("stand-ins name a neuron of a sample twice; give each silent neuron one train")

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


class Loss(ABC):
    """A loss of the spike counts o of the output neurons; one of your own has two methods, `values` and `d_counts`.

    Attributes
    ----------
    desired : int
        Spikes of the train that stands in, in the backward pass only, where the neuron of a sample's class is silent.

    Examples
    --------
    >>> class Hinge(Loss):
    ...     def values(self, counts, labels):
    ...         return np.maximum(10 - counts[np.arange(len(labels)), labels], 0)
    ...
    ...     def d_counts(self, counts, labels):
    ...         return -np.eye(counts.shape[1])[labels] * (counts < 10)
    >>> Hinge().errors([[4, 3], [2, 12]], [0, 1]).values.tolist()
    [6, 0]
    """

    desired: int = 20

    @abstractmethod
    def values(self, counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Loss of each sample (n_samples,), of counts (n_samples, n_outputs) and the samples' labels."""

    @abstractmethod
    def d_counts(self, counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Derivative of each sample's loss with respect to its counts, (n_samples, n_outputs)."""

    def check_labels(self, labels, n_samples: int, n_outputs: int) -> np.ndarray:
        """The labels that the loss takes: here classes, int64 (n_samples,); LabelError if they are none."""
        return check_labels(labels, n_samples, n_outputs)

    def stand_ins(self, counts: np.ndarray, labels: np.ndarray) -> StandIns:
        """Which silent neurons get a train: here those of the samples' classes."""
        return StandIns.of_silent_targets(counts, labels, self.desired)

    def errors(self, counts, labels) -> Errors:
        """What the counts lack, for the backward pass.

        Parameters
        ----------
        counts : array (n_samples, n_outputs)
            Spike counts o of the output neurons.
        labels : int array (n_samples,)
            Classes, or whatever else the loss takes.

        Raises
        ------
        ShapeError, LabelError
        """
        counts = np.asarray(counts)
        if counts.ndim != 2:
            raise ShapeError(f"counts must be (batch, n_outputs), found shape {counts.shape}")
        labels = self.check_labels(labels, *counts.shape)
        return Errors(self.values(counts, labels), self.d_counts(counts, labels), self.stand_ins(counts, labels))


@dataclass(frozen=True)
class SpikeCountLoss(Loss):
    """E = 1/2 ||o - y||², o the spike counts of the output neurons, y the counts that are wanted.

    Labels are classes, or the wanted counts y (n_samples, n_outputs) themselves: then ``desired`` and ``undesired`` are
    not used, and each silent neuron with a wanted count gets so many spikes as a stand-in.

    Parameters
    ----------
    desired, undesired : int
        Wanted spike count of the output neuron of the sample's class, and of the others.
    margin : float
        A count at most this far from the wanted one is no error: its derivative is 0, and so is its part of E.

    Raises
    ------
    ConfigurationError
        Unless desired > undesired >= 0, both whole numbers, and margin >= 0.

    Examples
    --------
    >>> SpikeCountLoss(10, 2, margin=1).errors([[4, 3]], [0]).d_counts
    array([[-6.,  0.]])
    >>> SpikeCountLoss(margin=0).errors([[4, 3]], [[4.5, 1]]).d_counts
    array([[-0.5,  2. ]])
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

    def check_labels(self, labels, n_samples: int, n_outputs: int) -> np.ndarray:
        """Classes, or wanted counts; LabelError if they are neither."""
        return check_targets(labels, n_samples, n_outputs)

    def targets(self, labels, n_outputs: int) -> np.ndarray:
        """Wanted counts y, float64 (batch, n_outputs); LabelError if a label is no output's index."""
        labels = self.check_labels(labels, len(np.atleast_1d(labels)), n_outputs)
        if labels.ndim == 2:
            return labels
        targets = np.full((len(labels), n_outputs), float(self.undesired))
        targets[np.arange(len(labels)), labels] = self.desired
        return targets

    def values(self, counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """E of what the margin leaves, (n_samples,)."""
        return 0.5 * (self.d_counts(counts, labels) ** 2).sum(axis=1)

    def d_counts(self, counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """o - y, set to 0 where at most ``margin``; (n_samples, n_outputs)."""
        differences = counts - self.targets(labels, counts.shape[1])
        return np.where(np.abs(differences) <= self.margin, 0.0, differences)

    def stand_ins(self, counts: np.ndarray, labels: np.ndarray) -> StandIns:
        """``desired`` spikes for the silent neurons of the samples' classes, or the wanted counts of all silent."""
        return StandIns.of_wanted_counts(counts, labels) if labels.ndim == 2 else super().stand_ins(counts, labels)


@dataclass(frozen=True)
class CrossEntropyLoss(Loss):
    """E = -log p_c, p the softmax of ``scale`` o, c the sample's class: counts are compared, none is wanted.

    Nothing holds the counts up, so that neurons may fall silent, and come back slowly; ``rate=RateBand(...)`` of their
    layer keeps them firing.

    Parameters
    ----------
    scale : float
        How sure a spike more makes: n spikes more than another neuron are exp(scale n) times its probability.
    desired : int
        Spikes that stand in for the silent neuron of a sample's class, in the backward pass only.

    Raises
    ------
    ConfigurationError
        Unless scale > 0, and ``desired`` is a positive integer.

    Examples
    --------
    >>> errors = CrossEntropyLoss(scale=0.5).errors([[4, 4]], [0])
    >>> errors.values.round(4), errors.d_counts
    (array([0.6931]), array([[-0.25,  0.25]]))
    """

    scale: float = 0.2
    desired: int = 20

    def __post_init__(self):
        if to_float("CrossEntropyLoss.scale", self.scale, expected="finite and above 0") <= 0:
            raise ConfigurationError(f"CrossEntropyLoss.scale must be finite and above 0, found {self.scale!r}")
        check_count("CrossEntropyLoss.desired", self.desired)

    def values(self, counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """-log p_c of each sample, (n_samples,)."""
        return -self._log_softmax(counts)[np.arange(len(labels)), labels]

    def d_counts(self, counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """scale (p - 1) for the neuron of the class, scale p for the others; (n_samples, n_outputs)."""
        derivatives = np.exp(self._log_softmax(counts))
        derivatives[np.arange(len(labels)), labels] -= 1
        return self.scale * derivatives

    def _log_softmax(self, counts: np.ndarray) -> np.ndarray:
        scaled = self.scale * (counts - counts.max(axis=1, keepdims=True).astype(np.float64))
        return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))

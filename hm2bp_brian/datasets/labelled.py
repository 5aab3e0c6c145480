"""What a data set is: labelled images, or labelled spike trains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.encoding.events import bin_events
from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError, SpikeError
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Labelled images of one size.

    Parameters
    ----------
    images : uint8 array (n, height, width, channels)
    labels : int64 array (n,)
        Classes, in 0..n_classes-1.
    n_classes : int
    name : str

    Raises
    ------
    ShapeError
        If the shapes don't fit each other, or there is no image.
    ConfigurationError
        If the images are not uint8.
    LabelError
        If a label is no integer in 0..n_classes-1.
    """

    images: np.ndarray
    labels: np.ndarray
    n_classes: int
    name: str

    def __post_init__(self):
        images, labels = np.asarray(self.images), np.asarray(self.labels)
        if images.ndim != 4 or labels.shape != images.shape[:1] or images.size == 0:
            raise ShapeError(
                f"{self.name}: expected images (n, height, width, channels) and labels (n,) with n at least 1, "
                f"found {images.shape} and {labels.shape}"
            )
        if images.dtype != np.uint8:
            raise ConfigurationError(f"{self.name}: images must be uint8 (pixels 0..255), found {images.dtype}")
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", _checked_labels(self.name, labels, self.n_classes))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image, which is that of the network's input."""
        return self.images.shape[1:]

    def batch(self, indices, n_steps: int) -> np.ndarray:
        """Some of the images; a presentation's length does not matter to them."""
        return self.images[indices]

    def subset(self, selection) -> ImageDataset:
        """Some of the images, in the order given.

        Parameters
        ----------
        selection : int or sequence of int
            A count (the first so many images) or their indices, in 0..n-1.

        Raises
        ------
        ConfigurationError
            If the selection is empty or reaches beyond the data.
        """
        selection = _checked_selection(self.name, selection, len(self))
        return ImageDataset(self.images[selection], self.labels[selection], self.n_classes, self.name)

    def __repr__(self) -> str:
        return f"ImageDataset({self.name}, {len(self)} images of {self.shape}, {self.n_classes} classes)"


@dataclass(frozen=True, eq=False)
class SpikeDataset:
    """Labelled spike trains of one population.

    Parameters
    ----------
    steps, neurons : int arrays (n_spikes,)
        Time step and flat neuron index of each spike; the spikes of a sample lie behind each other, sorted by (step,
        neuron). Kept as int32.
    offsets : int64 array (n + 1,)
        ``steps[offsets[k]:offsets[k + 1]]`` are those of sample k.
    labels : int array (n,)
        Classes, in 0..n_classes-1.
    shape : tuple of int
        Of the population, such as ``(34, 34, 2)``.
    n_classes : int
    name : str

    Raises
    ------
    ShapeError
        If the arrays don't fit each other, or there is no sample.
    SpikeError
        If a spike is out of range, spikes are not sorted, or a neuron fires twice in a step.
    LabelError
        If a label is no integer in 0..n_classes-1.
    """

    steps: np.ndarray
    neurons: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    shape: tuple[int, ...]
    n_classes: int
    name: str

    def __post_init__(self):
        labels = np.asarray(self.labels)
        steps, neurons = (np.asarray(array, dtype=np.int32) for array in (self.steps, self.neurons))
        offsets = np.asarray(self.offsets, dtype=np.int64)
        if labels.ndim != 1 or labels.size == 0 or steps.ndim != 1 or steps.shape != neurons.shape:
            raise ShapeError(
                f"{self.name}: expected steps and neurons (n_spikes,) and labels (n,) with n at least 1, found "
                f"{steps.shape}, {neurons.shape} and {labels.shape}"
            )
        if offsets.shape != (len(labels) + 1,) or offsets[0] != 0 or offsets[-1] != len(steps):
            raise ShapeError(
                f"{self.name}: offsets must be {len(labels) + 1} numbers from 0 to {len(steps)}, the number of spikes; "
                f"found shape {offsets.shape}"
            )
        if (np.diff(offsets) < 0).any():
            raise ShapeError(f"{self.name}: offsets must not fall")
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        self._check_spikes(steps, neurons, offsets)
        for field, value in (("steps", steps), ("neurons", neurons), ("offsets", offsets)):
            object.__setattr__(self, field, value)
        object.__setattr__(self, "labels", _checked_labels(self.name, labels, self.n_classes))

    def _check_spikes(self, steps, neurons, offsets):
        if steps.size == 0:
            return
        n_neurons = int(np.prod(self.shape))
        if steps.min() < 0 or neurons.min() < 0 or neurons.max() >= n_neurons:
            raise SpikeError(
                f"{self.name}: steps must be >= 0 and neurons in 0..{n_neurons - 1}, found steps from {steps.min()} on "
                f"and neurons in {neurons.min()}..{neurons.max()}"
            )
        rising = (steps[1:] > steps[:-1]) | ((steps[1:] == steps[:-1]) & (neurons[1:] > neurons[:-1]))
        starts = offsets[1:-1]
        rising[starts[(starts > 0) & (starts < len(steps))] - 1] = True
        if not rising.all():
            sample = int(np.searchsorted(offsets, int(np.argmin(rising)) + 1, "right")) - 1
            raise SpikeError(
                f"{self.name}: the spikes of sample {sample} are not sorted by step and neuron, or one is there twice"
            )

    @classmethod
    def from_events(cls, samples, *, shape, dt, n_classes: int, name: str = "events") -> SpikeDataset:
        """Make a data set of any sequence of (events, label), such as a data set of tonic.

        Parameters
        ----------
        samples : sequence of (structured array, int)
            Events with the fields x, y, t and p; see `hm2bp_brian.encoding.bin_events`. One sample at a time is held.
        shape : (height, width, channels)
            Of the sensor: tonic's ``sensor_size`` is (width, height, channels).
        dt : Quantity
            Width of a time step; at most one spike a neuron and step is kept.
        n_classes : int
        name : str

        Raises
        ------
        SpikeError, ShapeError, LabelError, UnitError, ConfigurationError
            If an item is no such pair, or the events, the labels, ``shape`` or ``dt`` can't be.
        """
        spikes, labels = [], []
        for number in range(len(samples)):
            sample = samples[number]
            if not isinstance(sample, tuple | list) or len(sample) != 2:
                raise SpikeError(f"{name}: sample {number} must be a pair (events, label), found {type(sample)}")
            events, label = sample
            if isinstance(label, bool) or np.ndim(label) != 0 or np.asarray(label).dtype.kind not in "iu":
                raise LabelError(f"{name}: the label of sample {number} must be an integer, found {label!r}")
            spikes.append(bin_events(events, shape, dt, f"{name}, sample {number}"))
            labels.append(int(label))
        if not labels:
            raise ShapeError(f"{name}: expected at least one sample, found none")
        offsets = np.concatenate([[0], np.cumsum([len(steps) for steps, _ in spikes])])
        steps, neurons = (np.concatenate(arrays) for arrays in zip(*spikes, strict=True))
        return cls(steps, neurons, offsets, np.array(labels), shape, n_classes, name)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_steps(self) -> int:
        """One more than the last step in which a neuron fires."""
        return int(self.steps.max(initial=0)) + 1

    def subset(self, selection) -> SpikeDataset:
        """Some of the samples, in the order given; see ``ImageDataset.subset``."""
        selection = _checked_selection(self.name, selection, len(self))
        spikes, counts = self._spikes_of(selection)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        labels = self.labels[selection]
        return SpikeDataset(
            self.steps[spikes], self.neurons[spikes], offsets, labels, self.shape, self.n_classes, self.name
        )

    def batch(self, indices, n_steps: int) -> SpikeBatch:
        """The spikes of some samples in the first ``n_steps`` steps; later ones are cut off."""
        spikes, counts = self._spikes_of(np.asarray(indices))
        steps = self.steps[spikes]
        row = np.repeat(np.arange(len(counts)), counts) * n_steps + steps
        inside = steps < n_steps
        offsets = np.zeros(len(counts) * n_steps + 1, dtype=np.int64)
        np.cumsum(np.bincount(row[inside], minlength=len(counts) * n_steps), out=offsets[1:])
        return SpikeBatch(self.neurons[spikes][inside], offsets, len(counts), n_steps, self.shape)

    def _spikes_of(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the samples' spikes, one sample behind the other, and how many each has."""
        first, counts = self.offsets[samples], np.diff(self.offsets)[samples]
        before = np.cumsum(counts) - counts
        return np.arange(counts.sum()) + np.repeat(first - before, counts), counts

    def __repr__(self) -> str:
        return (
            f"SpikeDataset({self.name}, {len(self)} samples of {self.n_steps} steps and shape {self.shape}, "
            f"{self.n_classes} classes)"
        )


def _checked_labels(name: str, labels: np.ndarray, n_classes: int) -> np.ndarray:
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= n_classes:
        raise LabelError(
            f"{name}: labels must be integers in 0..{n_classes - 1}, found {labels.dtype} in "
            f"{labels.min()}..{labels.max()}"
        )
    return labels.astype(np.int64)


def _checked_selection(name: str, selection, available: int) -> np.ndarray:
    selection = np.asarray(selection)
    if selection.dtype.kind not in "iu" or selection.ndim > 1 or selection.size == 0:
        raise ConfigurationError(
            f"{name}: a subset is a count or a sequence of integer indices, found {selection.dtype} of shape "
            f"{selection.shape}; for a boolean mask pass numpy.flatnonzero(mask)"
        )
    if selection.ndim == 0:
        count = int(selection)
        if not 1 <= count <= available:
            raise ConfigurationError(f"{name}: a subset of {count} samples out of {available}")
        return np.arange(count)
    if selection.min() < 0 or selection.max() >= available:
        raise ConfigurationError(
            f"{name}: indices must lie in 0..{available - 1}, found {selection.min()}..{selection.max()}"
        )
    return selection

"""What a data set is: labelled images, or labelled spike trains."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from brian2 import second

from hm2bp_brian.checks import check_count, check_integers, check_shape
from hm2bp_brian.datasets.checks import as_array, checked_labels, checked_selection, count_classes
from hm2bp_brian.datasets.spike_checks import checked_spikes, what_is_late
from hm2bp_brian.datasets.spike_times import bin_trials
from hm2bp_brian.encoding.events import bin_events
from hm2bp_brian.encoding.images import warn_if_dark
from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError, SpikeError
from hm2bp_brian.model.units import positive_time
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Labelled images of one size.

    Parameters
    ----------
    images : uint8 array (n, height, width, channels)
    labels : int array (n,), or array (n, n_classes)
        Classes, in 0..n_classes-1; or the wanted spike counts of the output neurons, of which there are ``n_classes``.
    n_classes : int
    name : str

    Raises
    ------
    ShapeError
        If the shapes don't fit each other, or there is no image.
    ConfigurationError
        If the images are not uint8, or ``n_classes`` is no positive integer.
    LabelError
        If a label is no integer in 0..n_classes-1, or a wanted count negative or not finite.

    Warns
    -----
    UserWarning
        If no pixel is above 1, as if they were meant to be in 0..1.

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, size=(6, 4, 5, 1), dtype=np.uint8)
    >>> hb.datasets.ImageDataset(images, [0, 1, 0, 1, 0, 1], n_classes=2, name="noise")
    ImageDataset(noise, 6 images of (4, 5, 1), 2 classes)
    """

    images: np.ndarray
    labels: np.ndarray
    n_classes: int
    name: str

    def __post_init__(self):
        images, labels = as_array(self.name, "images", self.images), as_array(self.name, "labels", self.labels)
        self._check_images(images)
        if labels.ndim not in (1, 2) or labels.shape[:1] != images.shape[:1] or images.size == 0:
            raise ShapeError(
                f"{self.name}: expected images and labels of the same n samples, at least 1, found {images.shape} and "
                f"{labels.shape}"
            )
        warn_if_dark(self.name, images)
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", checked_labels(self.name, labels, self.n_classes))

    def _check_images(self, images: np.ndarray) -> None:
        if images.ndim != 4:
            raise ShapeError(
                f"{self.name}: expected images (n, height, width, channels), found {images.shape}; images without "
                "channels get one by images[..., None]"
            )
        if images.dtype != np.uint8:
            raise ConfigurationError(
                f"{self.name}: images must be uint8 (pixels 0..255), found {images.dtype}; fractions become pixels by "
                "(255 * images).astype(np.uint8)"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image, which is that of the network's input."""
        return self.images.shape[1:]

    def batch(self, indices, n_steps: int) -> np.ndarray:
        """Some of the images; they fit a presentation of any length.

        ConfigurationError unless the indices are integers in 0..n-1.
        """
        return self.images[check_integers(f"{self.name}: indices", indices, 0, len(self) - 1)]

    def check_presentation(self, n_steps: int, dt: float) -> None:
        """Images have no time: they fit any presentation."""

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
        selection = checked_selection(self.name, selection, len(self))
        return type(self)(self.images[selection], self.labels[selection], self.n_classes, self.name)

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
    labels : int array (n,), or array (n, n_classes)
        Classes, or wanted spike counts; see `ImageDataset`.
    shape : tuple of int
        Of the population, such as ``(34, 34, 2)``.
    n_classes : int
    name : str
    dt : Quantity, optional
        Width of a time step. If it is known, networks with other steps refuse the data.

    Raises
    ------
    ShapeError
        If the arrays don't fit each other, there is no sample, or ``shape`` is no tuple of positive integers.
    SpikeError
        If steps or neurons are no integers or out of range, spikes are not sorted, or a neuron fires twice in a step.
    UnitError, ConfigurationError
        If ``dt`` is no positive time, or ``n_classes`` no positive integer.
    LabelError
        If a label is no integer in 0..n_classes-1.

    Examples
    --------
    >>> from brian2 import ms
    >>> trials = [[[3, 8] * ms, []], [[], [5] * ms]]  # in the first trial, neuron 0 fires after 3 and 8 ms
    >>> hb.datasets.SpikeDataset.from_spike_times(trials, [0, 1], dt=1 * ms, duration=10 * ms)
    SpikeDataset(recordings, 2 samples of 9 steps and shape (2,), 2 classes)
    """

    steps: np.ndarray
    neurons: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    shape: tuple[int, ...]
    n_classes: int
    name: str
    dt: object = field(default=None, kw_only=True)
    _told: set = field(default_factory=set, init=False, repr=False)  # n_steps of presentations that were warned of

    def __post_init__(self):
        object.__setattr__(self, "shape", check_shape(f"{self.name}: shape", self.shape))
        if self.dt is not None:
            positive_time(f"{self.name}: dt", self.dt)
        labels = as_array(self.name, "labels", self.labels)
        if labels.ndim not in (1, 2) or labels.size == 0:
            raise ShapeError(f"{self.name}: expected labels (n,) with n at least 1, found {labels.shape}")
        steps, neurons, offsets = checked_spikes(
            self.name, self.steps, self.neurons, self.offsets, len(labels), math.prod(self.shape)
        )
        for name, value in (("steps", steps), ("neurons", neurons), ("offsets", offsets)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "labels", checked_labels(self.name, labels, self.n_classes))

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
        if not hasattr(samples, "__len__") or not hasattr(samples, "__getitem__"):
            raise SpikeError(
                f"{name}: expected a sequence of (events, label), found {type(samples).__name__}; make a list of it"
            )
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
        return cls(steps, neurons, offsets, np.array(labels), shape, n_classes, name, dt=dt)

    @classmethod
    def from_spike_times(cls, trials, labels, *, dt, duration, n_classes=None, name="recordings") -> SpikeDataset:
        """Make a data set of recorded spike times.

        Parameters
        ----------
        trials : list of lists of Quantity (n_spikes,)
            ``trials[k][j]`` are the times at which neuron j fires in trial k, in any order, counted from the trial's
            begin; ``[]`` if it is silent.
        labels : int array (n_trials,), or array (n_trials, n_classes)
            Classes, or wanted spike counts; see `ImageDataset`.
        dt : Quantity
            Time step. A spike fires in the step in which Brian2's SpikeGeneratorGroup would let it fire.
        duration : Quantity
            Length of a trial; later spikes are left out.
        n_classes : int, optional
            By default one more than the largest label.
        name : str

        Raises
        ------
        UnitError, ConfigurationError, ShapeError, SpikeError, LabelError
            If times have no unit or lie before the trial's begin, trials differ in their number of neurons, all spikes
            come after ``duration``, or anything else can't be; the message names trial and neuron.

        Warns
        -----
        UserWarning
            Once, with numbers: of trials without spikes, of spikes left out, and of spikes that are merged, as a neuron
            fires at most once in a step.

        Examples
        --------
        >>> from brian2 import ms
        >>> trials = [[[3, 20]*ms, []], [[], [4.5]*ms]]
        >>> SpikeDataset.from_spike_times(trials, [0, 1], dt=1*ms, duration=50*ms)
        SpikeDataset(recordings, 2 samples of 21 steps and shape (2,), 2 classes)
        """
        return cls._of_trials(trials, labels, dt, duration, n_classes, name)

    @classmethod
    def from_neo(cls, data, labels, *, dt, duration, n_classes=None, name="neo") -> SpikeDataset:
        """Make a data set of Neo's segments (extra ``neo``), each of which is a trial.

        Parameters
        ----------
        data : neo.Block, neo.Segment or a list of them
            The k-th train of each segment is that of neuron k; times count from the earliest ``t_start`` of its trains.
        labels : array or str
            As `from_spike_times`, or the name of an annotation of the segments: its values, sorted, are the classes.
        dt, duration, n_classes, name
            See `from_spike_times`, which also has what is raised and warned of.
        """
        from hm2bp_brian.exchange.neo import trials_of_neo

        return cls._of_trials(*trials_of_neo(data, labels), dt, duration, n_classes, name)

    @classmethod
    def from_nwb(cls, file, labels, *, dt, duration, onsets=None, n_classes=None, name="nwb") -> SpikeDataset:
        """Make a data set of an NWB file (extra ``nwb``): its table of units, cut at the onsets of its trials.

        Parameters
        ----------
        file : path or pynwb.NWBFile
        labels : array or str
            As `from_spike_times`, or the name of a column of the file's trials: its values, sorted, are the classes.
        dt, duration, n_classes, name
            See `from_spike_times`, which also has what is raised and warned of.
        onsets : Quantity (n_trials,), optional
            When trials begin, on the file's clock; by default the column ``start_time`` of its trials.
        """
        from hm2bp_brian.exchange.nwb import trials_of_nwb

        return cls._of_trials(*trials_of_nwb(file, labels, duration, onsets), dt, duration, n_classes, name)

    @classmethod
    def _of_trials(cls, trials, labels, dt, duration, n_classes, name) -> SpikeDataset:
        steps, neurons, offsets, n_neurons = bin_trials(trials, dt, duration, name)
        labels = as_array(name, "labels", labels)
        if labels.shape[:1] != (len(offsets) - 1,):
            raise ShapeError(
                f"{name}: expected a label for each of {len(offsets) - 1} trials, found labels of shape {labels.shape}"
            )
        if n_classes is None:
            n_classes = count_classes(labels)
        return cls(steps, neurons, offsets, labels, (n_neurons,), n_classes, name, dt=dt)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def n_steps(self) -> int:
        """One more than the last step in which a neuron fires."""
        return int(self.steps.max(initial=0)) + 1

    def subset(self, selection) -> SpikeDataset:
        """Some of the samples, in the order given; see ``ImageDataset.subset``."""
        selection = checked_selection(self.name, selection, len(self))
        spikes, counts = self._spikes_of(selection)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        labels = self.labels[selection]
        steps, neurons = self.steps[spikes], self.neurons[spikes]
        return SpikeDataset(steps, neurons, offsets, labels, self.shape, self.n_classes, self.name, dt=self.dt)

    def check_presentation(self, n_steps: int, dt: float) -> None:
        """Check that a presentation of ``n_steps`` steps of ``dt`` seconds shows the data.

        Raises
        ------
        ConfigurationError
            If the data have another time step.
        SpikeError
            If all spikes come after the presentation.

        Warns
        -----
        UserWarning
            If there is no spike, or spikes are cut off; once for each length of a presentation.
        """
        if self.dt is not None and not math.isclose(float(self.dt), dt, rel_tol=1e-6):
            raise ConfigurationError(
                f"{self.name} has time steps of {self.dt}, the network of {dt * second}; bin the events with the "
                "network's dt, or give the network that of the data"
            )
        if n_steps in self._told or (self.steps.size and self.n_steps <= n_steps):
            return
        late = self.steps >= n_steps
        if late.any() and late.all():
            raise SpikeError(
                f"{self.name}: all spikes come after the presentation of {n_steps} steps, the first in step "
                f"{self.steps.min()}. Let each sample's time begin at 0, or present it for longer"
            )
        lost = what_is_late(late, self.offsets, self.n_steps, n_steps)
        warnings.warn(f"{self.name}: {lost}", UserWarning, stacklevel=3)
        self._told.add(n_steps)

    def batch(self, indices, n_steps: int) -> SpikeBatch:
        """The spikes of some samples in the first ``n_steps`` steps; later ones are cut off.

        ConfigurationError unless the indices are integers in 0..n-1 and ``n_steps`` is a positive integer.
        """
        indices = check_integers(f"{self.name}: indices", indices, 0, len(self) - 1)
        n_steps = check_count("n_steps", n_steps)
        spikes, counts = self._spikes_of(np.atleast_1d(indices))
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


def check_dataset(name: str, value) -> None:
    """Raise ConfigurationError unless the value has what training asks of a data set."""
    if not all(hasattr(value, needed) for needed in ("labels", "shape", "batch", "check_presentation")):
        raise ConfigurationError(
            f"{name} must be an ImageDataset or a SpikeDataset, found {type(value).__name__}. Arrays become one by "
            "hm2bp_brian.datasets.ImageDataset(images, labels, n_classes, name), or are given as a pair (X, y)"
        )

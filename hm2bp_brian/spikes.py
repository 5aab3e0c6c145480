"""The two records that cross borders: spikes that go into a network, spikes that come out of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hm2bp_brian.checks import check_count, check_index, check_integers, check_shape
from hm2bp_brian.errors import ShapeError, SpikeError
from hm2bp_brian.rendering import notebook_view, raster_picture

# Brian2 adds this part of a step to the times of a SpikeGeneratorGroup before it cuts them to whole steps
BRIAN_SHIFT = 1e-3
FROM_TIMES = "For spike times use SpikeBatch.from_times, which rounds them to steps"


@dataclass(frozen=True, eq=False)
class SpikeBatch:
    """Spike trains of one population in a batch of presentations, at most one spike a neuron and step.

    Spikes are sorted by (sample, step, neuron) and stored as rows of a compressed sparse matrix whose row
    ``sample * n_steps + step`` lists the neurons that fire in that step. The arrays can't be written.

    Parameters
    ----------
    neurons : int32 array (n_spikes,)
        Flat index of the neuron of each spike.
    offsets : int64 array (n_samples * n_steps + 1,)
        ``neurons[offsets[r]:offsets[r + 1]]`` are the neurons of row ``r``.
    n_samples, n_steps : int
        Presentations in the batch, time steps of each.
    shape : tuple of int
        Shape of the population, such as ``(28, 28, 1)``; flat indices are in C order.

    Raises
    ------
    SpikeError
        If the batch is empty, or the arrays are no sorted spike trains within ``shape``.
    ShapeError
        If ``shape`` is no tuple of positive integers.

    Examples
    --------
    >>> hb.SpikeBatch.from_dense(np.eye(4, dtype=bool)[np.newaxis])
    SpikeBatch(1 samples, 4 steps, shape (4,), 4 spikes)
    """

    neurons: np.ndarray
    offsets: np.ndarray
    n_samples: int
    n_steps: int
    shape: tuple[int, ...]

    def __post_init__(self):
        for name in ("n_samples", "n_steps"):
            object.__setattr__(self, name, check_count(name, getattr(self, name), error=SpikeError))
        object.__setattr__(self, "shape", check_shape("shape", self.shape))
        neurons = check_integers(
            "neuron indices", self.neurons, 0, self.n_neurons - 1, dtype=np.int32, error=SpikeError
        )
        offsets = check_integers("offsets", self.offsets, 0, error=SpikeError)
        if neurons.ndim != 1:
            raise SpikeError(f"neuron indices must have shape (n_spikes,), found {neurons.shape}")
        # copies, as the kernels rely on what has been checked here
        object.__setattr__(self, "neurons", _read_only(np.array(neurons, order="C")))
        object.__setattr__(self, "offsets", _read_only(np.array(offsets, order="C")))
        n_rows = self.n_samples * self.n_steps
        if self.offsets.shape != (n_rows + 1,):
            raise SpikeError(f"offsets must have shape ({n_rows + 1},), found {self.offsets.shape}")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.neurons) or (np.diff(self.offsets) < 0).any():
            raise SpikeError("offsets must rise from 0 to the number of spikes")
        self._check_order()

    def _check_order(self):
        starts_row = np.zeros(self.neurons.size + 1, dtype=bool)
        starts_row[self.offsets] = True
        unsorted = (np.diff(self.neurons) <= 0) & ~starts_row[1:-1]
        if unsorted.any():
            spike = int(np.argmax(unsorted)) + 1
            sample, step = divmod(int(np.searchsorted(self.offsets, spike, "right")) - 1, self.n_steps)
            raise SpikeError(
                f"neurons must rise within a step, each at most once; sample {sample}, step {step} has neuron "
                f"{self.neurons[spike]} after {self.neurons[spike - 1]}"
            )

    @classmethod
    def from_sorted(cls, neurons, offsets, n_samples, n_steps, shape, by_neuron) -> SpikeBatch:
        """Make a batch from arrays that an engine made and that need no check; see ``by_neuron`` for the last one."""
        batch = object.__new__(cls)
        batch.__dict__.update(
            neurons=_read_only(neurons),
            offsets=_read_only(offsets),
            n_samples=n_samples,
            n_steps=n_steps,
            shape=tuple(shape),
            by_neuron=tuple(map(_read_only, by_neuron)),
        )
        return batch

    @classmethod
    def from_dense(cls, spikes) -> SpikeBatch:
        """Make a batch from a boolean array.

        Parameters
        ----------
        spikes : bool array ``(n_samples, n_steps, *shape)``
            True where a neuron fires; 0 and 1 of another dtype are accepted.

        Raises
        ------
        SpikeError
            If there are other values than 0 and 1, or no sample.
        ShapeError
            If there are fewer than three dimensions.
        """
        spikes = np.asarray(spikes)
        if spikes.ndim < 3:
            raise ShapeError(
                f"dense spikes must be (batch, time, *neurons): at least 3 dimensions, found {spikes.shape}"
            )
        if spikes.size == 0:
            raise SpikeError(f"empty batch: dense spikes have shape {spikes.shape}")
        if spikes.dtype != bool:
            wrong = ~((spikes == 0) | (spikes == 1))
            if wrong.any():
                where = tuple(int(i) for i in np.argwhere(wrong)[0])
                raise SpikeError(
                    f"dense spikes must be boolean (or 0 and 1); found {spikes[where]!r} at index {where}. "
                    "Threshold or encode the values first, for instance with hm2bp_brian.encoding"
                )
            spikes = spikes.astype(bool)
        n_samples, n_steps, *shape = spikes.shape
        rows = spikes.reshape(n_samples * n_steps, -1)
        row, neurons = np.nonzero(rows)
        return cls(neurons, _row_offsets(row, len(rows)), n_samples, n_steps, tuple(shape))

    @classmethod
    def from_events(cls, samples, steps, neurons, *, n_samples: int, n_steps: int, shape) -> SpikeBatch:
        """Make a batch from one (sample, step, neuron) triple a spike, in any order.

        Parameters
        ----------
        samples, steps, neurons : int arrays (n_spikes,)
        n_samples, n_steps : int
        shape : tuple of int
            Shape of the population; ``neurons`` are flat indices into it.

        Raises
        ------
        SpikeError
            If an index is no integer or out of range, or a neuron fires twice in one step.
        ShapeError
            If the arrays have other or different shapes, or ``shape`` is no tuple of positive integers.
        """
        n_samples = check_count("n_samples", n_samples, error=SpikeError)
        n_steps = check_count("n_steps", n_steps, error=SpikeError)
        n_neurons = math.prod(check_shape("shape", shape))
        samples = check_integers("sample indices", samples, 0, n_samples - 1, error=SpikeError)
        steps = check_integers("step indices", steps, 0, n_steps - 1, hint=FROM_TIMES, error=SpikeError)
        neurons = check_integers("neuron indices", neurons, 0, n_neurons - 1, error=SpikeError)
        if samples.ndim != 1 or not samples.shape == steps.shape == neurons.shape:
            raise ShapeError(
                "expected samples, steps and neurons (n_spikes,), one of each a spike; found "
                f"{samples.shape}, {steps.shape} and {neurons.shape}"
            )
        row = samples * n_steps + steps
        if (np.diff(row) < 0).any() or (np.diff(neurons)[np.diff(row) == 0] < 0).any():
            order = np.lexsort((neurons, row))
            row, neurons = row[order], neurons[order]
        return cls(neurons, _row_offsets(row, n_samples * n_steps), n_samples, n_steps, shape)

    @classmethod
    def from_times(cls, samples, times, neurons, *, dt, n_samples: int, n_steps: int, shape) -> SpikeBatch:
        """Make a batch from the time of each spike, such as ``t`` and ``i`` of Brian2's SpikeMonitor.

        A time becomes the step in which Brian2's SpikeGeneratorGroup fires: it is cut to whole steps, and a thousandth
        of a step is added before, so that times that are multiples of ``dt`` but for rounding errors come out right.

        Parameters
        ----------
        samples : int array (n_spikes,)
        times : Quantity (n_spikes,)
            From the begin of the presentation.
        neurons : int array (n_spikes,)
        dt : Quantity
            Length of a time step.
        n_samples, n_steps, shape
            As in `from_events`.

        Raises
        ------
        UnitError, ConfigurationError
            If ``times`` or ``dt`` are no times, or ``dt`` is not positive.
        SpikeError, ShapeError
            If a time is not finite, and as `from_events`.

        Examples
        --------
        >>> batch = SpikeBatch.from_times(np.zeros(len(monitor.i), int), monitor.t, monitor.i, dt=defaultclock.dt,
        ...                               n_samples=1, n_steps=400, shape=(100,))              # doctest: +SKIP
        """
        # imported here because spikes must work without Brian2
        from hm2bp_brian.model.units import positive_time, times_in_seconds

        steps = times_in_seconds("times", times) / positive_time("dt", dt) + BRIAN_SHIFT
        if not (np.abs(steps) < np.iinfo(np.int64).max).all():
            raise SpikeError("times must be finite, found one that is not")
        steps = np.floor(steps).astype(np.int64)
        return cls.from_events(samples, steps, neurons, n_samples=n_samples, n_steps=n_steps, shape=shape)

    @classmethod
    def from_numbers(cls, numbers, n_samples: int, n_steps: int, shape) -> SpikeBatch:
        """Make a batch from one number a spike, rising: ``(sample * n_steps + step) * n_neurons + neuron``."""
        row, neurons = np.divmod(numbers, math.prod(shape))
        return cls(neurons, _row_offsets(row, n_samples * n_steps), n_samples, n_steps, shape)

    @classmethod
    def from_trains(cls, steps, offsets, n_samples: int, n_steps: int, shape) -> SpikeBatch:
        """Make a batch from right trains that need no check, as ``by_neuron`` has them."""
        n_neurons = math.prod(shape)
        sample, neuron = np.divmod(np.repeat(np.arange(n_samples * n_neurons), np.diff(offsets)), n_neurons)
        row, neurons = np.divmod(np.sort((sample * n_steps + steps) * n_neurons + neuron), n_neurons)
        row_offsets = _row_offsets(row, n_samples * n_steps)
        by_neuron = steps.astype(np.int32), offsets
        return cls.from_sorted(neurons.astype(np.int32), row_offsets, n_samples, n_steps, shape, by_neuron)

    @property
    def n_neurons(self) -> int:
        """Number of neurons in the population."""
        return math.prod(self.shape)

    @property
    def n_spikes(self) -> int:
        """Number of spikes in the whole batch."""
        return len(self.neurons)

    @cached_property
    def _rows(self) -> np.ndarray:
        return _read_only(np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets)))

    @property
    def samples(self) -> np.ndarray:
        """Sample of each spike, int64 (n_spikes,)."""
        return self._rows // self.n_steps

    @property
    def steps(self) -> np.ndarray:
        """Time step of each spike, int64 (n_spikes,)."""
        return self._rows % self.n_steps

    @property
    def numbers(self) -> np.ndarray:
        """One number a spike, int64 (n_spikes,), rising, of which :meth:`from_numbers` makes the batch again."""
        return self._rows * self.n_neurons + self.neurons

    @cached_property
    def by_neuron(self) -> tuple[np.ndarray, np.ndarray]:
        """The same spikes as trains: ``(steps, offsets)``.

        ``steps[offsets[r]:offsets[r + 1]]`` (int32) are the rising spike steps of row ``r = sample * n_neurons +
        neuron``.
        """
        row = self.samples * self.n_neurons + self.neurons
        order = np.argsort(row, kind="stable")
        offsets = _row_offsets(row, self.n_samples * self.n_neurons)
        return _read_only(self.steps[order].astype(np.int32)), _read_only(offsets)

    @cached_property
    def counts(self) -> np.ndarray:
        """Spikes of each neuron over the presentation, int64 (n_samples, n_neurons)."""
        _, offsets = self.by_neuron
        return _read_only(np.diff(offsets).reshape(self.n_samples, self.n_neurons))

    def train(self, sample: int, neuron: int) -> np.ndarray:
        """Rising spike steps of one neuron in one presentation; SpikeError if there is no such neuron or sample."""
        sample = check_index("sample", sample, self.n_samples, "the batch", error=SpikeError)
        neuron = check_index("neuron", neuron, self.n_neurons, "the population", error=SpikeError)
        steps, offsets = self.by_neuron
        row = sample * self.n_neurons + neuron
        return steps[offsets[row] : offsets[row + 1]]

    def sample(self, number: int) -> SpikeBatch:
        """The batch that holds only this sample; SpikeError if there is no such sample."""
        number = check_index("sample", number, self.n_samples, "the batch", error=SpikeError)
        offsets = self.offsets[number * self.n_steps : (number + 1) * self.n_steps + 1]
        return SpikeBatch(self.neurons[offsets[0] : offsets[-1]], offsets - offsets[0], 1, self.n_steps, self.shape)

    def to_brian(self, sample: int = 0, *, dt):
        """The spikes of a sample as a SpikeGeneratorGroup takes them.

        Parameters
        ----------
        sample : int
        dt : Quantity
            Length of a time step, that of your simulation: a spike in step k is at time k * dt.

        Returns
        -------
        indices : int32 array (n_spikes,)
            Flat neuron indices.
        times : Quantity (n_spikes,)
            Sorted.

        Raises
        ------
        SpikeError
            If there is no such sample.
        UnitError, ConfigurationError
            If ``dt`` is no positive time.

        Examples
        --------
        >>> indices, times = batch.to_brian(dt=1*ms)                                  # doctest: +SKIP
        >>> source = SpikeGeneratorGroup(batch.n_neurons, indices, times, dt=1*ms)    # doctest: +SKIP
        """
        # imported here because spikes must work without Brian2
        from brian2 import second

        from hm2bp_brian.model.units import positive_time

        seconds = positive_time("dt", dt)
        one = self.sample(sample)
        return one.neurons, one.steps * (seconds * second)

    def dense(self) -> np.ndarray:
        """The spikes as a boolean array ``(n_samples, n_steps, *shape)``."""
        dense = np.zeros((self.n_samples * self.n_steps, self.n_neurons), dtype=bool)
        dense[self._rows, self.neurons] = True
        return dense.reshape(self.n_samples, self.n_steps, *self.shape)

    def __reduce__(self):
        # made anew, as arrays that come out of a pickle can be written
        return SpikeBatch, (self.neurons, self.offsets, self.n_samples, self.n_steps, self.shape)

    def __eq__(self, other) -> bool:
        return (
            isinstance(other, SpikeBatch)
            and (self.n_samples, self.n_steps, self.shape) == (other.n_samples, other.n_steps, other.shape)
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.neurons, other.neurons)
        )

    def __repr__(self) -> str:
        return f"SpikeBatch({self.n_samples} samples, {self.n_steps} steps, shape {self.shape}, {self.n_spikes} spikes)"

    def _repr_html_(self) -> str:
        first = self.sample(0)
        rows = [
            ("samples", self.n_samples),
            ("steps", self.n_steps),
            ("shape", self.shape),
            ("spikes", f"{self.n_spikes:,}"),
            ("spikes a neuron and sample", f"{self.n_spikes / (self.n_samples * self.n_neurons):.3g}"),
        ]
        picture = raster_picture(first.steps, first.neurons, self.n_steps, self.n_neurons)
        return notebook_view("SpikeBatch, and its first sample", rows, picture)


def check_batch(name: str, value) -> None:
    """Raise SpikeError unless the value is a SpikeBatch."""
    if not isinstance(value, SpikeBatch):
        raise SpikeError(
            f"{name} must be a SpikeBatch, found {type(value).__name__}; make one with SpikeBatch.from_dense, "
            "from_events or from_times"
        )


def _row_offsets(row: np.ndarray, n_rows: int) -> np.ndarray:
    """Where each row begins in a list of all spikes by row, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n_rows))])


def _read_only(array: np.ndarray) -> np.ndarray:
    """The same numbers, not copied, as an array that can't be written."""
    view = array.view()
    view.flags.writeable = False
    return view

"""The two records that cross borders: spikes that go into a network, spikes that come out of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hm2bp_brian.errors import ShapeError, SpikeError


@dataclass(frozen=True, eq=False)
class SpikeBatch:
    """Spike trains of one population in a batch of presentations, at most one spike a neuron and step.

    Spikes are sorted by (sample, step, neuron) and stored as rows of a compressed sparse matrix whose row
    ``sample * n_steps + step`` lists the neurons that fire in that step.

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
    """

    neurons: np.ndarray
    offsets: np.ndarray
    n_samples: int
    n_steps: int
    shape: tuple[int, ...]

    def __post_init__(self):
        object.__setattr__(self, "neurons", np.ascontiguousarray(self.neurons, dtype=np.int32))
        object.__setattr__(self, "offsets", np.ascontiguousarray(self.offsets, dtype=np.int64))
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        if self.n_samples < 1 or self.n_steps < 1 or self.n_neurons < 1:
            raise SpikeError(
                f"a batch needs at least one sample, step and neuron; found {self.n_samples} samples, "
                f"{self.n_steps} steps, population of shape {self.shape}"
            )
        n_rows = self.n_samples * self.n_steps
        if self.offsets.shape != (n_rows + 1,):
            raise SpikeError(f"offsets must have shape ({n_rows + 1},), found {self.offsets.shape}")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.neurons) or (np.diff(self.offsets) < 0).any():
            raise SpikeError("offsets must rise from 0 to the number of spikes")
        self._check_neurons()

    def _check_neurons(self):
        if self.neurons.size == 0:
            return
        low, high = int(self.neurons.min()), int(self.neurons.max())
        if low < 0 or high >= self.n_neurons:
            raise SpikeError(
                f"neuron indices must lie in 0..{self.n_neurons - 1} (shape {self.shape}), found {low}..{high}"
            )
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
            neurons=neurons,
            offsets=offsets,
            n_samples=n_samples,
            n_steps=n_steps,
            shape=tuple(shape),
            by_neuron=by_neuron,
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
            If an index is out of range, or a neuron fires twice in one step.
        """
        samples, steps, neurons = (np.asarray(a, dtype=np.int64) for a in (samples, steps, neurons))
        for name, index, size in (("sample", samples, n_samples), ("step", steps, n_steps)):
            if index.size and (index.min() < 0 or index.max() >= size):
                raise SpikeError(f"{name} indices must lie in 0..{size - 1}, found {index.min()}..{index.max()}")
        row = samples * n_steps + steps
        if (np.diff(row) < 0).any() or (np.diff(neurons)[np.diff(row) == 0] < 0).any():
            order = np.lexsort((neurons, row))
            row, neurons = row[order], neurons[order]
        return cls(neurons, _row_offsets(row, n_samples * n_steps), n_samples, n_steps, shape)

    @classmethod
    def from_numbers(cls, numbers, n_samples: int, n_steps: int, shape) -> SpikeBatch:
        """Make a batch from one number a spike, rising: ``(sample * n_steps + step) * n_neurons + neuron``."""
        row, neurons = np.divmod(numbers, math.prod(shape))
        return cls(neurons, _row_offsets(row, n_samples * n_steps), n_samples, n_steps, shape)

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
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

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
        return self.steps[order].astype(np.int32), _row_offsets(row, self.n_samples * self.n_neurons)

    @cached_property
    def counts(self) -> np.ndarray:
        """Spikes of each neuron over the presentation, int64 (n_samples, n_neurons)."""
        row = self.samples * self.n_neurons + self.neurons
        return np.bincount(row, minlength=self.n_samples * self.n_neurons).reshape(self.n_samples, self.n_neurons)

    def train(self, sample: int, neuron: int) -> np.ndarray:
        """Rising spike steps of one neuron in one presentation."""
        steps, offsets = self.by_neuron
        row = sample * self.n_neurons + neuron
        return steps[offsets[row] : offsets[row + 1]]

    def sample(self, number: int) -> SpikeBatch:
        """The batch that holds only this sample."""
        if not 0 <= number < self.n_samples:
            raise SpikeError(f"samples are numbered 0..{self.n_samples - 1}, found {number}")
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

    def __eq__(self, other) -> bool:
        return (
            isinstance(other, SpikeBatch)
            and (self.n_samples, self.n_steps, self.shape) == (other.n_samples, other.n_steps, other.shape)
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.neurons, other.neurons)
        )

    def __repr__(self) -> str:
        return f"SpikeBatch({self.n_samples} samples, {self.n_steps} steps, shape {self.shape}, {self.n_spikes} spikes)"


def _row_offsets(row: np.ndarray, n_rows: int) -> np.ndarray:
    """Where each row begins in a list of all spikes by row, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n_rows))])


@dataclass(frozen=True)
class SpikeRecord:
    """Spikes of a network's input and of each of its layers, layers numbered from 0.

    Parameters
    ----------
    input : SpikeBatch
    layers : tuple of SpikeBatch
    """

    input: SpikeBatch
    layers: tuple[SpikeBatch, ...]

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))
        for number, layer in enumerate(self.layers):
            if (layer.n_samples, layer.n_steps) != (self.input.n_samples, self.input.n_steps):
                raise ShapeError(
                    f"layer {number} has {layer.n_samples} samples of {layer.n_steps} steps, its input "
                    f"{self.input.n_samples} samples of {self.input.n_steps} steps"
                )

    @property
    def n_samples(self) -> int:
        """Presentations in the record."""
        return self.input.n_samples

    @property
    def n_steps(self) -> int:
        """Time steps of a presentation."""
        return self.input.n_steps

    @property
    def output(self) -> SpikeBatch:
        """The last layer's spikes."""
        return self.layers[-1]

    def presynaptic(self, layer: int) -> SpikeBatch:
        """The spikes that layer ``layer`` receives."""
        return self.input if layer == 0 else self.layers[layer - 1]

    def counts(self, layer: int) -> np.ndarray:
        """Spike counts of a layer, int64 (n_samples, n_neurons)."""
        return self.layers[layer].counts

    def dense(self, layer: int) -> np.ndarray:
        """Spikes of a layer as a boolean array ``(n_samples, n_steps, *shape)``."""
        return self.layers[layer].dense()

    def to_dataframe(self, dt=None):
        """One row a spike, as a pandas DataFrame (extra ``dataframe``).

        Parameters
        ----------
        dt : Quantity, optional
            Length of a time step, for the column ``time``.

        Returns
        -------
        pandas.DataFrame
            Columns ``layer`` (categorical: "input", 0, 1, ...), ``sample``, ``step``, ``neuron`` (flat index), and with
            ``dt`` also ``time`` = step * dt in seconds from the sample's begin; sorted in this order.

        Raises
        ------
        MissingPackageError
            If pandas is not installed.
        UnitError, ConfigurationError
            If ``dt`` is no positive time.
        """
        from hm2bp_brian.exchange.spike_table import to_dataframe

        return to_dataframe(self, dt)

    def to_csv(self, path, dt=None) -> None:
        """Write one row a spike as a CSV file with a header; columns as in `to_dataframe`, pandas is not needed.

        Parameters
        ----------
        path : str or path
        dt : Quantity, optional
            Length of a time step, for the column ``time``.

        Raises
        ------
        UnitError, ConfigurationError
            If ``dt`` is no positive time.
        """
        from hm2bp_brian.exchange.spike_table import to_csv

        to_csv(self, path, dt)

    def to_neo(self, *, dt):
        """The spikes as a Neo block, for instance for Elephant (extra ``neo``).

        Parameters
        ----------
        dt : Quantity
            Length of a time step.

        Returns
        -------
        neo.Block
            One Segment a sample, in it one SpikeTrain a neuron, silent ones too, from 0 to the end of the presentation,
            annotated with ``layer`` ("input", 0, 1, ...) and ``neuron`` (flat index).

        Raises
        ------
        MissingPackageError
            If neo is not installed.
        UnitError, ConfigurationError
            If ``dt`` is no positive time.
        """
        from hm2bp_brian.exchange.neo import to_neo

        return to_neo(self, dt=dt)

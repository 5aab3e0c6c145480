"""Spikes that come out of a network, and how those of several populations are put together and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_index
from hm2bp_brian.errors import ShapeError, UnknownNameError
from hm2bp_brian.rendering import notebook_view, raster_picture
from hm2bp_brian.spikes import SpikeBatch, check_batch


def joined(batches: Sequence[SpikeBatch]) -> SpikeBatch:
    """The spikes of several populations as those of one, in which their neurons follow one another.

    Parameters
    ----------
    batches : sequence of SpikeBatch
        Of the same presentations. A single one is returned as it is; of several the shape is ``(n_neurons,)``.
    """
    if len(batches) == 1:
        return batches[0]
    first, n_neurons = batches[0], sum(batch.n_neurons for batch in batches)
    if any((b.n_samples, b.n_steps) != (first.n_samples, first.n_steps) for b in batches):
        raise ShapeError("populations of one network must have the same number of samples and of steps")
    starts = np.cumsum([0, *(batch.n_neurons for batch in batches)])
    rows = np.concatenate([batch.numbers // batch.n_neurons for batch in batches])
    neurons = np.concatenate([batch.neurons + start for batch, start in zip(batches, starts, strict=False)])
    numbers = np.sort(rows * n_neurons + neurons)
    return SpikeBatch.from_numbers(numbers, first.n_samples, first.n_steps, (int(n_neurons),))


def part_of(batch: SpikeBatch, first: int, shape: tuple[int, ...]) -> SpikeBatch:
    """The spikes of a population whose neurons begin at ``first`` among those of a batch."""
    if first == 0 and shape == batch.shape:
        return batch
    n_neurons = int(np.prod(shape))
    inside = (batch.neurons >= first) & (batch.neurons < first + n_neurons)
    rows = batch.numbers[inside] // batch.n_neurons
    numbers = rows * n_neurons + batch.neurons[inside] - first
    return SpikeBatch.from_numbers(numbers, batch.n_samples, batch.n_steps, shape)


@dataclass(frozen=True)
class SpikeRecord:
    """Spikes of a network's input and of each of its layers, layers numbered from 0.

    Parameters
    ----------
    input : SpikeBatch
        Of several input populations, one after the other.
    layers : tuple of SpikeBatch
        Of each population of neurons.
    names : tuple of str
        Of these populations: ``record["layer_0"]`` are the spikes of that one. Empty if they have none.
    readouts : tuple of int
        Which of the layers are the output; by default the last one.

    Raises
    ------
    SpikeError
        If something else than a SpikeBatch is in it.
    ShapeError
        If a layer has another number of samples or steps.

    Examples
    --------
    >>> from brian2 import ms
    >>> layers = [hb.Dense(5, threshold=1), hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((4,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> spikes = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((3, 50, 4)) < 0.3)
    >>> record = hb.simulate(network, spikes, engine="brian2")
    >>> record.counts(1).shape, record.names
    ((3, 2), ('layer_0', 'layer_1'))
    """

    input: SpikeBatch
    layers: tuple[SpikeBatch, ...]
    names: tuple[str, ...] = ()
    readouts: tuple[int, ...] = (-1,)

    def __post_init__(self):
        for name in ("layers", "names", "readouts"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for batch in (self.input, *self.layers):
            check_batch("a record's input or layer", batch)
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
        """The spikes of the readout: of several, one after the other."""
        return joined([self.layers[number] for number in self.readouts])

    def __getitem__(self, name: str) -> SpikeBatch:
        if name not in self.names:
            raise UnknownNameError("population", name, self.names)
        return self.layers[self.names.index(name)]

    def presynaptic(self, layer: int) -> SpikeBatch:
        """The spikes that layer ``layer`` receives."""
        layer = self._check_layer(layer)
        return self.input if layer == 0 else self.layers[layer - 1]

    def counts(self, layer: int) -> np.ndarray:
        """Spike counts of a layer, int64 (n_samples, n_neurons)."""
        return self.layers[self._check_layer(layer)].counts

    def dense(self, layer: int) -> np.ndarray:
        """Spikes of a layer as a boolean array ``(n_samples, n_steps, *shape)``."""
        return self.layers[self._check_layer(layer)].dense()

    def _check_layer(self, layer: int) -> int:
        return check_index("layer", layer, len(self.layers), "the record")

    def _repr_html_(self) -> str:
        batches = [self.input, *self.layers]
        names = ["input", *(self.names or map(str, range(len(self.layers))))]
        rows = [("population", "shape", "spikes a neuron and sample")]
        for name, batch in zip(names, batches, strict=True):
            rows.append((name, batch.shape, f"{batch.n_spikes / (batch.n_samples * batch.n_neurons):.3g}"))
        first = joined([batch.sample(0) for batch in batches])
        picture = raster_picture(first.steps, first.neurons, first.n_steps, first.n_neurons)
        title = f"SpikeRecord of {self.n_samples} samples, and its first one, the input below"
        return notebook_view(title, rows, picture)

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

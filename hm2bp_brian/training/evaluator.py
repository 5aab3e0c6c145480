"""A network with some weights, to be looked at: what it answers, and all its spikes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from brian2 import second

from hm2bp_brian.checks import check_count
from hm2bp_brian.datasets.arrays import as_dataset
from hm2bp_brian.encoding.inputs import Inputs
from hm2bp_brian.engines.protocol import Engine, where_it_works
from hm2bp_brian.errors import ConfigurationError, LabelError
from hm2bp_brian.learning.losses import check_labels
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.units import times_in_seconds
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import BRIAN_SHIFT, SpikeBatch

# Evaluation draws the same spikes every time, whatever the training seed. Training epochs count from 1.
SEED = 0
EPOCH = 0


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Presents data sets to a network; a sample's input spikes are the same every time.

    Parameters
    ----------
    network : SpikingNetwork
    weights : sequence of arrays
        One a layer; they need not be those of the network.
    inputs : Inputs
    engine : Engine
    """

    network: SpikingNetwork
    weights: Sequence[np.ndarray]
    inputs: Inputs
    engine: Engine

    def counts(self, dataset, batch_size: int = 100, until=None) -> np.ndarray:
        """Spike counts of the output neurons.

        Parameters
        ----------
        dataset : ImageDataset, SpikeDataset, or a pair (X, y)
        batch_size : int
        until : Quantity, optional
            Only spikes before this time of the presentation are counted; of several times (n_times,), for each.

        Returns
        -------
        int64 array (n_samples, n_outputs), or (n_times, n_samples, n_outputs)

        Raises
        ------
        ConfigurationError, ShapeError, SpikeError, UnitError
            If the data do not fit the network, or a time does not lie within the presentation.
        """
        check_count("batch_size", batch_size)
        dataset, steps = self._checked(dataset), self._steps_until(until)
        counts = np.empty((*np.shape(steps), len(dataset), self.network.n_outputs), dtype=np.int64)
        weights = where_it_works(self.engine, self.weights)
        for indices in batches(np.arange(len(dataset)), batch_size):
            tape = self.engine.forward(weights, self._spikes(dataset, indices))
            counts[..., indices, :] = tape.counts if steps is None else _counts_before(tape.record.output, steps)
        return counts

    def predict(self, dataset, batch_size: int = 100) -> np.ndarray:
        """Classes of the samples: the output neuron with most spikes, of several the first; int64 (n_samples,)."""
        return np.argmax(self.counts(dataset, batch_size), axis=1)

    def accuracy(self, dataset, batch_size: int = 100, until=None):
        """Fraction of the samples that are classified correctly.

        Parameters
        ----------
        dataset, batch_size, until
            See `counts`. Where no output neuron has fired yet, the class is the first.

        Returns
        -------
        float, or float64 array (n_times,)
        """
        dataset = as_dataset("dataset", dataset, self.network.n_outputs, self.network.n_steps)
        if np.ndim(dataset.labels) == 2:
            raise LabelError("these labels are wanted spike counts, which have no accuracy; compare them with counts()")
        labels = check_labels(dataset.labels, len(dataset), self.network.n_outputs)
        right = np.argmax(self.counts(dataset, batch_size, until), axis=-1) == labels
        return right.mean(axis=-1) if right.ndim > 1 else float(right.mean())

    def measure(self, dataset, loss) -> dict[str, float]:
        """Mean ``loss`` of the samples, and ``accuracy``, which is NaN if labels are wanted counts."""
        dataset = as_dataset("dataset", dataset, self.network.n_outputs, self.network.n_steps)
        counts, labels = self.counts(dataset), dataset.labels
        accuracy = float(np.mean(np.argmax(counts, axis=1) == labels)) if np.ndim(labels) == 1 else np.nan
        return {"accuracy": accuracy, "loss": float(loss.errors(counts, labels).values.mean())}

    def record(self, dataset, index) -> SpikeRecord:
        """The spikes of all layers while the network sees some samples of a data set.

        Parameters
        ----------
        dataset : ImageDataset, SpikeDataset, or a pair (X, y)
        index : int or int array
            Which samples.
        """
        return self.engine.forward(self.weights, self._spikes(self._checked(dataset), np.atleast_1d(index))).record

    def encode(self, dataset) -> SpikeBatch:
        """The input spikes of all samples of a data set."""
        dataset = self._checked(dataset)
        return self._spikes(dataset, np.arange(len(dataset)))

    def _checked(self, data):
        dataset = as_dataset("dataset", data, self.network.n_outputs, self.network.n_steps)
        self.inputs.check("dataset", dataset)
        return dataset

    def _steps_until(self, until) -> np.ndarray | None:
        """How many steps of the presentation begin before each time."""
        if until is None:
            return None
        steps = np.ceil(times_in_seconds("until", until) / self.network.dt - BRIAN_SHIFT)
        inside = (steps >= 0) & (steps <= self.network.n_steps)
        if not np.all(inside):
            raise ConfigurationError(
                f"until must lie within the presentation of {self.network.n_steps * self.network.dt * second}, found "
                f"{until!r}"
            )
        return steps.astype(np.int64)

    def _spikes(self, dataset, indices) -> SpikeBatch:
        return self.inputs.spikes(dataset, indices, SEED, EPOCH)


def _counts_before(spikes: SpikeBatch, steps: np.ndarray) -> np.ndarray:
    """Spikes before each of the steps, (*steps.shape, n_samples, n_neurons)."""
    row, size = spikes.samples * spikes.n_neurons + spikes.neurons, spikes.n_samples * spikes.n_neurons
    counts = [np.bincount(row[spikes.steps < step], minlength=size) for step in steps.flat]
    return np.reshape(counts, (*steps.shape, spikes.n_samples, spikes.n_neurons))


def batches(indices: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """The indices in parts of ``batch_size``; the last may be shorter."""
    for start in range(0, len(indices), batch_size):
        yield indices[start : start + batch_size]

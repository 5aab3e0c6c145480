"""A network with some weights, to be looked at: what it answers, and all its spikes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_count
from hm2bp_brian.datasets.labelled import check_dataset
from hm2bp_brian.encoding.inputs import Inputs
from hm2bp_brian.engines.protocol import Engine, where_it_works
from hm2bp_brian.learning.losses import check_labels
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

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

    def counts(self, dataset, batch_size: int = 100) -> np.ndarray:
        """Spike counts of the output neurons, int64 (n_samples, n_outputs)."""
        check_count("batch_size", batch_size)
        check_dataset("dataset", dataset)
        self.inputs.check("dataset", dataset)
        counts = np.empty((len(dataset), self.network.n_outputs), dtype=np.int64)
        weights = where_it_works(self.engine, self.weights)
        for indices in batches(np.arange(len(dataset)), batch_size):
            counts[indices] = self.engine.forward(weights, self._spikes(dataset, indices)).counts
        return counts

    def predict(self, dataset, batch_size: int = 100) -> np.ndarray:
        """Classes of the samples: the output neuron with most spikes, of several the first; int64 (n_samples,)."""
        return np.argmax(self.counts(dataset, batch_size), axis=1)

    def accuracy(self, dataset, batch_size: int = 100) -> float:
        """Fraction of the samples that are classified correctly."""
        check_dataset("dataset", dataset)
        labels = check_labels(dataset.labels, len(dataset), self.network.n_outputs)
        return float(np.mean(self.predict(dataset, batch_size) == labels))

    def record(self, dataset, index) -> SpikeRecord:
        """The spikes of all layers while the network sees some samples of a data set.

        Parameters
        ----------
        dataset : ImageDataset or SpikeDataset
        index : int or int array
            Which samples.
        """
        self.inputs.check("dataset", dataset)
        return self.engine.forward(self.weights, self._spikes(dataset, np.atleast_1d(index))).record

    def encode(self, dataset) -> SpikeBatch:
        """The input spikes of all samples of a data set."""
        self.inputs.check("dataset", dataset)
        return self._spikes(dataset, np.arange(len(dataset)))

    def _spikes(self, dataset, indices) -> SpikeBatch:
        return self.inputs.spikes(dataset, indices, SEED, EPOCH)


def batches(indices: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """The indices in parts of ``batch_size``; the last may be shorter."""
    for start in range(0, len(indices), batch_size):
        yield indices[start : start + batch_size]

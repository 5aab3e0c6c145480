"""What an engine is: forward returns a tape, backward takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hm2bp_brian.learning.gradient_sum import GradientSum
from hm2bp_brian.learning.losses import Errors
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


class Tape(Protocol):
    """What a forward pass left behind for the backward pass; all but these attributes is the engine's own.

    Attributes
    ----------
    counts : int array (n_samples, n_outputs)
        Spike counts of the output neurons.
    n_spikes : tuple of int
        Spikes of the whole batch in the input and in each layer.
    record : SpikeRecord
        All spikes, on demand: an engine that keeps them elsewhere fetches them here.
    """

    counts: np.ndarray
    n_spikes: tuple[int, ...]
    record: SpikeRecord


class Engine(Protocol):
    """Runs one network, forwards and backwards.

    One that works elsewhere, as on a GPU, also has ``put(array)`` and ``get(array)``, which copy an array there and
    back, ``wait()``, until what it was told to do is done, and ``augmentation(augmentation, encoder)``: the
    augmentation, or one of the engine's own that leaves what it changes where the encoder of ``encoder(...)`` takes it.

    Attributes
    ----------
    name : str
    dtype : numpy dtype
        Of the simulation.
    threads : int
    updater
        What changes arrays of weights: see `hm2bp_brian.engines.updates.NumpyUpdater`.
    """

    name: str
    dtype: np.dtype
    threads: int
    updater: object

    def forward(self, parameters, spikes: SpikeBatch) -> Tape:
        """Present a batch of input spikes to the network with these parameters (``SpikingNetwork.parameters``)."""

    def backward(self, tape: Tape, errors: Errors, rules: Rules) -> GradientSum:
        """Sum of the samples' gradients; the parameters must still be those of the forward pass."""

    def encoder(self, encoder):
        """The encoder, or one of the engine's own that makes the same spikes."""


def where_it_works(engine: Engine, arrays) -> list:
    """The arrays, copied to where an engine works if it works elsewhere."""
    return [engine.put(array) for array in arrays] if hasattr(engine, "put") else list(arrays)


@dataclass(frozen=True, eq=False)
class HostTape:
    """A tape of arrays in this process's memory.

    Parameters
    ----------
    parameters : sequence of arrays
        Those of the forward pass, not copied.
    record : SpikeRecord
    """

    parameters: tuple[np.ndarray, ...]
    record: SpikeRecord

    @property
    def counts(self) -> np.ndarray:
        """Spike counts of the output neurons, int64 (n_samples, n_outputs)."""
        return self.record.output.counts

    @property
    def n_spikes(self) -> tuple[int, ...]:
        """Spikes of the whole batch in the input and in each layer."""
        return tuple(spikes.n_spikes for spikes in (self.record.input, *self.record.layers))

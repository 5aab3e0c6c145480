"""Spikes on a card: as bits, drawn there, fetched when somebody asks for lists."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hm2bp_brian.engines.cuda import arguments
from hm2bp_brian.engines.cuda.card import Card, launch, pointer
from hm2bp_brian.engines.cuda.sources import spike_source
from hm2bp_brian.spikes import SpikeBatch


class CardSpikes(SpikeBatch):
    """A SpikeBatch on a card; its lists are made when they are asked for.

    Attributes
    ----------
    trains : uint32 array (n_samples, n_words, n_neurons)
        On the card: bit ``t % 32`` of word ``t // 32`` is a spike at step t.
    card_counts : int32 array (n_samples, n_neurons)
        On the card.
    """

    @classmethod
    def of(cls, kernels: SpikeKernels, trains, n_steps: int, shape: tuple[int, ...]) -> CardSpikes:
        """Spikes that kernels have written."""
        batch = object.__new__(cls)
        batch.__dict__.update(
            n_samples=len(trains), n_steps=n_steps, shape=tuple(shape), trains=trains, _kernels=kernels
        )
        return batch

    @cached_property
    def card_counts(self):
        """Spikes of each neuron, on the card."""
        return self._kernels.counts(self)

    @cached_property
    def counts(self) -> np.ndarray:
        """Spikes of each neuron over the presentation, int64 (n_samples, n_neurons)."""
        return self._kernels.card.get(self.card_counts).astype(np.int64)

    @cached_property
    def n_spikes(self) -> int:
        """Number of spikes in the whole batch."""
        return int(self.card_counts.sum())

    @cached_property
    def _lists(self) -> SpikeBatch:
        words = self._kernels.card.get(self.trains)
        fires = (words[:, :, np.newaxis] >> np.arange(32, dtype=np.uint32)[:, np.newaxis]) & np.uint32(1)
        dense = fires.reshape(self.n_samples, -1, self.n_neurons)[:, : self.n_steps].astype(bool)
        return SpikeBatch.from_dense(dense.reshape(self.n_samples, self.n_steps, *self.shape))

    @property
    def neurons(self) -> np.ndarray:
        """Flat index of the neuron of each spike."""
        return self._lists.neurons

    @property
    def offsets(self) -> np.ndarray:
        """Where each step's spikes begin."""
        return self._lists.offsets


@dataclass(frozen=True, eq=False)
class Lists:
    """Lists of ``kernels/lists.cuh``, one after the other, with room for the longest each.

    Parameters
    ----------
    lists : uint32 array (n_lists, capacity, 4)
        Eights.
    lengths : int32 array (n_lists,)
        In eights.
    capacity : int
    """

    lists: object
    lengths: object
    capacity: int

    @property
    def fields(self) -> dict:
        """What structures say of them."""
        return {"lists": pointer(self.lists), "lengths": pointer(self.lengths), "capacity": self.capacity}


class SpikeKernels:
    """``kernels/spikes.cuh``.

    Parameters
    ----------
    card : Card
    """

    def __init__(self, card: Card):
        self.card = card
        self._kernel = card.compile(spike_source(), "the spike kernels")

    def on_card(self, batch: SpikeBatch) -> CardSpikes:
        """The spikes on the card, copied there unless they are."""
        if isinstance(batch, CardSpikes):
            return batch
        n_words = words(batch.n_steps)
        trains = self.card.full((batch.n_samples, n_words, batch.n_neurons), 0, np.uint32)
        neurons, offsets = self.card.put(batch.neurons), self.card.put(batch.offsets)
        self._run("trains_of_lists", trains, batch.n_steps, n_words, neurons=pointer(neurons), offsets=pointer(offsets))
        return CardSpikes.of(self, trains, batch.n_steps, batch.shape)

    def bernoulli(
        self, thresholds: np.ndarray, keys: np.ndarray, n_steps: int, shape: tuple[int, ...], images=None
    ) -> CardSpikes:
        """The same spikes as ``encoding.poisson.bernoulli_spikes``; thresholds of uint8 ``images`` are by the pixel."""
        n_samples, n_neurons, n_words = len(keys), math.prod(shape), words(n_steps)
        trains = self.card.empty((n_samples, n_words, n_neurons), np.uint32)
        thresholds, keys = self.card.put(thresholds), self.card.put(keys)
        pixels = None if images is None else self.card.put(images)
        fields = {"thresholds": pointer(thresholds), "keys": pointer(keys), "pixels": pointer(pixels)}
        self._run("encode", trains, n_steps, n_neurons, n_words, **fields)
        return CardSpikes.of(self, trains, n_steps, shape)

    def counts(self, batch: CardSpikes):
        """Spikes of each neuron, int32 (n_samples, n_neurons) on the card."""
        counts = self.card.empty((batch.n_samples, batch.n_neurons), np.int32)
        self._run("count_spikes", batch.trains, batch.n_steps, batch.n_neurons, counts=pointer(counts))
        return counts

    def by_step(self, trains, n_steps: int):
        """Trains as steps: uint32 (n_samples, n_steps, n_neuron_words) on the card, a bit a neuron."""
        n_samples, n_words, n_neurons = trains.shape
        by_step = self.card.empty((n_samples, n_steps, words(n_neurons)), np.uint32)
        self._run("steps_of_trains", trains, n_steps, words(n_neurons), n_words, by_step=pointer(by_step))
        return by_step

    def lists_of_steps(self, trains, n_steps: int) -> Lists:
        """The neurons that fire in each step."""
        n_samples, _, n_neurons = trains.shape
        lists = self._room(n_samples * n_steps, n_neurons)
        self._run("lists_of_steps", trains, n_steps, n_steps, **lists.fields)
        return lists

    def lists_of_trains(self, trains, n_steps: int, segment: int) -> Lists:
        """The steps in which each neuron fires, cut into segments of so many steps, a multiple of 32."""
        n_samples, _, n_neurons = trains.shape
        n_segments = -(-n_steps // segment)
        lists = self._room(n_samples * n_segments * n_neurons, segment)
        self._run("lists_of_trains", trains, n_steps, n_neurons, n_segments, segment=segment, **lists.fields)
        return lists

    def _room(self, n_lists: int, longest: int) -> Lists:
        capacity = eights(longest)
        return Lists(self.card.empty((n_lists, capacity, 4), np.uint32), self.card.empty(n_lists, np.int32), capacity)

    def _run(self, name: str, trains, n_steps: int, threads: int, depth: int = 1, **fields) -> None:
        n_samples, n_words, n_neurons = trains.shape
        sizes = (n_samples, n_neurons, n_steps, n_words, words(n_neurons))
        structure = arguments.Spikes(*sizes, trains=pointer(trains), **fields)
        launch(self._kernel(name), structure, threads, n_samples, depth)


def eights(n: int) -> int:
    """Eights that hold so many."""
    return math.ceil(n / 8)


def words(n_bits: int) -> int:
    """Words of 32 bits that hold so many."""
    return math.ceil(n_bits / 32)

"""A projection on a card: its connections as lists, by target and by source."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.engines.cuda.card import Card, pointer
from hm2bp_brian.engines.fused.stored_projection import ConnectionOrder
from hm2bp_brian.model.connections import Windows
from hm2bp_brian.model.projections import Projection


class ConnectionList:
    """Where connections begin and end; their weights and delays change from batch to batch.

    Parameters
    ----------
    projection : Projection
    card : Card
    """

    def __init__(self, projection: Projection, card: Card):
        self.projection, self.card = projection, card
        connection = projection.connection
        pre, post, index = connection.synapses()
        by_target = ConnectionOrder.of(post, pre, index, connection.n_post)
        number = np.arange(len(pre))
        targets = np.repeat(np.arange(connection.n_post, dtype=np.int32), np.diff(by_target.starts))
        by_source = ConnectionOrder.of(by_target.partners, targets, number, connection.n_pre)
        self._places = number if isinstance(by_target.places, slice) else by_target.places
        self._card_places = None if self._places is None else card.put(self._places)
        self._arrays = {
            "starts": card.put(by_target.starts),
            "sources": card.put(by_target.partners),
            "targets": card.put(targets),
            "starts_of_source": card.put(by_source.starts),
            "of_source": card.put(number[by_source.places]),
        }
        self.addresses = {name: pointer(array) for name, array in self._arrays.items()}

    def __len__(self) -> int:
        return self._arrays["sources"].size

    def spread(self, values, dtype):
        """Values of the network's connections, or the one of all, as a list on the card."""
        if np.ndim(values) == 0:
            return self.card.full(len(self), values, dtype)
        return self.card.put(values, dtype).reshape(-1)[self._card_places]

    def fold(self, sums):
        """Sums of the connections, in the shape of the network's weights."""
        shape = self.projection.connection.weight_shape
        if isinstance(self.projection.connection, Windows):  # whose connections share weights
            places = np.zeros(0, dtype=int) if self._places is None else self._places
            sums = self.card.get(sums)[: len(places)]
            folded = np.bincount(places, sums, int(np.prod(shape))).reshape(shape)
            return self.card.put(folded, sums.dtype)
        folded = self.card.full(int(np.prod(shape)), 0, sums.dtype)
        folded[self._card_places] = sums
        return folded.reshape(shape)

"""A projection on a card: its connections as lists, by target and by source."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.engines.cuda.card import Card, pointer
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
        order = np.lexsort((pre, post))
        pre, post = pre[order], post[order]
        self._places = None if index is None else index[order]
        self._card_places = None if index is None else card.put(self._places)
        self._arrays = {
            "starts": card.put(_starts(post, connection.n_post)),
            "sources": card.put(pre.astype(np.int32)),
            "targets": card.put(post.astype(np.int32)),
            "starts_of_source": card.put(_starts(pre, connection.n_pre)),
            "of_source": card.put(np.argsort(pre, kind="stable")),
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


def _starts(neurons: np.ndarray, n_neurons: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(neurons, minlength=n_neurons))]).astype(np.int64)

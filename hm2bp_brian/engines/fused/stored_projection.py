"""How a projection lies in memory for the kernels of a graph: as a matrix, or as a list of single connections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.model.connections import AllPairs, Pairs, Windows
from hm2bp_brian.model.projections import Projection

# From this part of all pairs on, whole rows of a matrix are faster than single connections (measured: vectors of 16).
DENSE_FROM = 0.06


@dataclass(frozen=True, eq=False)
class ConnectionOrder:
    """Single connections, one neuron's after the other's.

    Attributes
    ----------
    starts : int64 array (n_neurons + 1,)
        Where the connections of each neuron begin.
    partners : int32 array (n_connections,)
        The neuron at the other end.
    places : array (n_connections,), slice or None
        Where each one's value is among the network's; a slice if they are in the same order, None if there are none.
    """

    starts: np.ndarray
    partners: np.ndarray
    places: np.ndarray | slice | None

    @classmethod
    def of(cls, neurons: np.ndarray, partners: np.ndarray, index: np.ndarray | None, size: int) -> ConnectionOrder:
        """The order by the first of two neurons at the ends of each connection, then by the second."""
        order = np.lexsort((partners, neurons))
        starts = np.concatenate([[0], np.cumsum(np.bincount(neurons, minlength=size))])
        places = None if index is None else index[order]
        if places is not None and np.array_equal(places, np.arange(len(places))):
            places = slice(len(places))
        return cls(starts, np.ascontiguousarray(partners[order], dtype=np.int32), places)


class StoredProjection:
    """Weights and delays of a projection as the kernels take them, and gradients back.

    Parameters
    ----------
    projection : Projection
    dtype : numpy dtype
        Of the weights.

    Attributes
    ----------
    dense : bool
        Whether it is a matrix (n_pre, n_post); projections with single delays never are.
    """

    def __init__(self, projection: Projection, dtype: np.dtype):
        self.projection = projection
        self.connection = connection = projection.connection
        self.dtype = dtype
        self._matrix = isinstance(connection, AllPairs) and not projection.delays.single
        self.dense = self._matrix
        if self._matrix:
            return
        pre, post, index = connection.synapses()
        self._n_single = len(pre)
        self.dense = not projection.delays.single and len(pre) >= DENSE_FROM * connection.n_pre * connection.n_post
        if self.dense:
            self._cells, self._places = pre.astype(np.int64) * connection.n_post + post, index
        else:
            self._orders = {
                False: ConnectionOrder.of(pre, post, index, connection.n_pre),
                True: ConnectionOrder.of(post, pre, index, connection.n_post),
            }
            # where by target each weight is, if each is one connection's: to fetch is faster than to put
            places, own = self._orders[True].places, isinstance(connection, Pairs)
            self._by_target = np.argsort(places) if own and not isinstance(places, slice) else None

    def lists(self, by_target: bool) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Where each neuron's connections begin, and the partner in each; None if it is a matrix.

        Parameters
        ----------
        by_target : bool
            Whether connections are listed target by target, not source by source.
        """
        return (None, None) if self.dense else (self._orders[by_target].starts, self._orders[by_target].partners)

    @property
    def n_entries(self) -> int:
        """Numbers that a gradient has."""
        return self.connection.n_pre * self.connection.n_post if self.dense else self._n_single

    def spread(self, values: np.ndarray | float, by_target: bool, dtype: np.dtype) -> np.ndarray:
        """Values of the network's connections, or the one of all, as the kernels take them."""
        connection = self.connection
        values = np.asarray(values, dtype=dtype)
        if self._matrix:
            return np.ascontiguousarray(connection.unroll(np.broadcast_to(values, connection.weight_shape)))
        if self.dense:
            matrix = np.zeros(self.n_entries, dtype=dtype)
            matrix[self._cells] = values.ravel()[self._places] if values.ndim else values
            return matrix
        if not values.ndim:
            return np.full(self._n_single, values, dtype=dtype)
        places = self._orders[by_target].places
        return values.ravel()[places] if isinstance(places, slice) else values.ravel().take(places)

    def fold(self, sums: np.ndarray) -> np.ndarray:
        """Sums of all entries, of single connections by target, in the shape of the network's weights."""
        connection = self.connection
        if self._matrix:
            return connection.fold(sums.reshape(connection.weight_shape))
        if not self.dense and self._by_target is not None:
            return sums.take(self._by_target)
        places = self._places if self.dense else self._orders[True].places
        sums = sums[self._cells] if self.dense else sums
        folded = np.zeros(connection.weight_shape, dtype=self.dtype)
        if places is None:
            return folded
        if isinstance(connection, Windows):  # whose connections share weights
            return np.bincount(places, sums, folded.size).reshape(folded.shape).astype(self.dtype)
        folded.reshape(-1)[places] = sums
        return folded

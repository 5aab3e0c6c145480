"""How a projection lies in memory for the kernels of a graph: as a matrix, or as a list of single connections."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.model.connections import AllPairs
from hm2bp_brian.model.projections import Projection

# From this part of all pairs on, whole rows of a matrix are faster than single connections (measured: vectors of 16).
DENSE_FROM = 0.06


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
        self._pre, self._post, self._index = connection.synapses()
        n_pairs = connection.n_pre * connection.n_post
        self.dense = not projection.delays.single and len(self._pre) >= DENSE_FROM * n_pairs
        if not self.dense:
            self._orders = {False: self._order(self._pre, self._post, connection.n_pre)}
            self._orders[True] = self._order(self._post, self._pre, connection.n_post)

    @staticmethod
    def _order(neurons: np.ndarray, partners: np.ndarray, size: int):
        order = np.lexsort((partners, neurons))
        starts = np.concatenate([[0], np.cumsum(np.bincount(neurons, minlength=size))])
        return order, starts, np.ascontiguousarray(partners[order], dtype=np.int32)

    def lists(self, by_target: bool) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Where each neuron's connections begin, and the partner in each; None if it is a matrix.

        Parameters
        ----------
        by_target : bool
            Whether connections are listed target by target, not source by source.
        """
        return (None, None) if self.dense else self._orders[by_target][1:]

    @property
    def n_entries(self) -> int:
        """Numbers that a gradient has."""
        return self.connection.n_pre * self.connection.n_post if self.dense else len(self._pre)

    def spread(self, values: np.ndarray | float, by_target: bool, dtype: np.dtype) -> np.ndarray:
        """Values of the network's connections, or the one of all, as the kernels take them."""
        connection = self.connection
        if self._matrix:
            full = np.broadcast_to(values, connection.weight_shape)
            return np.ascontiguousarray(connection.unroll(np.asarray(full, dtype=dtype)))
        values = np.asarray(values, dtype=dtype)
        single = values.ravel()[self._index] if values.ndim else np.full(len(self._pre), values, dtype=dtype)
        if not self.dense:
            return single[self._orders[by_target][0]]
        matrix = np.zeros((connection.n_pre, connection.n_post), dtype=dtype)
        matrix[self._pre, self._post] = single
        return matrix

    def fold(self, sums: np.ndarray) -> np.ndarray:
        """Sums of all entries, of single connections by target, in the shape of the network's weights."""
        connection = self.connection
        if self._matrix:
            return connection.fold(sums.reshape(connection.weight_shape))
        if self._index is None:
            return np.zeros(0, dtype=self.dtype)
        if self.dense:
            single = sums.reshape(connection.n_pre, connection.n_post)[self._pre, self._post]
        else:
            single = np.empty_like(sums)
            single[self._orders[True][0]] = sums
        size = int(np.prod(connection.weight_shape))
        return np.bincount(self._index, single, size).reshape(connection.weight_shape).astype(self.dtype)

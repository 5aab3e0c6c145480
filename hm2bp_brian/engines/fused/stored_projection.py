"""How a projection lies in memory for the kernels of a graph: as a matrix, or one entry a connection."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.model.connections import AllPairs
from hm2bp_brian.model.connectors import density
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
        Whether it is a matrix (n_pre, n_post).
    rows, post : int64 array (n_pre + 1,), int32 array (n_connections,), or None
        Of a sparse one: where the connections of each source neuron begin, and the target of each.
    """

    def __init__(self, projection: Projection, dtype: np.dtype):
        self.projection = projection
        self.connection = connection = projection.connection
        self.dtype = dtype
        self.dense = isinstance(connection, AllPairs) or density(connection) >= DENSE_FROM
        self.rows = self.post = None
        if not isinstance(connection, AllPairs):
            self._pre, post, self._index = connection.synapses()
            self.post = np.ascontiguousarray(post, dtype=np.int32)
            counts = np.bincount(self._pre, minlength=connection.n_pre)
            self.rows = None if self.dense else np.concatenate([[0], np.cumsum(counts)])

    @property
    def n_entries(self) -> int:
        """Numbers that a gradient has."""
        return self.connection.n_pre * self.connection.n_post if self.dense else len(self.post)

    def weights(self, values: np.ndarray | float) -> np.ndarray:
        """Weights of the network, or the one of all connections, as the kernels take them."""
        if np.ndim(values) == 0:
            values = np.full(self.connection.weight_shape if self._own else (1,), values, dtype=self.dtype)
        return np.ascontiguousarray(self._spread(values), dtype=self.dtype)

    def delays(self, steps: np.ndarray) -> np.ndarray:
        """Delays in steps, one a connection."""
        return np.ascontiguousarray(self._spread(steps), dtype=np.int32)

    def fold(self, sums: np.ndarray) -> np.ndarray:
        """Sums of all entries in the shape of the network's weights."""
        connection = self.connection
        if isinstance(connection, AllPairs):
            return connection.fold(sums.reshape(connection.weight_shape))
        if self._index is None:
            return np.zeros(0, dtype=self.dtype)
        if self.dense:
            sums = sums.reshape(connection.n_pre, connection.n_post)[self._pre, self.post]
        if sums.size == np.prod(connection.weight_shape) and len(connection.weight_shape) == 1:
            return sums
        size = int(np.prod(connection.weight_shape))
        return np.bincount(self._index, sums, size).reshape(connection.weight_shape).astype(self.dtype)

    @property
    def _own(self) -> bool:
        return isinstance(self.connection, AllPairs)

    def _spread(self, values: np.ndarray) -> np.ndarray:
        if self._own:
            return self.connection.unroll(values)
        single = np.broadcast_to(values, self.post.shape) if self._index is None else values.ravel()[self._index]
        if not self.dense:
            return single
        matrix = np.zeros((self.connection.n_pre, self.connection.n_post), dtype=single.dtype)
        matrix[self._pre, self.post] = single
        return matrix

"""Which neuron of one population is connected to which of another, and which weight each connection has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


class Connection:
    """Connections from a population of ``input_shape`` to one of ``output_shape``."""

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    @property
    def n_pre(self) -> int:
        """Neurons that the connections come from."""
        return math.prod(self.input_shape)

    @property
    def n_post(self) -> int:
        """Neurons that they lead to."""
        return math.prod(self.output_shape)

    @property
    def fan_in(self) -> float:
        """Connections that a neuron receives, on average."""
        return len(self.synapses()[0]) / self.n_post

    def unroll(self, values: np.ndarray) -> np.ndarray:
        """One value a connection, given in the shape of the weights, as a matrix (n_pre, n_post), elsewhere 0."""
        pre, post, index = self.synapses()
        matrix = np.zeros((self.n_pre, self.n_post), dtype=np.float64 if index is None else values.dtype)
        matrix[pre, post] = 1.0 if index is None else values.ravel()[index]
        return matrix

    def fold(self, matrix: np.ndarray) -> np.ndarray:
        """Sum a matrix (n_pre, n_post) over the connections that share a weight, into an array like the weights."""
        pre, post, index = self.synapses()
        if index is None:
            return np.zeros(0)
        return np.bincount(index, matrix[pre, post], minlength=math.prod(self.weight_shape)).reshape(self.weight_shape)


@dataclass(frozen=True)
class AllPairs(Connection):
    """Every neuron to every neuron.

    Parameters
    ----------
    input_shape, output_shape : tuple of int
    others : bool
        Within one population: every neuron to every other one, but not to itself. Weights on the diagonal are not used.
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    others: bool = False

    @property
    def weight_shape(self) -> tuple[int, int]:
        """``(n_pre, n_post)``."""
        return self.n_pre, self.n_post

    @property
    def fan_in(self) -> int:
        """Connections that each neuron receives."""
        return self.n_pre - self.others

    def synapses(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One entry a connection, sorted by presynaptic neuron: ``(pre, post, index)``, index into the flat weights."""
        n_pre, n_post = self.weight_shape
        index = np.arange(n_pre * n_post)
        if self.others:
            index = index[index // n_post != index % n_post]
        return index // n_post, index % n_post, index

    def unroll(self, values: np.ndarray) -> np.ndarray:
        """The values as a matrix (n_pre, n_post)."""
        return np.where(np.eye(self.n_pre, dtype=bool), values.dtype.type(0), values) if self.others else values

    def fold(self, matrix: np.ndarray) -> np.ndarray:
        """The matrix, without the connections that do not exist."""
        return self.unroll(matrix)


@dataclass(frozen=True, eq=False)
class Pairs(Connection):
    """Single connections, of which each has a weight of its own.

    Parameters
    ----------
    input_shape, output_shape : tuple of int
    pre, post : int32 arrays (n_connections,)
        Flat indices of the neurons, sorted by ``pre``, then by ``post``; each pair once.
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    pre: np.ndarray
    post: np.ndarray

    @property
    def weight_shape(self) -> tuple[int]:
        """``(n_connections,)``."""
        return (len(self.pre),)

    def synapses(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One entry a connection, sorted by presynaptic neuron: ``(pre, post, index)``."""
        return self.pre, self.post, np.arange(len(self.pre))


@dataclass(frozen=True)
class Windows(Connection):
    """Each neuron of a map to a square window of the map before; maps are ``(height, width, channels)``.

    Parameters
    ----------
    input_shape, output_shape : tuple of int
    size, stride, padding : int
        Window (row, column) of the output begins at ``stride * row - padding``; what lies outside of the input is cut
        off.
    shared_kernel : bool
        True: all channels are connected, by one kernel (size, size, c_in, c_out) for all positions (convolution).
        False: each channel to its own, with fixed weight 1 (pooling).
    """

    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    size: int
    stride: int
    padding: int
    shared_kernel: bool

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """``(size, size, c_in, c_out)``, or ``(0,)`` where weights are fixed."""
        return (self.size, self.size, self.input_shape[2], self.output_shape[2]) if self.shared_kernel else (0,)

    def synapses(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """One entry a connection, sorted by presynaptic neuron: ``(pre, post, index)``; index None if weights are 1."""
        height, width, c_in = self.input_shape
        rows, columns, c_out = self.output_shape
        channels = (c_in, c_out) if self.shared_kernel else (c_in, 1)
        row, column, y, x, i, j = np.indices((rows, columns, self.size, self.size, *channels)).reshape(6, -1)
        in_row, in_column = self.stride * row - self.padding + y, self.stride * column - self.padding + x
        inside = (in_row >= 0) & (in_row < height) & (in_column >= 0) & (in_column < width)
        pre = (in_row * width + in_column) * c_in + i
        post = (row * columns + column) * c_out + (j if self.shared_kernel else i)
        index = ((y * self.size + x) * c_in + i) * c_out + j
        order = np.flatnonzero(inside)[np.lexsort((post[inside], pre[inside]))]
        return pre[order], post[order], index[order] if self.shared_kernel else None

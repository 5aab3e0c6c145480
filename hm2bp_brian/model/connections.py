"""Which neuron of one population is connected to which of the next, and which weight each connection has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AllToAll:
    """Every neuron to every neuron.

    Parameters
    ----------
    input_shape, output_shape : tuple of int
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    @property
    def weight_shape(self) -> tuple[int, int]:
        """``(n_pre, n_post)``."""
        return math.prod(self.input_shape), math.prod(self.output_shape)

    def synapses(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One entry a connection, sorted by presynaptic neuron: ``(pre, post, index)``, index into the flat weights."""
        n_pre, n_post = self.weight_shape
        index = np.arange(n_pre * n_post)
        return index // n_post, index % n_post, index

    def unroll(self, weights: np.ndarray) -> np.ndarray:
        """The weights as a matrix (n_pre, n_post)."""
        return weights

    def fold(self, matrix: np.ndarray) -> np.ndarray:
        """Sum a matrix (n_pre, n_post) over the connections that share a weight."""
        return matrix


@dataclass(frozen=True)
class AllToOthers:
    """Every neuron of a population to every other one of it, but not to itself.

    Parameters
    ----------
    output_shape : tuple of int
        Shape of the population.
    """

    output_shape: tuple[int, ...]

    def synapses(self) -> tuple[np.ndarray, np.ndarray, None]:
        """One entry a connection, sorted by presynaptic neuron: ``(pre, post, None)``, as all have one weight."""
        pre, post = np.nonzero(~np.eye(math.prod(self.output_shape), dtype=bool))
        return pre, post, None


@dataclass(frozen=True)
class Windows:
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

    def unroll(self, weights: np.ndarray) -> np.ndarray:
        """The weights as a matrix (n_pre, n_post), 0 where there is no connection."""
        pre, post, index = self.synapses()
        dtype = weights.dtype if self.shared_kernel else np.float64
        matrix = np.zeros((math.prod(self.input_shape), math.prod(self.output_shape)), dtype=dtype)
        matrix[pre, post] = 1.0 if index is None else weights.ravel()[index]
        return matrix

    def fold(self, matrix: np.ndarray) -> np.ndarray:
        """Sum a matrix (n_pre, n_post) over the connections that share a weight, into an array like the weights."""
        pre, post, index = self.synapses()
        if index is None:
            return np.zeros(0)
        size = math.prod(self.weight_shape)
        return np.bincount(index, matrix[pre, post], minlength=size).reshape(self.weight_shape)

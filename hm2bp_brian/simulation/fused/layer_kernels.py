"""The kernels of one layer: its neurons' generated code, compiled with the kernels of its kind of connection."""

from __future__ import annotations

import ctypes

import numpy as np

from hm2bp_brian.errors import NumericalError
from hm2bp_brian.learning.gradients import SILENT_DELTA_RATIO, SILENT_KAPPA_RATIO, SILENT_POST_SPSP
from hm2bp_brian.model.connections import AllToAll
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.simulation.fused import spike_kernels
from hm2bp_brian.simulation.fused.codegen import generate
from hm2bp_brian.simulation.fused.compiler import load
from hm2bp_brian.simulation.fused.spike_kernels import int64, pointer
from hm2bp_brian.spikes import SpikeBatch

C_TYPES = {"float32": ("float", "int32_t"), "float64": ("double", "int64_t")}


class LayerKernels:
    """Forward and backward pass of one layer.

    Parameters
    ----------
    network : SpikingNetwork
    layer : int
    dtype : numpy dtype
    threads : int
    """

    kind = ""

    def __init__(self, network: SpikingNetwork, layer: int, dtype: np.dtype, threads: int):
        neuron = network.neurons[layer]
        self.layer = layer
        self.connection = network.connections[layer]
        self.lateral_inhibition = network.layers[layer].lateral_inhibition
        self.dt = network.dt
        self.dtype = dtype
        self.threads = threads
        self.code = generate(neuron, network.size(layer), network.thresholds[layer], network.dt, dtype)
        self.library = load(self._source(), f"{self.kind} kernels in {dtype} for {neuron!r}")
        self._neuron_of_bit = self._layout()
        self._bits = np.empty(0, dtype=np.uint64)  # kept, as fresh memory costs more than what is done with it

    def _layout(self) -> np.ndarray:
        """Neuron of each bit of a step's spikes, int32 (64 * n_words,); -1 where a bit is padding."""
        raise NotImplementedError

    def _source(self) -> str:
        scalar, flag = C_TYPES[self.dtype.name]
        return "\n".join(
            [
                "#include <cmath>",
                "#include <cstdint>",
                f"typedef {scalar} scalar;",
                f"typedef {flag} flag;",
                '#include "tile.hpp"',
                "using namespace std;",
                "template <typename T> static inline int int_(T value) { return int(value); }",
                self.code.source,
                f'#include "{self.kind}_forward.hpp"',
                f'#include "{self.kind}_backward.hpp"',
            ]
        )

    def cast(self, array: np.ndarray) -> np.ndarray:
        """The array as the kernels take it; no copy if it is so already."""
        return np.ascontiguousarray(array, dtype=self.dtype)

    def forward(self, weights: np.ndarray, pre: SpikeBatch) -> SpikeBatch:
        """The layer's spikes; NumericalError if a state becomes NaN or infinite."""
        shape = (pre.n_samples, pre.n_steps, len(self._neuron_of_bit) // 64)
        if self._bits.size < np.prod(shape):
            self._bits = np.empty(np.prod(shape), dtype=np.uint64)
        bits = self._bits[: np.prod(shape)].reshape(shape)
        failure = np.empty(2, dtype=np.int64)
        arrays = (ctypes.c_void_p * len(self.code.arrays))(*(array.ctypes.data for array in self.code.arrays))
        spikes = [pointer(pre.neurons), pointer(pre.offsets), *int64(pre.n_samples, pre.n_steps)]
        neurons = [arrays, pointer(self.code.constants), ctypes.c_double(self.dt)]
        self._forward(spikes, self.cast(weights), neurons, [pointer(bits), pointer(failure), self.threads])
        if failure[0] >= 0:
            raise NumericalError(
                f"layer {self.layer} has a state that is NaN or infinite in sample {failure[0]} at step {failure[1]}; "
                "check its weights, and whether the integration method is stable at this dt"
            )
        return spike_kernels.batch_from_bits(bits, self._neuron_of_bit, self.connection.output_shape, self.threads)

    def backward(self, pre, post, weights, linear_map, v_th, delta, factor, v_th_pre):
        """The same as ``learning.gradients.adjoint_layer``."""
        gradient = np.empty(weights.shape, dtype=self.dtype)
        delta_pre = None if v_th_pre is None else np.empty((pre.n_samples, pre.n_neurons), dtype=self.dtype)
        active, refractory = self._matrices(linear_map)
        weights, delta, factor = (self.cast(array) for array in (weights, delta, factor))
        trains = [*pre.by_neuron, *post.by_neuron]
        arguments = [
            *map(pointer, trains),
            *int64(pre.n_samples, pre.n_steps),
            *self._sizes(),
            pointer(active),
            pointer(refractory),
            *int64(linear_map.refractory_steps),
            self._pointer_to(weights),
            ctypes.c_double(v_th),
            ctypes.c_double(v_th_pre or 1.0),
            pointer(delta),
            pointer(factor),
            *map(ctypes.c_double, (SILENT_POST_SPSP, SILENT_DELTA_RATIO, SILENT_KAPPA_RATIO)),
            pointer(gradient),
            pointer(delta_pre),
            self.threads,
        ]
        self._backward(arguments)
        return gradient, delta_pre

    def _matrices(self, linear_map) -> tuple[np.ndarray, np.ndarray]:
        """The map's matrices with the membrane potential as first and the synaptic variable as last variable."""
        ends = (linear_map.membrane, linear_map.synaptic)
        others = [variable for variable in range(linear_map.active.shape[-1]) if variable not in ends]
        order = np.ix_([linear_map.membrane, *others, linear_map.synaptic], [linear_map.membrane, *others, linear_map.synaptic])
        return self.cast(linear_map.active[:, *order]), self.cast(linear_map.refractory[:, *order])

    def _pointer_to(self, weights: np.ndarray):
        return pointer(weights if weights.size else None)


class DenseKernels(LayerKernels):
    """``kernels/dense_forward.hpp`` and ``dense_backward.hpp``."""

    kind = "dense"

    def _layout(self) -> np.ndarray:
        return _padded(np.arange(self.connection.weight_shape[1]))

    def _sizes(self) -> list:
        return int64(*self.connection.weight_shape)

    def _forward(self, spikes, weights, neurons, results) -> None:
        lateral = ctypes.c_double(self.lateral_inhibition)
        self.library.dense_forward(*spikes, *self._sizes(), pointer(weights), *neurons, lateral, *results)

    def _backward(self, arguments) -> None:
        self.library.dense_backward(*arguments)

    def spsp(self, pre: SpikeBatch, post: SpikeBatch, linear_map) -> np.ndarray:
        """The same as ``learning.spsp.layer_spsp``."""
        spsp = np.empty((pre.n_samples, pre.n_neurons, post.n_neurons), dtype=self.dtype)
        active, refractory = self._matrices(linear_map)
        trains = [*pre.by_neuron, *post.by_neuron]
        self.library.dense_spsp(
            *map(pointer, trains),
            *int64(pre.n_samples, pre.n_steps, pre.n_neurons, post.n_neurons),
            pointer(active),
            pointer(refractory),
            *int64(linear_map.refractory_steps),
            pointer(spsp),
            self.threads,
        )
        return spsp


class WindowsKernels(LayerKernels):
    """``kernels/windows_forward.hpp`` and ``windows_backward.hpp``."""

    kind = "windows"

    def _layout(self) -> np.ndarray:
        rows, columns, channels = self.connection.output_shape
        neurons = np.arange(rows * columns * channels).reshape(-1, channels)
        # as Windows::layout() in kernels/windows.hpp
        return _padded(_padded(neurons, 16 if channels <= 48 else 64).ravel())

    def _sizes(self) -> list:
        c = self.connection
        self._geometry = np.array([*c.input_shape, *c.output_shape, c.size, c.stride, c.padding], dtype=np.int64)
        return [pointer(self._geometry)]

    def _forward(self, spikes, weights, neurons, results) -> None:
        self.library.windows_forward(*spikes, *self._sizes(), self._pointer_to(weights), *neurons, *results)

    def _backward(self, arguments) -> None:
        self.library.windows_backward(*arguments)


def _padded(neurons: np.ndarray, unit: int = 64) -> np.ndarray:
    """Neuron of each lane, int32: the last axis padded with -1 to a multiple of ``unit``."""
    padding = [(0, 0)] * (neurons.ndim - 1) + [(0, -neurons.shape[-1] % unit)]
    return np.pad(neurons, padding, constant_values=-1).astype(np.int32)


def make_kernels(network: SpikingNetwork, layer: int, dtype: np.dtype, threads: int) -> LayerKernels:
    """The kernels for a layer's kind of connection."""
    kind = DenseKernels if isinstance(network.connections[layer], AllToAll) else WindowsKernels
    return kind(network, layer, dtype, threads)

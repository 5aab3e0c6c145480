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

C_TYPES = {"float32": "float", "float64": "double"}


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

    def _source(self) -> str:
        return "\n".join(
            [
                "#include <cmath>",
                "#include <cstdint>",
                f"typedef {C_TYPES[self.dtype.name]} scalar;",
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
        channels, stripe, n_words = self._layout()
        bits = np.empty((pre.n_samples, pre.n_steps, n_words), dtype=np.uint64)
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
        return spike_kernels.batch_from_bits(bits, self.connection.output_shape, self.threads, channels, stripe)

    def backward(self, pre, post, weights, linear_map, v_th, delta, factor, v_th_pre):
        """The same as ``learning.gradients.adjoint_layer``."""
        gradient = np.empty(weights.shape, dtype=self.dtype)
        delta_pre = None if v_th_pre is None else np.empty((pre.n_samples, pre.n_neurons), dtype=self.dtype)
        arrays = [self.cast(array) for array in (linear_map.active, linear_map.refractory, weights, delta, factor)]
        active, refractory, weights, delta, factor = arrays
        trains = [*pre.by_neuron, *post.by_neuron]
        arguments = [
            *map(pointer, trains),
            *int64(pre.n_samples, pre.n_steps),
            *self._sizes(),
            pointer(active),
            pointer(refractory),
            *int64(linear_map.membrane, linear_map.synaptic, linear_map.refractory_steps),
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

    def _pointer_to(self, weights: np.ndarray):
        return pointer(weights if weights.size else None)


class DenseKernels(LayerKernels):
    """``kernels/dense_forward.hpp`` and ``dense_backward.hpp``."""

    kind = "dense"

    def _layout(self) -> tuple[int, int, int]:
        n_words = (self.connection.weight_shape[1] + 63) // 64
        return 1, 1, n_words

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
        active, refractory = self.cast(linear_map.active), self.cast(linear_map.refractory)
        trains = [*pre.by_neuron, *post.by_neuron]
        self.library.dense_spsp(
            *map(pointer, trains),
            *int64(pre.n_samples, pre.n_steps, pre.n_neurons, post.n_neurons),
            pointer(active),
            pointer(refractory),
            *int64(linear_map.membrane, linear_map.synaptic, linear_map.refractory_steps),
            pointer(spsp),
            self.threads,
        )
        return spsp


class WindowsKernels(LayerKernels):
    """``kernels/windows_forward.hpp`` and ``windows_backward.hpp``."""

    kind = "windows"

    def _layout(self) -> tuple[int, int, int]:
        rows, columns, channels = self.connection.output_shape
        # as Windows::layout() in kernels/windows.hpp
        stripe = next((width for width in (16, 32) if channels <= width), -(-channels // 64) * 64)
        return channels, stripe, -(-rows * columns * stripe // 64)

    def _sizes(self) -> list:
        c = self.connection
        self._geometry = np.array([*c.input_shape, *c.output_shape, c.size, c.stride, c.padding], dtype=np.int64)
        return [pointer(self._geometry)]

    def _forward(self, spikes, weights, neurons, results) -> None:
        self.library.windows_forward(*spikes, *self._sizes(), self._pointer_to(weights), *neurons, *results)

    def _backward(self, arguments) -> None:
        self.library.windows_backward(*arguments)


def make_kernels(network: SpikingNetwork, layer: int, dtype: np.dtype, threads: int) -> LayerKernels:
    """The kernels for a layer's kind of connection."""
    kind = DenseKernels if isinstance(network.connections[layer], AllToAll) else WindowsKernels
    return kind(network, layer, dtype, threads)

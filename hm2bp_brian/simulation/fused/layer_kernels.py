"""The kernels of one layer: its neurons' generated code, compiled with the kernels of its kind of connection."""

from __future__ import annotations

import ctypes
import math

import numpy as np

from hm2bp_brian.errors import EngineError, NumericalError
from hm2bp_brian.learning.gradients import SILENT_KAPPA_RATIO, SILENT_POST_SPSP
from hm2bp_brian.model.connections import AllToAll, Windows
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
        self.lateral_inhibition = network.lateral_strengths[layer]
        self.dt = network.dt
        self.dtype = dtype
        self.threads = threads
        self.code = generate(neuron, network.size(layer), network.thresholds[layer], network.dt, dtype)
        self.library = load(self._source(), f"{self.kind} kernels in {dtype} for {neuron!r}")

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
        weights = self.cast(weights)
        failure = np.empty(2, dtype=np.int64)
        arrays = (ctypes.c_void_p * len(self.code.arrays))(*(array.ctypes.data for array in self.code.arrays))
        arguments = [
            pointer(pre.neurons),
            pointer(pre.offsets),
            *int64(pre.n_samples, pre.n_steps),
            *self._sizes(),
            self._pointer_to(weights),
            arrays,
            pointer(self.code.constants),
            ctypes.c_double(self.dt),
        ]
        (neurons, offsets), trains = self._forward(arguments, pre.n_samples, pre.n_steps, failure)
        shape = self.connection.output_shape
        return SpikeBatch.from_sorted(neurons, offsets, pre.n_samples, pre.n_steps, shape, trains)

    def _check_state(self, failure: np.ndarray) -> None:
        sample, step = failure
        if sample >= 0:
            raise NumericalError(
                f"layer {self.layer} has a state that is NaN or infinite in sample {sample} at step {step}; "
                "check its weights, and whether the integration method is stable at this dt"
            )

    def backward(self, pre, post, weights, linear_map, v_th, delta, factor, v_th_pre, silent_delta_ratio):
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
            *map(ctypes.c_double, (SILENT_POST_SPSP, silent_delta_ratio, SILENT_KAPPA_RATIO)),
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
        order = [linear_map.membrane, *others, linear_map.synaptic]
        active, refractory = (m[:, order][:, :, order] for m in (linear_map.active, linear_map.refractory))
        return self.cast(active), self.cast(refractory)

    def _pointer_to(self, weights: np.ndarray):
        return pointer(weights if weights.size else None)


class DenseKernels(LayerKernels):
    """``kernels/dense_forward.hpp`` and ``dense_backward.hpp``."""

    kind = "dense"

    def _sizes(self) -> list:
        return int64(*self.connection.weight_shape)

    def _forward(self, arguments, n_samples, n_steps, failure):
        n_neurons = self.connection.weight_shape[1]
        n_tiles = -(-n_neurons // 64)
        bits = np.empty((n_tiles, n_samples, n_steps), dtype=np.uint64)
        counts = np.empty((n_tiles, n_samples), dtype=np.int64)
        lateral = ctypes.c_double(self.lateral_inhibition)
        self.library.dense_forward(*arguments, lateral, pointer(bits), pointer(counts), pointer(failure), self.threads)
        self._check_state(failure)
        return spike_kernels.lists_from_bits(bits.transpose(1, 2, 0), counts.sum(axis=0), n_neurons, self.threads)

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

    def _sizes(self) -> list:
        c = self.connection
        self._geometry = np.array([*c.input_shape, *c.output_shape, c.size, c.stride, c.padding], dtype=np.int64)
        return [pointer(self._geometry)]

    def _forward(self, arguments, n_samples, n_steps, failure):
        self.library.windows_forward.restype = ctypes.c_void_p
        offsets = np.zeros(n_samples * n_steps + 1, dtype=np.int64)
        lists = self.library.windows_forward(*arguments, pointer(offsets[1:]), pointer(failure), self.threads)
        np.cumsum(offsets, out=offsets)
        neurons = np.empty(offsets[-1], dtype=np.int32)
        self.library.take_spikes(ctypes.c_void_p(lists), pointer(neurons))
        self._check_state(failure)
        n_neurons = math.prod(self.connection.output_shape)
        return (neurons, offsets), spike_kernels.transpose_lists(neurons, offsets, n_samples, n_neurons, self.threads)

    def _backward(self, arguments) -> None:
        self.library.windows_backward(*arguments)


KERNELS = {AllToAll: DenseKernels, Windows: WindowsKernels}


def make_kernels(network: SpikingNetwork, layer: int, dtype: np.dtype, threads: int) -> LayerKernels:
    """The kernels for a layer's kind of connection; EngineError if there are none."""
    kind = type(network.connections[layer])
    if kind not in KERNELS:
        raise EngineError(
            f"layer {layer}: engine 'fused' has kernels for {' and '.join(known.__name__ for known in KERNELS)}, found "
            f"{kind.__name__}; take engine='brian2'"
        )
    return KERNELS[kind](network, layer, dtype, threads)

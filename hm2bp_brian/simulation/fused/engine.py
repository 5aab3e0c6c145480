"""The training engine: batched kernels, a layer at a time over the whole presentation."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager

import numpy as np

from hm2bp_brian.errors import NumericalError
from hm2bp_brian.learning.gradients import SILENT_DELTA_RATIO, SILENT_KAPPA_RATIO, SILENT_POST_SPSP
from hm2bp_brian.model.linearity import LinearMap
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.simulation.fused import spike_kernels
from hm2bp_brian.simulation.fused.codegen import NeuronCode, generate
from hm2bp_brian.simulation.fused.compiler import load
from hm2bp_brian.simulation.fused.spike_kernels import pointer
from hm2bp_brian.spikes import SpikeBatch, SpikeRecord

C_TYPES = {"float32": "float", "float64": "double"}


class FusedSimulator:
    """Runs a network, and HM2-BP through it, in compiled kernels.

    Results are bit-identical for any number of threads; a sample's spikes do not depend on its batch.

    Parameters
    ----------
    network : SpikingNetwork
    dtype : "float32" or "float64"
    threads : int

    Raises
    ------
    EngineError
        If the network's equations can't be run a tile at a time.
    CompilationError
        If there is no C++ compiler, or it refuses the generated code.
    """

    name = "fused"

    def __init__(self, network: SpikingNetwork, dtype: str, threads: int):
        self.network = network
        self.dtype = np.dtype(dtype)
        self.threads = threads
        self._codes: list[NeuronCode] = []
        self._libraries: list[ctypes.CDLL] = []
        for layer, neuron in enumerate(network.neurons):
            code = generate(neuron, network.size(layer), network.thresholds[layer], network.dt, self.dtype)
            source = _dense_source(code, self.dtype)
            self._codes.append(code)
            self._libraries.append(load(source, f"dense kernels in {self.dtype} for {neuron!r}"))

    def run(self, weights, batch: SpikeBatch) -> SpikeRecord:
        """Present a batch.

        Parameters
        ----------
        weights : list of arrays
            One array a layer, as ``network.weights``.
        batch : SpikeBatch

        Returns
        -------
        SpikeRecord

        Raises
        ------
        NumericalError
            If a state becomes NaN or infinite; layer, sample and step are named.
        """
        spikes = [batch]
        for layer in range(len(self.network.layers)):
            spikes.append(self._run_layer(layer, self._cast(weights[layer]), spikes[-1]))
        return SpikeRecord(batch, spikes[1:])

    def _run_layer(self, layer: int, weights: np.ndarray, pre: SpikeBatch) -> SpikeBatch:
        network, code = self.network, self._codes[layer]
        n_post = network.size(layer)
        bits = np.empty((pre.n_samples, pre.n_steps, (n_post + 63) // 64), dtype=np.uint64)
        failure = np.empty(2, dtype=np.int64)
        arrays = (ctypes.c_void_p * len(code.arrays))(*(array.ctypes.data for array in code.arrays))
        self._libraries[layer].dense_forward(
            pointer(pre.neurons),
            pointer(pre.offsets),
            *(ctypes.c_int64(n) for n in (pre.n_samples, pre.n_steps, pre.n_neurons, n_post)),
            pointer(weights),
            arrays,
            pointer(code.constants),
            ctypes.c_double(network.dt),
            ctypes.c_double(network.layers[layer].lateral_inhibition),
            pointer(bits),
            pointer(failure),
            self.threads,
        )
        if failure[0] >= 0:
            raise NumericalError(
                f"layer {layer} has a state that is NaN or infinite in sample {failure[0]} at step {failure[1]}; check "
                "its weights, and whether the integration method is stable at this dt"
            )
        return spike_kernels.batch_from_bits(bits, network.shapes[layer], self.threads)

    def backward_layer(
        self,
        pre: SpikeBatch,
        post: SpikeBatch,
        weights: np.ndarray,
        linear_map: LinearMap,
        v_th: float,
        delta: np.ndarray,
        factor: np.ndarray,
        v_th_pre: float | None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """One layer's backward pass: the same as ``learning.gradients.adjoint_layer``, compiled."""
        gradient = np.empty(weights.shape, dtype=self.dtype)
        delta_pre = None if v_th_pre is None else np.empty((pre.n_samples, pre.n_neurons), dtype=self.dtype)
        weights, delta, factor = self._cast(weights), self._cast(delta), self._cast(factor)
        with self._trains_and_map(pre, post, linear_map) as (library, arguments):
            library.dense_backward(
                *arguments,
                pointer(weights),
                ctypes.c_double(v_th),
                ctypes.c_double(v_th_pre or 1.0),
                pointer(delta),
                pointer(factor),
                *(ctypes.c_double(c) for c in (SILENT_POST_SPSP, SILENT_DELTA_RATIO, SILENT_KAPPA_RATIO)),
                pointer(gradient),
                pointer(delta_pre),
                self.threads,
            )
        return gradient, delta_pre

    def layer_spsp(self, pre: SpikeBatch, post: SpikeBatch, linear_map: LinearMap) -> np.ndarray:
        """S-PSPs of one layer: the same as ``learning.spsp.layer_spsp``, compiled."""
        spsp = np.empty((pre.n_samples, pre.n_neurons, post.n_neurons), dtype=self.dtype)
        with self._trains_and_map(pre, post, linear_map) as (library, arguments):
            library.dense_spsp(*arguments, pointer(spsp), self.threads)
        return spsp

    @contextmanager
    def _trains_and_map(self, pre: SpikeBatch, post: SpikeBatch, linear_map: LinearMap):
        """The arguments that both backward kernels begin with; their arrays live as long as the context."""
        trains = [*pre.by_neuron, *post.by_neuron]
        matrices = [self._cast(linear_map.active), self._cast(linear_map.refractory)]
        sizes = (pre.n_samples, pre.n_steps, pre.n_neurons, post.n_neurons)
        places = (linear_map.membrane, linear_map.synaptic, linear_map.refractory_steps)
        arguments = [
            *map(pointer, trains),
            *map(ctypes.c_int64, sizes),
            *map(pointer, matrices),
            *map(ctypes.c_int64, places),
        ]
        yield self._libraries[self._layer_of(linear_map)], arguments

    def encode(self, thresholds: np.ndarray, keys: np.ndarray, n_steps: int, shape) -> SpikeBatch:
        """Bernoulli input spikes: the same as ``encoding.poisson.bernoulli_spikes``, compiled."""
        return spike_kernels.bernoulli_spikes(thresholds, keys, n_steps, shape, self.threads)

    def _layer_of(self, linear_map: LinearMap) -> int:
        maps = [self.network.linear_map(layer) for layer in range(len(self.network.layers))]
        return next(layer for layer, known in enumerate(maps) if known is linear_map)

    def _cast(self, array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array, dtype=self.dtype)


def _dense_source(code: NeuronCode, dtype: np.dtype) -> str:
    return "\n".join(
        [
            "#include <cmath>",
            "#include <cstdint>",
            f"typedef {C_TYPES[dtype.name]} scalar;",
            '#include "tile.hpp"',
            "using namespace std;",
            "template <typename T> static inline int int_(T value) { return int(value); }",
            code.source,
            '#include "dense_forward.hpp"',
            '#include "dense_backward.hpp"',
        ]
    )

"""The training engine: batched kernels, a layer at a time over the whole presentation."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.engines.fused import spike_kernels
from hm2bp_brian.engines.fused.layer_kernels import make_kernels
from hm2bp_brian.engines.fused.update_kernels import CompiledUpdater
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch, SpikeRecord


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
        self.dtype = np.dtype(dtype)
        self.threads = threads
        self.updater = CompiledUpdater(self.dtype, threads)
        self._layers = [make_kernels(network, n, self.dtype, threads) for n in range(len(network.layers))]

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
        for layer, kernels in enumerate(self._layers):
            spikes.append(kernels.forward(weights[layer], spikes[-1]))
        return SpikeRecord(batch, spikes[1:])

    def backward_layer(self, connection, *arguments):
        """One layer's backward pass: the same as ``learning.gradients.adjoint_layer``, compiled."""
        kernels = next(kernels for kernels in self._layers if kernels.connection is connection)
        return kernels.backward(*arguments)

    def layer_spsp(self, pre: SpikeBatch, post: SpikeBatch, linear_map) -> np.ndarray:
        """S-PSPs among an output layer's neurons: the same as ``learning.spsp.layer_spsp``, compiled."""
        return self._layers[-1].spsp(pre, post, linear_map)

    def encode(self, thresholds: np.ndarray, keys: np.ndarray, n_steps: int, shape) -> SpikeBatch:
        """Bernoulli input spikes: the same as ``encoding.poisson.bernoulli_spikes``, compiled."""
        return spike_kernels.bernoulli_spikes(thresholds, keys, n_steps, shape, self.threads)

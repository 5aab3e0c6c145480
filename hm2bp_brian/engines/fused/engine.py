"""The training engine: batched kernels, a layer at a time over the whole presentation."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.engines.fused.encoder import CompiledBernoulliEncoder
from hm2bp_brian.engines.fused.layer_kernels import make_kernels
from hm2bp_brian.engines.fused.update_kernels import CompiledUpdater
from hm2bp_brian.engines.protocol import HostTape
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.gradient_sum import GradientSum
from hm2bp_brian.learning.losses import Errors
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.borders import check_batch, checked_weights
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch, SpikeRecord


class FusedEngine:
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
        self.updater = CompiledUpdater(self.dtype, threads)
        self._layers = [make_kernels(network, n, self.dtype, threads) for n in range(len(network.layers))]

    def forward(self, weights, spikes: SpikeBatch) -> HostTape:
        """Present a batch.

        Parameters
        ----------
        weights : sequence of arrays
            One array a layer, as ``network.weights``.
        spikes : SpikeBatch

        Raises
        ------
        SpikeError, ShapeError
            If the batch or the weights don't fit the network.
        NumericalError
            If a weight is not finite, or a state becomes NaN or infinite; layer, sample and step are named.
        """
        check_batch(self.network, spikes)
        weights = checked_weights(self.network, weights, self.dtype)
        populations = [spikes]
        for kernels, array in zip(self._layers, weights, strict=True):
            populations.append(kernels.forward(array, populations[-1]))
        return HostTape(weights, SpikeRecord(spikes, populations[1:]))

    def backward(self, tape: HostTape, errors: Errors, rules: Rules) -> GradientSum:
        """Sum of the samples' gradients in the engine's dtype; see `hm2bp_brian.learning.backward.backward`."""
        errors.check(tape.counts)
        return backward(self.network, tape.weights, tape.record, errors, rules, kernels=self)

    def backward_layer(self, layer: int, *arguments):
        """The same as ``learning.backward.NumpyKernels.backward_layer``, compiled."""
        return self._layers[layer].backward(*arguments)

    def output_spsp(self, output: SpikeBatch) -> np.ndarray:
        """The same as ``learning.backward.NumpyKernels.output_spsp``, compiled."""
        return self._layers[-1].spsp(output, output)

    def encoder(self, encoder):
        """A compiled twin of a BernoulliEncoder; other encoders as they are."""
        compiled = type(encoder) is BernoulliEncoder
        return CompiledBernoulliEncoder(encoder.rate_divisor, self.threads) if compiled else encoder

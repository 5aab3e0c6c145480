"""The training engine: batched kernels, a layer at a time over the whole presentation."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.engines.fused.component_kernels import make_kernels
from hm2bp_brian.engines.fused.encoder import CompiledBernoulliEncoder
from hm2bp_brian.engines.fused.update_kernels import CompiledUpdater
from hm2bp_brian.engines.protocol import HostTape
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.gradient_sum import GradientSum
from hm2bp_brian.learning.losses import Errors
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.borders import check_batch, checked_parameters
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch


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
        self._components = [make_kernels(network, c, self.dtype, threads) for c in network.components]

    def forward(self, parameters, spikes: SpikeBatch) -> HostTape:
        """Present a batch.

        Parameters
        ----------
        parameters : sequence of arrays
            As ``network.parameters``.
        spikes : SpikeBatch

        Raises
        ------
        SpikeError, ShapeError
            If the batch or the weights don't fit the network.
        NumericalError
            If a weight is not finite, or a state becomes NaN or infinite; population, sample and step are named.
        """
        check_batch(self.network, spikes)
        parameters = checked_parameters(self.network, parameters, self.dtype)
        trains = self.network.trains(spikes)
        for kernels in self._components:
            kernels.forward(parameters, trains)
        return HostTape(parameters, self.network.record(spikes, trains))

    def backward(self, tape: HostTape, errors: Errors, rules: Rules) -> GradientSum:
        """Sum of the samples' gradients in the engine's dtype; see `hm2bp_brian.learning.backward.backward`."""
        errors.check(tape.counts)
        return backward(self.network, tape.parameters, tape.record, errors, rules, kernels=self)

    def backward_component(self, component, walk) -> None:
        """The same as ``learning.component.NumpyKernels.backward_component``, compiled."""
        self._kernels_of(component).backward(walk)

    def own_spsp(self, population, trains: SpikeBatch) -> np.ndarray:
        """The same as ``learning.component.NumpyKernels.own_spsp``, compiled."""
        return next(k for k in self._components if population in k.component.populations).own_spsp(population, trains)

    def _kernels_of(self, component):
        return next(kernels for kernels in self._components if kernels.component is component)

    def encoder(self, encoder):
        """A compiled twin of a BernoulliEncoder; other encoders as they are."""
        compiled = type(encoder) is BernoulliEncoder
        return CompiledBernoulliEncoder(encoder.rate_divisor, self.threads) if compiled else encoder

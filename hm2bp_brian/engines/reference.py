"""The reference engine: Brian2 runs the network, numpy computes gradients."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.brian.network import RuntimePresenter
from hm2bp_brian.brian.standalone import StandalonePresenter
from hm2bp_brian.devices import is_runtime
from hm2bp_brian.engines.protocol import HostTape
from hm2bp_brian.engines.updates import NumpyUpdater
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.gradient_sum import GradientSum
from hm2bp_brian.learning.losses import Errors
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.borders import check_batch, checked_parameters
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch


class ReferenceEngine:
    """Engine "brian2", on the device of Brian2 that is set when it is made.

    Parameters
    ----------
    network : SpikingNetwork
    dtype : "float32" or "float64"
        Of the simulation; gradients are float64.
    """

    name = "brian2"
    threads = 1
    updater = NumpyUpdater

    def __init__(self, network: SpikingNetwork, dtype: str):
        self.network = network
        self.dtype = np.dtype(dtype)
        self._presenter = (RuntimePresenter if is_runtime() else StandalonePresenter)(network, self.dtype)

    def forward(self, parameters, spikes: SpikeBatch) -> HostTape:
        """Present a batch; see ``BrianNetwork.run``."""
        check_batch(self.network, spikes)
        parameters = checked_parameters(self.network, parameters, self.dtype)
        return HostTape(parameters, self._presenter.run(parameters, spikes))

    def backward(self, tape: HostTape, errors: Errors, rules: Rules) -> GradientSum:
        """Sum of the samples' gradients, float64; see `hm2bp_brian.learning.backward.backward`."""
        errors.check(tape.counts)
        return backward(self.network, tape.parameters, tape.record, errors, rules)

    def encoder(self, encoder):
        """The encoder itself."""
        return encoder

    @property
    def program_seconds(self) -> float:
        """How long a compiled program ran for the last batch; 0 on the runtime device, where there is none."""
        return self._presenter.program_seconds

"""State variables of chosen neurons against time, recorded by Brian2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from brian2 import StateMonitor, get_unit
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension

from hm2bp_brian.brian.network import BrianNetwork
from hm2bp_brian.devices import runtime_device
from hm2bp_brian.errors import ConfigurationError, NoSpspError
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True, eq=False)
class StateTraces:
    """What some neurons of a layer did in one presentation.

    Parameters
    ----------
    layer : int
    neurons : tuple of int
    dt : float
        Time step in seconds.
    values : mapping of str to float64 array (n_neurons, n_steps)
        Every state variable, in SI base units, as the threshold sees it: after the state update of the step, before
        its synapses and reset.
    dimensions : mapping of str to Dimension
        Of each variable.
    spikes : tuple of int arrays
        Spike steps of each neuron.
    v_th : float
        The layer's threshold.
    membrane : str or None
        Variable that the threshold is compared with; None if it is not one variable.
    synaptic : str
        Variable to which spikes add their weight.
    """

    layer: int
    neurons: tuple[int, ...]
    dt: float
    values: Mapping[str, np.ndarray]
    dimensions: Mapping[str, Dimension]
    spikes: tuple[np.ndarray, ...]
    v_th: float
    membrane: str | None
    synaptic: str

    @property
    def units(self) -> dict[str, str]:
        """SI base unit of each variable, "1" if it has none."""
        return {name: _unit(dimension) for name, dimension in self.dimensions.items()}


@runtime_device()
def record_state_traces(
    network: SpikingNetwork, batch: SpikeBatch, layer: int, neurons: Sequence[int], sample: int = 0
) -> StateTraces:
    """Let Brian2 present one sample to the network, and record a layer's state variables.

    It is computed in the precision of the weights, so that spikes are those of a simulation in the same precision.

    Parameters
    ----------
    network : SpikingNetwork
    batch : SpikeBatch
        Input spikes.
    layer : int
    neurons : sequence of int
    sample : int
        Which sample of the batch.

    Returns
    -------
    StateTraces

    Raises
    ------
    ConfigurationError
        If there is no such layer or neuron.
    SpikeError, ShapeError
        If there is no such sample, or the batch does not fit the network.
    """
    if layer not in range(len(network.layers)):
        raise ConfigurationError(f"the network has layers 0..{len(network.layers) - 1}, found layer {layer!r}")
    neurons = tuple(int(neuron) for neuron in neurons)
    if not neurons or not 0 <= min(neurons) <= max(neurons) < network.size(layer):
        raise ConfigurationError(
            f"neurons must be some of layer {layer}'s 0..{network.size(layer) - 1}, found {list(neurons)}"
        )
    model = network.neurons[layer]
    built = BrianNetwork(network, network.weights[layer].dtype, NumpyCodeObject)
    monitor = StateMonitor(
        built[network.neural[layer].name],
        model.state_variables,
        record=sorted(set(neurons)),
        when="after_thresholds",
        codeobj_class=NumpyCodeObject,
    )
    built.network.add(monitor)
    record = built.run(batch.sample(sample))
    rows = np.searchsorted(monitor.record, neurons)
    return StateTraces(
        layer,
        neurons,
        network.dt,
        {name: np.asarray(getattr(monitor, f"{name}_"), dtype=np.float64)[rows] for name in model.state_variables},
        {name: model.dimension_of(name) for name in model.state_variables},
        tuple(record.layers[layer].train(0, neuron) for neuron in neurons),
        network.thresholds[layer],
        _membrane(model),
        model.synaptic_variable,
    )


def _unit(dimension) -> str:
    # of no dimension, Brian2 would say rad
    return "1" if dimension is DIMENSIONLESS else str(get_unit(dimension))


def _membrane(model) -> str | None:
    """What is compared with the one threshold of all neurons, if there is one."""
    try:
        return None if "v_th" in model.learned else model.membrane_variable
    except NoSpspError:
        return None

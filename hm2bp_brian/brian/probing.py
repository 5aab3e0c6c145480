"""What a neuron's equations do in one time step below threshold: a matrix, found by probing, not by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import Network, second

from hm2bp_brian.brian.devices import runtime_device
from hm2bp_brian.errors import NoSpspError
from hm2bp_brian.model.neurons import NeuronModel


@dataclass(frozen=True, eq=False)
class LinearMap:
    """One step of the state update, x(t+1) = A x(t), of every neuron of a layer.

    Parameters
    ----------
    active, refractory : float64 arrays (n_neurons, n_variables, n_variables)
        The matrix A outside and inside the refractory time.
    membrane, synaptic : int
        Index of the membrane and of the synaptic variable in x.
    refractory_steps : int
        Steps after a spike's own step in which ``refractory`` holds.
    """

    active: np.ndarray
    refractory: np.ndarray
    membrane: int
    synaptic: int
    refractory_steps: int


@runtime_device()
def _one_step(neuron: NeuronModel, states: np.ndarray, dt: float, refractory: bool) -> np.ndarray:
    """Apply one state update to ``states`` (n_probes, n_neurons, n_variables)."""
    n_probes, n_neurons, _ = states.shape
    group = _tiled(neuron, n_probes).brian_group(n_probes * n_neurons, v_th=np.inf, name="probe*", dt=dt * second)
    for variable, values in zip(neuron.state_variables, np.moveaxis(states, -1, 0), strict=True):
        group.variables[variable].set_value(values.ravel())
    if refractory:
        group.variables["lastspike"].set_value(0.0)
    Network(group).run(dt * second, namespace={})
    after = [group.variables[v].get_value().reshape(n_probes, n_neurons) for v in neuron.state_variables]
    return np.stack(after, axis=-1)


def _tiled(neuron: NeuronModel, times: int) -> NeuronModel:
    """The neuron with its one-value-a-neuron parameters repeated."""
    if not any(np.ndim(value) for value in neuron.parameters.values()):
        return neuron
    return NeuronModel(
        neuron.equations,
        threshold=neuron.threshold,
        reset=neuron.reset,
        refractory=neuron.refractory * second,
        method=neuron.method,
        synaptic_variable=neuron.synaptic_variable,
        **{k: np.tile(v, times) if np.ndim(v) else v for k, v in neuron.parameters.items()},
    )


def linear_map(neuron: NeuronModel, n_neurons: int, dt: float) -> LinearMap:
    """Probe the generated state update with unit vectors, and check on random states that it is linear.

    Parameters
    ----------
    neuron : NeuronModel
    n_neurons : int
        Size of the layer.
    dt : float
        Time step in seconds.

    Returns
    -------
    LinearMap

    Raises
    ------
    NoSpspError
        If the equations are not linear below threshold, do not rest at 0, or the threshold or reset is not of the
        form that an S-PSP needs.
    """
    variables = neuron.state_variables
    membrane = variables.index(neuron.membrane_variable)
    if variables[membrane] == neuron.synaptic_variable or neuron.blocks_synapses_when_refractory:
        raise NoSpspError(
            "no S-PSP: spikes add their weight to the membrane variable, or to one that stands still in the "
            f"refractory time ('{neuron.synaptic_variable}'); give the synapse a variable of its own"
        )
    per_neuron = any(np.ndim(value) for value in neuron.parameters.values())
    n_probed = n_neurons if per_neuron else 1
    n_variables = len(variables)
    random = np.random.default_rng(0).normal(size=(3, n_probed, n_variables)) * 10.0
    units = np.broadcast_to(np.eye(n_variables)[:, None, :], (n_variables, n_probed, n_variables))
    probes = np.concatenate([np.zeros((1, n_probed, n_variables)), units, random])
    refractory_steps = neuron.refractory_steps(dt)

    def probe(refractory: bool) -> np.ndarray:
        after = _one_step(neuron, probes, dt, refractory)
        if np.abs(after[0]).max() > 0:
            raise NoSpspError(
                f"no S-PSP: from zero, one step takes {', '.join(variables)} to {after[0, 0]}; the equations must rest "
                "at 0 without input (subtract the resting potential from the membrane variable)"
            )
        matrix = np.moveaxis(after[1 : 1 + n_variables], 0, -1)
        expected = np.einsum("nij,pnj->pni", matrix, random)
        if not np.allclose(after[1 + n_variables :], expected, rtol=1e-9, atol=1e-9):
            raise NoSpspError(
                "no S-PSP: the equations are not linear below threshold (one step of a sum of states is not the sum of "
                f"their steps):\n{neuron.equations.strip()}"
            )
        return np.broadcast_to(matrix, (n_neurons, n_variables, n_variables))

    active = probe(refractory=False)
    return LinearMap(
        active,
        probe(refractory=True) if refractory_steps else active,
        membrane,
        variables.index(neuron.synaptic_variable),
        refractory_steps,
    )

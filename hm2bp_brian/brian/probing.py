"""What a neuron's equations do in one time step below threshold: a matrix, found by probing, not by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import Network, second

from hm2bp_brian.devices import runtime_device
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
    """Apply one state update to each of ``states`` (n_probes, n_neurons, n_variables)."""
    # one probe after the other in a group of the layer's size, as equations may use the size N and the index i
    group = neuron.brian_group(states.shape[1], v_th=np.inf, name="probe*", dt=dt * second)
    Network(group).run(0 * second, namespace={})  # generates the code
    if refractory:
        group.variables["lastspike"].set_value(0.0)
    updaters = [updater for updater in (group.subexpression_updater, group.state_updater) if updater is not None]
    after = np.empty_like(states)
    for probe, state in enumerate(states):
        for variable, values in zip(neuron.state_variables, state.T, strict=True):
            group.variables[variable].set_value(values)
        for updater in updaters:
            updater.run()
        after[probe] = np.transpose([group.variables[variable].get_value() for variable in neuron.state_variables])
    return after


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
        If the equations are not linear below threshold, do not rest at 0, hold random numbers, or the threshold or
        reset is not of the form that an S-PSP needs.
    """
    variables = neuron.state_variables
    membrane = variables.index(neuron.membrane_variable)
    if variables[membrane] == neuron.synaptic_variable or neuron.blocks_synapses_when_refractory:
        raise NoSpspError(
            "no S-PSP: spikes add their weight to the membrane variable, or to one that stands still in the "
            f"refractory time ('{neuron.synaptic_variable}'); give the synapse a variable of its own"
        )
    if neuron.is_random:
        raise NoSpspError(
            "no S-PSP: the neuron has noise (xi) or random numbers; train it without them, or simulate it with "
            "engine='brian2'"
        )
    n_variables = len(variables)
    random = np.random.default_rng(0).normal(size=(3, n_neurons, n_variables)) * 10.0
    units = np.broadcast_to(np.eye(n_variables)[:, None, :], (n_variables, n_neurons, n_variables))
    probes = np.concatenate([np.zeros((1, n_neurons, n_variables)), units, random])
    refractory_steps = neuron.refractory_steps(dt)

    def probe(refractory: bool) -> np.ndarray:
        with np.errstate(all="ignore"):  # what overflows is not linear, and refused below
            after = _one_step(neuron, probes, dt, refractory)
            moved = after - after[0]
            matrix = np.moveaxis(moved[1 : 1 + n_variables], 0, -1)
            expected = np.einsum("nij,pnj->pni", matrix, random)
        if not np.allclose(moved[1 + n_variables :], expected, rtol=1e-9, atol=1e-9):
            raise NoSpspError(
                "no S-PSP: the equations are not linear below threshold (one step of a sum of states is not the sum of "
                f"their steps):\n{neuron.equations.strip()}"
            )
        if np.abs(after[0]).max() > 0:
            raise NoSpspError(
                f"no S-PSP: from zero, one step takes {', '.join(variables)} to {after[0, 0]}; the equations must rest "
                "at 0 without input (subtract the resting potential from the membrane variable)"
            )
        return matrix

    active = probe(refractory=False)
    return LinearMap(
        active,
        probe(refractory=True) if refractory_steps else active,
        membrane,
        variables.index(neuron.synaptic_variable),
        refractory_steps,
    )

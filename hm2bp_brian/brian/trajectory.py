"""Neurons that are not affine, led along the trajectory of a presentation, with derivatives at each of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

from hm2bp_brian.brian.probing import Probe, check_spikes_can_act, read_readout, readout_expressions, taken_back
from hm2bp_brian.devices import runtime_device
from hm2bp_brian.model.neurons import NeuronModel

NOTHING = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What inputs to neurons of a layer would have changed in one presentation, to first order.

    Parameters
    ----------
    states : float64 array (n_steps, n_neurons, n_variables)
        Before each step.
    update : float64 array (n_steps, n_neurons, n_variables, n_variables)
        A(t): derivative of the state after the update of step t with respect to that before.
    reset : tuple of float64 arrays (n_fired, n_variables, n_variables)
        R(t): that of the reset, of each neuron that fires in step t.
    readout : float64 array (n_neurons, n_variables)
        c, as in `LinearMap`.
    taken_back : float64 array (n_neurons, n_variables)
        As in `LinearMap`.
    synaptic : int
    drives : dict of int to float64 array (n_steps, n_neurons)
        What was added to each of the state's variables that spikes add to, in each step.
    shared : float64 array (n_neurons,) or None
        Of neurons with ``spsp="share"``, what inputs have shares in at each spike: the distance from rest to the
        threshold.
    """

    states: np.ndarray
    update: np.ndarray
    reset: tuple[np.ndarray, ...]
    readout: np.ndarray
    taken_back: np.ndarray
    synaptic: int
    drives: dict[int, np.ndarray]
    shared: np.ndarray | None = None


class Trajectories:
    """A layer's neurons, which can be made to fire as recorded.

    Parameters
    ----------
    neuron : NeuronModel
    n_neurons : int
    v_th, dt : float
        Threshold, and time step in seconds.

    Attributes
    ----------
    readout, taken_back, synaptic, refractory_steps
        As those of `LinearMap`.

    Raises
    ------
    NoSpspError
        If spikes have no derivative: random numbers, functions without one, thresholds that are not linear.
    """

    def __init__(self, neuron: NeuronModel, n_neurons: int, v_th: float, dt: float):
        check_spikes_can_act(neuron)
        self._probe = DerivativeProbe(neuron, n_neurons, v_th, dt)
        self.readout = read_readout(self._probe, n_neurons)
        self.taken_back = taken_back(neuron, self.readout)
        self.synaptic = self._probe.variables.index(neuron.synaptic_variable)
        self.refractory_steps = neuron.refractory_steps(dt)
        self._starts = neuron.start_values(n_neurons, v_th, dt)
        self._shared = neuron.threshold_distance(n_neurons, v_th, dt) if neuron.spsp == "share" else None

    def along(
        self,
        fires: np.ndarray,
        drive: np.ndarray,
        others: Mapping[str, np.ndarray] = NOTHING,
        learned: Mapping[str, np.ndarray] = NOTHING,
    ) -> Trajectory:
        """Simulate one presentation again.

        Whether a neuron fires is not asked: it does so as recorded. Where it reaches its threshold in another step, as
        rounding may have it, it waits where it was, so that neither an upswing nor its derivative runs away.

        Parameters
        ----------
        fires : bool array (n_steps, n_neurons)
        drive : float64 array (n_steps, n_neurons)
            What is added to the synaptic variable at the end of each step.
        others : mapping of str to such arrays, optional
            What is added to other variables.
        learned : mapping of str to float64 array (n_neurons,), optional
            Where learned variables start.
        """
        starts = {**self._starts, **learned}
        state = np.stack([starts[name] for name in self._probe.variables], axis=-1)
        arriving = {self.synaptic: drive} | {self._probe.variables.index(v): added for v, added in others.items()}
        states, update, reset = [], [], []
        free_from = np.zeros(len(state), dtype=int)
        for t, fired in enumerate(fires):
            states.append(state)
            refractory = t < free_from
            after, matrices = self._probe.step(state, refractory)
            waits = self._probe.reaches_threshold(after) & ~refractory & ~fired
            state = np.where(waits[:, None], state, after)
            matrices[waits] = np.eye(state.shape[1])
            for variable, added in arriving.items():
                state[:, variable] += added[t]
            update.append(matrices)
            after, matrices = self._probe.spike(state) if fired.any() else (state, matrices)
            state = np.where(fired[:, None], after, state)
            reset.append(matrices[fired])
            free_from[fired] = t + 1 + self.refractory_steps
        matrices = np.array(states), np.array(update), tuple(reset)
        return Trajectory(*matrices, self.readout, self.taken_back, self.synaptic, arriving, self._shared)


class DerivativeProbe(Probe):
    """A `Probe` that gives derivatives, float64 (n_neurons, n_variables, n_variables), besides states."""

    @runtime_device()
    def __init__(self, neuron: NeuronModel, n_neurons: int, v_th: float, dt: float):
        distance = neuron.distance_to_threshold, neuron.distance_dimension
        super().__init__(neuron, n_neurons, v_th, dt, distance=distance, **readout_expressions(neuron))
        jacobian = neuron.jacobian()
        self._entries = jacobian.update.entries, jacobian.reset.entries
        for name in sorted({*jacobian.update.names, *jacobian.reset.names}):
            self._group.variables.add_array(name, size=n_neurons, dtype=float)
        self._step = self._code(jacobian.update.statements, "update_derivatives", self._group.state_updater)
        resetter = self._group.resetter["spike"]
        self._spike = self._code(jacobian.reset.statements, "reset_derivatives", resetter, ["not_refractory"])

    @runtime_device()
    def step(self, state: np.ndarray, refractory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The state (n_neurons, n_variables) after an update, and its derivatives; bool ``refractory`` (n_neurons,)."""
        self._set_refractory(refractory)
        with np.errstate(over="ignore"):  # of neurons that have reached their threshold
            return self._run(self._step, state, self._entries[0])

    @runtime_device()
    def spike(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The state after a reset of all neurons, and its derivatives."""
        self._all_fire(len(state))
        return self._run(self._spike, state, self._entries[1])

    def reaches_threshold(self, state: np.ndarray) -> np.ndarray:
        """Whether each neuron is beyond its threshold."""
        return self.read("distance", state) > 0

    def _run(self, code: NumpyCodeObject, state: np.ndarray, entries) -> tuple[np.ndarray, np.ndarray]:
        self._set(state)
        code()
        matrices = np.empty((*state.shape, state.shape[1]))
        for number, entry in enumerate(entries.values()):
            known = self._group.variables[entry].get_value() if entry.startswith("_") else float(entry)
            matrices[:, number // state.shape[1], number % state.shape[1]] = known
        return self._get(), matrices

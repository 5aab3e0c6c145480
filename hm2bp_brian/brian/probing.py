"""What a neuron's equations do in one time step, and at a spike: matrices, found by probing, not by hand."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from brian2 import second
from brian2.codegen.codeobject import create_runner_codeobj
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

from hm2bp_brian.devices import runtime_device
from hm2bp_brian.errors import NoSpspError
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.terms import not_affine, terms_of_reset, terms_of_update

WAY_OUT = (
    "S-PSPs of such a neuron do not add up: it trains along its trajectory, and what needs S-PSPs of single neurons "
    "can't have them; leave the term out, or put its linear part at rest in its place"
)


@dataclass(frozen=True, eq=False)
class LinearMap:
    """The linear part of what happens to the state x of every neuron of a layer.

    A step takes x to A x, a spike takes it to R x, and a neuron fires when c x reaches a threshold; fixed terms beside
    these, such as a resting potential, move the state but not its derivative with respect to an input.

    Parameters
    ----------
    active, refractory : float64 arrays (n_neurons, n_variables, n_variables)
        The matrix A outside and inside the refractory time.
    reset : float64 array (n_neurons, n_variables, n_variables)
        The matrix R.
    readout : float64 array (n_neurons, n_variables)
        c, the derivative of the distance to the threshold with respect to x.
    taken_back : float64 array (n_neurons, n_variables)
        d, the part of x with c d = 1 that inputs have lifted to the threshold, and that the reset takes back; 0 where
        it leaves the potential alone.
    synaptic : int
        Index in x of the variable that spikes add to.
    refractory_steps : int
        Steps after a spike's own step in which ``refractory`` holds.
    """

    active: np.ndarray
    refractory: np.ndarray
    reset: np.ndarray
    readout: np.ndarray
    taken_back: np.ndarray
    synaptic: int
    refractory_steps: int

    def of_neuron(self, neuron: int) -> LinearMap:
        """The map of a layer that has this neuron only."""
        names = ("active", "refractory", "reset", "readout", "taken_back")
        return dataclasses.replace(self, **{name: getattr(self, name)[neuron : neuron + 1] for name in names})


class Probe:
    """A layer's neurons in Brian2, whose state is set, taken one step further, and read.

    Parameters
    ----------
    neuron : NeuronModel
    n_neurons : int
        Size of the layer, as equations may use the size N and the index i.
    v_th, dt : float
        Threshold, and time step in seconds.
    **expressions : (str, Dimension)
        What else is to be read.
    """

    @runtime_device()
    def __init__(self, neuron: NeuronModel, n_neurons: int, v_th: float, dt: float, **expressions):
        self.variables = neuron.evolving_variables
        self.expressions = expressions
        self._refractory = neuron.refractory > 0
        self._long_ago = -max(1e4, 2 * neuron.refractory)  # in seconds
        self._group = neuron.brian_group(n_neurons, v_th, name="probe*", dt=dt * second, expressions=expressions)
        for name, values in neuron.initial.items():  # parameters that nothing changes keep theirs
            self._group.variables[name].set_value(values)
        self._group._network = "probe"  # it will never run: keeps Brian2 from warning that it was forgotten
        self._generated = set()
        self._readers = {}

    @runtime_device()
    def update(self, states: np.ndarray, refractory: bool = False) -> np.ndarray:
        """Apply one state update to each of ``states`` (n_probes, n_neurons, n_variables)."""
        self._set_refractory(refractory)
        updaters = (self._group.subexpression_updater, self._group.state_updater)
        return self._apply([updater for updater in updaters if updater is not None], states)

    @runtime_device()
    def reset(self, states: np.ndarray) -> np.ndarray:
        """Let all neurons fire in each of ``states``."""
        self._all_fire(states.shape[1])
        return self._apply([self._group.resetter["spike"]], states)

    @runtime_device()
    def read(self, name: str, state: np.ndarray) -> np.ndarray:
        """The value of one of the expressions in a state (n_neurons, n_variables)."""
        found = f"_found_{name}"
        if name not in self._readers:  # the group would generate code each time that it is asked
            self._group.variables.add_array(found, size=len(state), dtype=float)
            self._readers[name] = self._code(f"{found} = {name}", found)
        self._set(state)
        self._readers[name]()
        return self._group.variables[found].get_value().copy()

    def _code(self, statements: str, name: str, runner=None, override=()) -> NumpyCodeObject:
        """What runs statements for all neurons, with the variables of one of the group's own runners."""
        return create_runner_codeobj(
            self._group,
            statements,
            "stateupdate",
            run_namespace={},
            name=f"{name}*",
            codeobj_class=NumpyCodeObject,
            additional_variables=getattr(runner, "variables", None),
            override_conditional_write=override,
            check_units=False,
        )

    def _set_refractory(self, refractory) -> None:
        if self._refractory:
            self._group.variables["lastspike"].set_value(np.where(refractory, 0.0, self._long_ago))

    def _all_fire(self, n_neurons: int) -> None:
        if self._refractory:  # whoever fires is
            self._group.variables["not_refractory"].set_value(False)
        self._group.variables["_spikespace"].set_value(np.append(np.arange(n_neurons), n_neurons))

    def _apply(self, operations, states: np.ndarray) -> np.ndarray:
        for operation in operations:
            if operation.name not in self._generated:  # code that is never run is not generated, which takes long
                operation.before_run({})
                self._generated.add(operation.name)
        after = np.empty_like(states)
        for probe, state in enumerate(states):
            self._set(state)
            for operation in operations:
                operation.run()
            after[probe] = self._get()
        return after

    def _get(self) -> np.ndarray:
        return np.transpose([self._group.variables[name].get_value() for name in self.variables])

    def _set(self, state: np.ndarray) -> None:
        for name, values in zip(self.variables, state.T, strict=True):
            self._group.variables[name].set_value(values)


def affine_map(step, n_neurons: int, n_variables: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The affine map x -> A x + b that a function applies to states, or None if it is not affine.

    Parameters
    ----------
    step : callable
        Takes and returns states, float64 (n_probes, n_neurons, n_variables).
    n_neurons, n_variables : int

    Returns
    -------
    matrix : float64 array (n_neurons, n_variables, n_variables)
    offset : float64 array (n_neurons, n_variables)
    """
    zero = np.zeros((1, n_neurons, n_variables))
    units = np.broadcast_to(np.eye(n_variables)[:, np.newaxis], (n_variables, n_neurons, n_variables))
    random = np.random.default_rng(0).normal(size=(3, n_neurons, n_variables)) * 10.0
    with np.errstate(all="ignore"):  # what overflows is not affine
        after = step(np.concatenate([zero, units, random]))
        offset = after[0]
        matrix = np.moveaxis(after[1 : 1 + n_variables] - offset, 0, -1)
        expected = np.einsum("nij,pnj->pni", matrix, random) + offset
        size = np.einsum("nij,pnj->pni", np.abs(matrix), np.abs(random)) + np.abs(offset)
        affine = np.abs(after[1 + n_variables :] - expected) <= 1e-9 * size
    return (matrix, offset) if affine.all() else None


def linear_map(neuron: NeuronModel, n_neurons: int, dt: float, v_th: float = 0.0) -> LinearMap:
    """Probe the generated state update and reset with unit vectors, and derive how the threshold reads the state.

    Parameters
    ----------
    neuron : NeuronModel
    n_neurons : int
        Size of the layer.
    dt : float
        Time step in seconds.
    v_th : float
        Threshold, which the reset may use.

    Returns
    -------
    LinearMap

    Raises
    ------
    NoSpspError
        If the equations, the reset or the threshold are not affine in the state, hold random numbers, or spikes add
        their weight to a variable that stands still in the refractory time.
    """
    check_affine(neuron)
    probe = Probe(neuron, n_neurons, v_th, dt, **readout_expressions(neuron))
    n_variables, refractory_steps = len(probe.variables), neuron.refractory_steps(dt)

    def matrix(step, what: str) -> np.ndarray:
        found = affine_map(step, n_neurons, n_variables)
        if found is None:
            raise NoSpspError(f"no S-PSP: {what} (a sum of states does not become the sum of what they become)")
        return found[0]

    not_linear = f"the equations are not linear below threshold:\n{neuron.equations.strip()}\n"
    active = matrix(probe.update, not_linear)
    readout = read_readout(probe, n_neurons)
    return LinearMap(
        active,
        matrix(lambda states: probe.update(states, refractory=True), not_linear) if refractory_steps else active,
        matrix(probe.reset, f"the reset '{neuron.reset.strip()}' is not affine"),
        readout,
        taken_back(neuron, readout),
        probe.variables.index(neuron.synaptic_variable),
        refractory_steps,
    )


def readout_expressions(neuron: NeuronModel) -> dict[str, tuple]:
    """What a `Probe` is to read to know how the threshold reads the state; NoSpspError if that is not linear."""
    return {
        f"readout_of_{variable}": (coefficient, neuron.distance_dimension / neuron.dimension_of(variable))
        for variable, coefficient in neuron.readout().items()
        if coefficient != "0"  # which has no dimension
    }


def read_readout(probe: Probe, n_neurons: int) -> np.ndarray:
    """c of a probe with these expressions, float64 (n_neurons, n_variables)."""
    c = np.zeros((n_neurons, len(probe.variables)))
    for number, variable in enumerate(probe.variables):
        if f"readout_of_{variable}" in probe.expressions:
            c[:, number] = probe.read(f"readout_of_{variable}", np.zeros_like(c))
    return c


def taken_back(neuron: NeuronModel, readout: np.ndarray) -> np.ndarray:
    """See `LinearMap`: what lifts the potential in ``readout``, and is assigned by the reset."""
    assigned = [name in neuron.reset_variables for name in neuron.evolving_variables]
    lifted = np.where(assigned, np.maximum(readout, 0), 0)
    height = (readout * lifted).sum(axis=1, keepdims=True)
    return np.divide(lifted, height, out=np.zeros_like(readout), where=height > 0)


def check_receptor(neuron: NeuronModel, variable: str) -> None:
    """Raise NoSpspError if spikes that add to a variable are lost in the refractory time."""
    if variable in neuron.held_variables:
        raise NoSpspError(
            f"no S-PSP: spikes add their weight to a variable that stands still in the refractory time "
            f"('{variable}'); give the synapse a variable of its own"
        )


def check_spikes_can_act(neuron: NeuronModel) -> None:
    """Raise NoSpspError if spikes are lost, the neuron is random, or its state is not made of real numbers."""
    check_receptor(neuron, neuron.synaptic_variable)
    if neuron.is_random:
        raise NoSpspError(
            "no S-PSP: the neuron has noise (xi) or random numbers; train it without them, or simulate it with "
            "engine='brian2'"
        )
    whole = [name for name in neuron.evolving_variables if not neuron.is_real(name)]
    if whole:
        raise NoSpspError(
            f"no S-PSP: the reset changes '{whole[0]}', which is no real number, so that a spike's effect has no "
            "derivative; make it a variable of type float"
        )


def check_affine(neuron: NeuronModel) -> None:
    """Raise NoSpspError, naming the term, unless update and reset are affine and without random numbers."""
    check_spikes_can_act(neuron)
    for equation, term in terms_of_update(neuron, not_affine):
        raise NoSpspError(
            f"no S-PSP: the equations are not linear below threshold: the term {term} in {equation}. {WAY_OUT}"
        )
    for statement, term in terms_of_reset(neuron, not_affine):
        raise NoSpspError(f"no S-PSP: the reset is not affine: the term {term} in '{statement}'. {WAY_OUT}")

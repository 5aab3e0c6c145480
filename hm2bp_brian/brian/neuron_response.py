"""What one kind of neuron does with simple inputs: a step, a ramp, one spike, and constant drives."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from brian2 import Quantity, second
from brian2.units.fundamentalunits import Dimension

from hm2bp_brian.brian.probing import linear_map
from hm2bp_brian.brian.state_traces import record_state_traces
from hm2bp_brian.errors import ConfigurationError, NoSpspError
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.units import to_float
from hm2bp_brian.spikes import SpikeBatch

STEP, RAMP, ONE_SPIKE, NONE = range(4)
N_DRIVES = 25
# of the largest input: the step, and a single spike, which is to stay below the threshold
STEP_SIZE, SPIKE_SIZE = 0.5, 0.05


@dataclass(frozen=True, eq=False)
class NeuronResponse:
    """Answers of a neuron to simple inputs, in SI base units.

    Parameters
    ----------
    dt : float
        Time step in seconds.
    inputs : float64 array (4, n_steps)
        What is added to the synaptic variable in each step: a step, a ramp, one spike, at step 0, and nothing.
    potentials : float64 array (4, n_steps)
        The variable that the threshold compares, as the threshold sees it.
    spikes : tuple of four int arrays
        Steps in which the neuron fires.
    drives : float64 array (n_drives,)
        Inputs that are the same in every step.
    rates : float64 array (n_drives,)
        Firing rate in Hz with each of them, over the whole presentation.
    variable : str
        That of ``potentials``.
    potential_dimension, input_dimension : Dimension
    threshold : float or None
        ``v_th``, if it is compared with this variable alone.
    """

    dt: float
    inputs: np.ndarray
    potentials: np.ndarray
    spikes: tuple[np.ndarray, ...]
    drives: np.ndarray
    rates: np.ndarray
    variable: str
    potential_dimension: Dimension
    input_dimension: Dimension
    threshold: float | None

    @property
    def kernel(self) -> np.ndarray:
        """Potential per unit of weight, 0, 1, 2, ... steps after one spike, above what it is without."""
        return (self.potentials[ONE_SPIKE] - self.potentials[NONE]) / self.inputs[ONE_SPIKE, 0]


def neuron_response(model: NeuronModel, threshold, largest_input=None, *, dt, duration) -> NeuronResponse:
    """Simulate a neuron with a step, a ramp, one spike, and constant drives.

    Parameters
    ----------
    model : NeuronModel
        With one value of each parameter; what is learned has the value in the middle of its range.
    threshold : Quantity or number
        ``v_th``.
    largest_input : Quantity or number, optional
        Largest weight that is added to the synaptic variable in each step; by default three times what an affine neuron
        needs to reach its threshold.
    dt, duration : Quantity

    Raises
    ------
    ConfigurationError
        If a value is out of range, or ``largest_input`` is needed and not given.
    UnitError
        If a unit does not fit.
    """
    if largest_input is None:
        v_th = to_float("threshold", threshold, model.threshold_dimension)
        largest = 3 * _rheobase(model, v_th, to_float("dt", dt, second.dim))
    else:
        largest = to_float("largest_input", largest_input, model.weight_dimension)
    if not 0 < largest < np.inf:
        raise ConfigurationError(f"largest_input must be positive, found {largest_input!r}")
    size = NONE + N_DRIVES  # the smallest drive is none
    layer = Dense(size, threshold, initializer=Uniform(Quantity(0.0, dim=model.weight_dimension)))
    n_steps = SpikingNetwork(1, [layer], model, dt=dt, duration=duration).n_steps
    # one input neuron a step, so that the weights are the inputs over time
    network = SpikingNetwork(n_steps, [layer], model, dt=dt, duration=duration)
    weights = np.zeros((n_steps, size))
    weights[n_steps // 5 : 4 * n_steps // 5, STEP] = STEP_SIZE * largest
    weights[:, RAMP] = largest * np.arange(n_steps) / n_steps
    weights[0, ONE_SPIKE] = SPIKE_SIZE * largest
    weights[:, NONE:] = drives = np.linspace(0.0, largest, N_DRIVES)
    network.weights = [weights]
    # all neurons alike
    pairs = zip(network.neuron_values, network.learned_variables, strict=True)
    network.neuron_values = [np.full_like(values, variable.range.middle) for values, variable in pairs]
    each_at_its_step = SpikeBatch.from_dense(np.eye(n_steps, dtype=bool)[np.newaxis])
    traces = record_state_traces(network, each_at_its_step, 0, range(size))
    variable = _compared(model)
    return NeuronResponse(
        network.dt,
        weights[:, : NONE + 1].T,
        traces.values[variable][: NONE + 1],
        traces.spikes[: NONE + 1],
        drives,
        np.array([len(train) for train in traces.spikes[NONE:]]) / (n_steps * network.dt),
        variable,
        model.dimension_of(variable),
        model.weight_dimension,
        traces.v_th if traces.membrane == variable else None,
    )


def _rheobase(model: NeuronModel, v_th: float, dt: float) -> float:
    """The input in each step with which the state below threshold tends to the threshold."""
    try:
        linear = linear_map(model, 1, dt, v_th)
        at_rest = model.threshold_distance(1, v_th, dt)[0]
    except NoSpspError as error:
        raise ConfigurationError(f"largest_input is needed, as it is not found by itself: {error}") from error
    step = linear.active[0]
    unit = np.eye(len(step))[linear.synaptic]
    return at_rest / (linear.readout[0] @ _settled(step, step @ unit))


def _settled(step: np.ndarray, added: np.ndarray) -> np.ndarray:
    """The state x = step x + added, to which it tends; volts and amperes differ by powers of ten, so it is scaled."""
    system = np.eye(len(step)) - step
    rows = _largest(system, axis=1)
    system = system / rows[:, None]
    columns = _largest(system, axis=0)
    return np.linalg.pinv(system / columns) @ (added / rows) / columns


def _largest(matrix: np.ndarray, axis: int) -> np.ndarray:
    """The largest magnitude of each row or column, 1 where all are 0."""
    found = np.abs(matrix).max(axis=axis)
    return np.where(found > 0, found, 1.0)


def _compared(model: NeuronModel) -> str:
    """The first variable in the threshold's condition."""
    for name in re.findall(r"[A-Za-z_]\w*", model.threshold):
        if name in model.state_variables:
            return name
    raise ConfigurationError(f"the threshold '{model.threshold}' compares no variable of the equations")

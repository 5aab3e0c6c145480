"""Where a neuron stays without input: there each presentation starts, and from there the threshold has its distance."""

from __future__ import annotations

import warnings

import numpy as np

from hm2bp_brian.brian.probing import Probe, affine_map
from hm2bp_brian.model.neuron_variants import without_noise
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.terms import not_affine, terms_of_update

GROWING = 1.0 + 1e-6  # eigenvalues beyond it, rounding aside
HALVINGS = 10


def start_values(neuron: NeuronModel, n_neurons: int, v_th: float, dt: float) -> dict[str, np.ndarray]:
    """What each presentation starts with: see `NeuronModel.start_values`."""
    starts = {name: np.zeros(n_neurons) for name in neuron.changing_variables}
    starts |= neuron.once(rest, n_neurons, v_th, dt)
    return starts | {name: np.broadcast_to(value, n_neurons).copy() for name, value in neuron.initial.items()}


def distance_at_rest(neuron: NeuronModel, n_neurons: int, v_th: float, dt: float) -> np.ndarray:
    """How far each neuron is from its threshold: see `NeuronModel.threshold_distance`."""
    distance = neuron.distance_to_threshold, neuron.distance_dimension
    probe = Probe(neuron, n_neurons, v_th, dt, distance_to_threshold=distance)
    values = neuron.start_values(n_neurons, v_th, dt) | neuron.once(rest, n_neurons, v_th, dt)
    return 0.0 - probe.read("distance_to_threshold", np.stack([values[name] for name in probe.variables], axis=-1))


def rest(neuron: NeuronModel, n_neurons: int, v_th: float, dt: float) -> dict[str, np.ndarray]:
    """The stable fixed point of a neuron's equations without input.

    Parameters
    ----------
    neuron : NeuronModel
        Noise (``xi``) is taken as its mean.
    n_neurons : int
    v_th, dt : float
        Threshold, and time step in seconds.

    Returns
    -------
    dict of str to float64 array (n_neurons,)
        For each differential variable; empty where the equations are not affine, or have no such point, or many.

    Warns
    -----
    UserWarning
        If there is one, but a step of ``dt`` leads away from it.
    """
    quiet = without_noise(neuron)
    if quiet.is_random or terms_of_update(quiet, not_affine, neuron.state_variables):
        return {}
    for halving in range(HALVINGS + 1):
        probe = Probe(quiet, n_neurons, v_th, dt / 2**halving)
        found = affine_map(_among_differential(probe, neuron, n_neurons), n_neurons, len(neuron.state_variables))
        if found is None:
            return {}
        matrix, offset = found
        growth = np.abs(np.linalg.eigvals(matrix)).max()
        if growth <= GROWING:
            break
    if growth >= 1:  # nothing draws it anywhere, or it grows without bound, however short the step
        return {}
    if halving:
        _warn_of_step(neuron, dt, dt / 2**halving)
    point = _solve(matrix, offset)
    return dict(zip(neuron.state_variables, point.T, strict=True))


def _among_differential(probe: Probe, neuron: NeuronModel, n_neurons: int):
    """The update of the differential variables, while all others have their initial values."""
    differential = [probe.variables.index(name) for name in neuron.state_variables]
    others = np.stack([np.broadcast_to(neuron.initial.get(name, 0.0), n_neurons) for name in probe.variables], axis=-1)

    def step(states: np.ndarray) -> np.ndarray:
        complete = np.tile(others, (len(states), 1, 1))
        complete[:, :, differential] = states
        return probe.update(complete)[:, :, differential]

    return step


def _solve(matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """x = A x + b of every neuron, (n_neurons, n_variables); what no part of b can reach stays exactly 0."""
    reached = (offset != 0).any(axis=0)
    for _ in range(len(reached)):
        reached |= (matrix[:, :, reached] != 0).any(axis=(0, 2))
    system = np.eye(reached.sum()) - matrix[:, reached][:, :, reached]
    point = np.zeros(offset.shape)
    point[:, reached] = np.linalg.solve(system, offset[:, reached, np.newaxis])[:, :, 0]
    return point


def _warn_of_step(neuron: NeuronModel, dt: float, stable_dt: float) -> None:
    warnings.warn(
        f"dt = {1e3 * dt:g} ms is too long for the neuron's equations with method {neuron.method!r}: states grow "
        f"without bound, where the equations themselves have a stable rest; dt = {1e3 * stable_dt:g} ms would do, or "
        f"method='exact' where it fits:\n{neuron.equations.strip()}",
        UserWarning,
        stacklevel=2,
    )

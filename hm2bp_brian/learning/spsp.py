"""Spike-train level post-synaptic potentials (S-PSP), three ways.

The S-PSP e_{i|j} is the membrane potential (what the threshold compares) that neuron j's spike train alone has put into
neuron i at each of i's firing times, per unit of weight, summed over those times. Times follow Brian2's order within a
step: state update, threshold, synapses, reset. A presynaptic spike at step t therefore acts on the membrane potential
from step t + 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hm2bp_brian.checks import check_index
from hm2bp_brian.errors import NoSpspError, UnknownNameError
from hm2bp_brian.learning.links import Link, matrix
from hm2bp_brian.model.borders import check_record, check_without_delays
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

METHODS = ("adjoint", "closed_form", "traces")


def spsp(network, record: SpikeRecord, layer: int, method: str = "adjoint") -> np.ndarray:
    """S-PSP of every pair of neurons of a layer and the population before it.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
        The network's spikes.
    layer : int
    method : {"adjoint", "closed_form", "traces"}
        "adjoint" runs each post neuron's linear dynamics backwards: exact for the time step and integration method, and
        fast. Of neurons that are not affine it takes the derivatives along the trajectory, to which all inputs with the
        network's weights have led. "closed_form" is the double sum of the paper's kernel over pairs of spikes, exact in
        continuous time; LIF only. "traces" has Brian2 simulate every pair, for small layers of affine neurons.

    Returns
    -------
    float64 array (n_samples, n_post, n_pre)
        ``e[:, i, j]`` is e_{i|j}; 0 where a train is empty.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    NoSpspError
        If the method can't treat the layer's neuron.
    ShapeError, ConfigurationError
        If the record is not of this network, there is no such layer, or the network is no chain, or has delays there.

    Examples
    --------
    >>> from brian2 import ms
    >>> layers = [hb.Dense(5, threshold=1), hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((4,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> spikes = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((3, 50, 4)) < 0.3)
    >>> record = hb.simulate(network, spikes, engine="brian2")
    >>> hb.spsp(network, record, layer=1).shape
    (3, 2, 5)
    """
    if method not in METHODS:
        raise UnknownNameError("S-PSP method", method, METHODS)
    check_record(network, record)
    check_index("layer", layer, len(network.layers), "the network")
    check_without_delays(network, layer)
    if method == "closed_form":
        return _closed_form(network, record, layer)
    if method == "traces":
        # imported here because learning must work without Brian2
        from hm2bp_brian.brian.spsp_traces import simulate_spsp

        return simulate_spsp(network, record, layer)
    pre, post = record.presynaptic(layer), record.layers[layer]
    if not network.neurons[layer].is_affine:
        return _along_trajectories(network, record, layer).transpose(0, 2, 1)
    return layer_spsp(pre, post, network.linear_map(layer)).transpose(0, 2, 1)


def layer_spsp(pre: SpikeBatch, post: SpikeBatch, linear_map) -> np.ndarray:
    """S-PSPs of a layer by the adjoint, float64 (n_samples, n_pre, n_post): ``[:, j, i]`` is e_{i|j}."""
    return np.stack(
        [sum_over_trains(pre, adjoint(post, linear_map, sample).q, sample) for sample in range(pre.n_samples)]
    )


class Adjoint(NamedTuple):
    """What changes of a neuron's state do to the potentials read at its firing times.

    Attributes
    ----------
    q : float64 array (n_steps, n_post)
        ``q[t, i]``: effect of a unit that a spike at step t adds to i's synaptic variable.
    start : float64 array (n_post, n_variables)
        Effect of each variable's value at the start of the presentation.
    """

    q: np.ndarray
    start: np.ndarray


def adjoint(post: SpikeBatch, linear_map, sample: int, synaptic: int | None = None, uses_up: bool = False) -> Adjoint:
    """Effect of one unit of synaptic input, and of the state at the start, on the potentials read at firing times.

    In step t a neuron's state x becomes A_t x; at the threshold, c x is read; input is added; and if the neuron fires,
    x becomes R x. Going backwards, lambda is the derivative of the sum of what is read at the firing times with respect
    to the state at the end of step t: ::

        lambda <- R^T lambda       if the neuron fires at t: its reset
        q(t)    = lambda[synaptic]
        lambda <- lambda + c       if it fires at t: the reading
        lambda <- A_t^T lambda     which is with respect to the state at the end of step t - 1

    Where the reset clears what the threshold reads, as in LIF, it cuts the past. A soft reset leaves in the potential
    what an input has put there, though it was needed for this spike. HM2-BP, which counts spikes, lets each spike use
    up what it reads: with d, ``linear_map.taken_back``, the reading is ``lambda <- lambda + c (1 - d lambda)``.

    Parameters
    ----------
    post : SpikeBatch
        Spikes of the post neurons.
    linear_map : LinearMap
        A_t is ``linear_map.refractory`` in a neuron's refractory steps, else ``.active``; R is ``.reset``, c
        ``.readout``.
    sample : int
    synaptic : int, optional
        Index of the variable that spikes add to; by default ``linear_map.synaptic``.
    uses_up : bool
        Whether spikes use up what they read.
    """
    fires = dense(post, sample)
    refractory = np.zeros_like(fires)
    for steps_since in range(1, min(linear_map.refractory_steps, post.n_steps - 1) + 1):
        refractory[steps_since:] |= fires[:-steps_since]

    def update(t: int) -> np.ndarray:
        return np.where(refractory[t, :, None, None], linear_map.refractory, linear_map.active)

    def reset(t: int) -> np.ndarray:
        return linear_map.reset[fires[t]]

    synaptic = linear_map.synaptic if synaptic is None else synaptic
    return _backwards(fires, update, reset, linear_map, synaptic, uses_up)


def adjoint_along(fires: np.ndarray, trajectory, synaptic: int | None = None, uses_up: bool = False) -> Adjoint:
    """The same for neurons that are not affine, to first order: A_t and R are derivatives where the state has been.

    Parameters
    ----------
    fires : bool array (n_steps, n_post)
    trajectory : Trajectory
        Of these spikes, in one presentation.
    synaptic : int, optional
        By default ``trajectory.synaptic``.
    uses_up : bool
        As of `adjoint`.
    """
    synaptic = trajectory.synaptic if synaptic is None else synaptic
    if trajectory.shared is not None:
        return _shares(fires, trajectory, synaptic)
    update, reset = trajectory.update.__getitem__, trajectory.reset.__getitem__
    return _backwards(fires, update, reset, trajectory, synaptic, uses_up)


def _shares(fires: np.ndarray, trajectory, synaptic: int) -> Adjoint:
    """The adjoint where each spike's S-PSPs are shares of ``trajectory.shared``: see ``spsp`` of `NeuronModel`."""
    effects, lam = np.empty(trajectory.states.shape), np.zeros(trajectory.readout.shape)
    for t in range(len(fires) - 1, -1, -1):
        fired = fires[t]
        lam[fired] = np.einsum("nij,ni->nj", trajectory.reset[t], lam[fired])
        effects[t] = lam
        lam[fired] = trajectory.readout[fired]  # alone: what came before this spike has no part in the next
        lam = np.einsum("nij,ni->nj", trajectory.update[t], lam)
    absolute = sum(np.abs(added * effects[:, :, number]) for number, added in trajectory.drives.items())
    q = effects[:, :, synaptic]
    spikes_to_come = fires.sum(axis=0) - fires.cumsum(axis=0)
    for i, to_come in enumerate(spikes_to_come.T):
        whole = np.bincount(to_come, absolute[:, i])[to_come]
        q[:, i] *= np.divide(trajectory.shared[i], whole, out=np.zeros(len(fires)), where=whole > 0)
    return Adjoint(q, lam)


def dense(trains: SpikeBatch, sample: int) -> np.ndarray:
    """Which neurons fire when in a sample, bool (n_steps, n_neurons)."""
    return trains.sample(sample).dense().reshape(trains.n_steps, trains.n_neurons)


def _backwards(fires: np.ndarray, update, reset, dynamics, synaptic: int, uses_up: bool) -> Adjoint:
    """The adjoint, with the matrices of each step: of all neurons, and of those that fire."""
    readout = dynamics.readout
    taken_back = dynamics.taken_back if uses_up else np.zeros(readout.shape)
    q = np.empty(fires.shape)
    lam = np.zeros(readout.shape)
    for t in range(len(fires) - 1, -1, -1):
        fired = fires[t]
        lam[fired] = np.einsum("nij,ni->nj", reset(t), lam[fired])
        q[t] = lam[:, synaptic]
        left = 1 - (taken_back[fired] * lam[fired]).sum(axis=1, keepdims=True)
        lam[fired] += readout[fired] * left
        lam = np.einsum("nij,ni->nj", update(t), lam)
    return Adjoint(q, lam)


def _along_trajectories(network, record: SpikeRecord, layer: int) -> np.ndarray:
    population, pre, post = network.neural[layer], record.presynaptic(layer), record.layers[layer]
    trains = network.trains(record.input, record.layers)
    projections = [projection for projection in network.projections if projection.target is population]
    links = [Link.of(network, projection, network.parameters) for projection in projections]
    e = np.empty((record.n_samples, pre.n_neurons, post.n_neurons))
    for sample in range(record.n_samples):
        drive = sum(link.drive(matrix(trains[link.source.name], sample)) for link in links)
        fires = dense(post, sample)
        learned = network.learned_values(population, network.parameters)
        trajectory = network.trajectories(layer).along(fires, drive, learned=learned)
        e[sample] = sum_over_trains(pre, adjoint_along(fires, trajectory).q, sample)
    return e


def sum_over_trains(pre: SpikeBatch, q: np.ndarray, sample: int) -> np.ndarray:
    """e_{i|j} = sum of q_i(t) over the spikes t of j, float64 (n_pre, n_post), from ``q`` (n_steps, n_post)."""
    return matrix(pre, sample) @ q


def kernel(s, x, tau_m: float, tau_s: float) -> np.ndarray:
    """Membrane potential, x seconds after one presynaptic spike of weight 1, of a LIF neuron free for s seconds.

    The paper's kernel, with m = min(s, x): ::

        epsilon(s, x) = exp(-max(x - s, 0) / tau_s) / (1 - tau_s / tau_m) * (exp(-m / tau_m) - exp(-m / tau_s))

    for s, x > 0, else 0. It is evaluated in a form that holds for tau_m = tau_s too: with tau the longer of the two,
    and d = m abs(1/tau_s - 1/tau_m), the same is exp(-max(x - s, 0) / tau_s) m/tau_s exp(-m/tau) (1 - exp(-d)) / d.
    """
    s, x = np.broadcast_arrays(np.asarray(s, dtype=np.float64), np.asarray(x, dtype=np.float64))
    m = np.maximum(np.minimum(s, x), 0.0)
    d = m * abs(1 / tau_s - 1 / tau_m)
    ratio = np.divide(-np.expm1(-d), d, out=np.ones_like(d), where=d > 0)
    return np.exp(-np.maximum(x - s, 0.0) / tau_s) * m / tau_s * np.exp(-m / max(tau_m, tau_s)) * ratio


def _closed_form(network, record: SpikeRecord, layer: int) -> np.ndarray:
    """The double sum of the kernel over the spikes of both trains."""
    # imported here because learning must work without Brian2
    from hm2bp_brian.model.neurons import LIF

    neuron = network.neurons[layer]
    if not isinstance(neuron, LIF):
        raise NoSpspError(
            f"the closed form of the S-PSP is known for LIF neurons, found {neuron!r}; take method='adjoint'"
        )
    pre, post = record.presynaptic(layer), record.layers[layer]
    tau_m, tau_s = (np.broadcast_to(time, post.n_neurons) for time in (neuron.tau_m, neuron.tau_s))
    e = np.zeros((record.n_samples, post.n_neurons, pre.n_neurons))
    for sample in range(record.n_samples):
        arriving = pre.sample(sample)
        for i in range(post.n_neurons):
            firing = post.train(sample, i)
            # The state before step 0 counts as step -1. From then, or from the end of the last refractory step, the
            # potential is updated once a step up to and with the step of the spike.
            free_from = np.concatenate([[-1], firing[:-1] + neuron.refractory_steps(network.dt)])[: len(firing)]
            s = (firing - free_from)[:, None] * network.dt
            x = (firing[:, None] - arriving.steps) * network.dt
            potentials = kernel(s, x, tau_m[i], tau_s[i])
            e[sample, i] = np.bincount(arriving.neurons, potentials.sum(axis=0), pre.n_neurons)
    return e

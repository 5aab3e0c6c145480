"""HM2-BP backwards through a network, from the errors of the output counts to the gradient of every weight.

With errors o - y of the output counts, distances nu from rest to the threshold, S-PSPs e_{i|j} and T-PSPs
a_i = sum_j w_ij e_{i|j}: ::

    output layer   delta_i = (o_i - y_i) / nu
    hidden layer   delta_j = 1/nu_j sum_i delta_i w_ij e_{i|j} / o_j
    any layer      kappa_i = 1 + 1/nu_i sum_l w_il e_{i|l} / o_i
                   dE/dw_ij = delta_i kappa_i e_{i|j}

The ratios are not defined where a train is empty; `Rules` says what stands in there.
"""

from __future__ import annotations

import warnings

import numpy as np

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.learning.gradient_sum import GradientSum
from hm2bp_brian.learning.losses import Errors, StandIns
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.learning.spsp import adjoint, layer_spsp, sum_over_trains
from hm2bp_brian.model.units import with_unit
from hm2bp_brian.spikes import SpikeBatch, SpikeRecord

# The loops of lateral inhibition form a series with this sum in the denominator: from here on it is far from the first
# order that the paper keeps, and at 1 it has a pole beyond which gradients turn round.
STRONG_LOOPS = 0.5


class NumpyKernels:
    """One layer backwards in numpy, float64: what ``backward`` is made of. Engines may bring their own.

    Parameters
    ----------
    network : SpikingNetwork
    """

    def __init__(self, network):
        self.network = network

    def backward_layer(self, layer: int, weights, pre: SpikeBatch, post: SpikeBatch, delta, factor, rules: Rules):
        """One layer's part of the gradient, and the deltas of the layer before.

        Windows are unrolled into a matrix of all pairs: simple, and slow for large maps.

        Parameters
        ----------
        layer : int
        weights : array
            Of the connection's ``weight_shape``.
        pre, post : SpikeBatch
            Spikes of the population before the layer, and of the layer.
        delta : float array (n_samples, n_post)
            Samples in which all are 0 are skipped.
        factor : float array (n_samples, n_post)
            Multiplies the gradient, not the deltas of the layer before.
        rules : Rules

        Returns
        -------
        gradient_sum : float64 array like ``weights``
            Sum over the samples, and over the connections that share a weight, of delta_i kappa_i e_{i|j} times factor.
        delta_pre : float64 array (n_samples, n_pre) or None
            None for the first layer.
        """
        projection, linear_map = self.network.chain[layer], self.network.linear_map(layer)
        nu, nu_pre = (distance(population, self.network.dt) for population in (projection.target, projection.source))
        weights = projection.connection.unroll(np.asarray(weights, dtype=np.float64))
        gradient_sum = np.zeros(weights.shape)
        delta_pre = None if nu_pre is None else np.zeros((pre.n_samples, pre.n_neurons))
        for sample in np.flatnonzero(np.any(delta, axis=1)):
            o_pre, o_post = pre.counts[sample], post.counts[sample]
            e = sum_over_trains(pre, adjoint(post, linear_map, sample), sample)
            kappa = 1.0 + _kappa_ratios(weights, e, o_post, rules) / nu
            learned = np.where(o_post > 0, e, rules.silent_spsp * (o_pre > 0)[:, None])
            gradient_sum += learned * (delta[sample] * kappa * factor[sample])
            if delta_pre is not None:
                both_fired = (o_pre > 0)[:, None] & (o_post > 0)
                ratio = np.where(both_fired, e / np.maximum(o_pre, 1)[:, None], rules.silent_delta_ratio)
                delta_pre[sample] = (weights * ratio) @ delta[sample] / nu_pre
        return projection.connection.fold(gradient_sum), delta_pre

    def output_spsp(self, output: SpikeBatch) -> np.ndarray:
        """S-PSPs among the output neurons, float64 (n_samples, n_outputs, n_outputs): ``[:, j, i]`` is e_{i|j}."""
        return layer_spsp(output, output, self.network.linear_map(len(self.network.layers) - 1))


def backward(network, weights, record: SpikeRecord, errors: Errors, rules: Rules, kernels=None) -> GradientSum:
    """Sum over a batch of the gradients of the loss with respect to all weights.

    Parameters
    ----------
    network : SpikingNetwork
    weights : sequence of arrays
        One a layer: those with which the record was made.
    record : SpikeRecord
    errors : Errors
        Of the record's output counts.
    rules : Rules
    kernels : optional
        What takes one layer backwards; by default the code of this module.

    Returns
    -------
    GradientSum

    Raises
    ------
    NoSpspError
        If a layer's neurons have no S-PSP.
    ConfigurationError
        If a threshold is not positive, or lateral inhibition is too strong for it.
    """
    kernels = NumpyKernels(network) if kernels is None else kernels
    _check_thresholds(network)
    last = len(network.layers) - 1
    post = with_stand_ins(record.output, errors.stand_ins)
    nu = distance(network.populations[-1], network.dt)
    delta, factor = errors.d_counts / nu, np.ones(errors.d_counts.shape)
    lateral = network.lateral(last)
    if lateral is not None:
        factor = lateral_factor(kernels.output_spsp(post), post.counts, uniform(nu), lateral.weight)
    arrays, deltas = [], []
    for layer in range(last, -1, -1):
        pre = record.presynaptic(layer)
        array, delta_pre = kernels.backward_layer(layer, weights[layer], pre, post, delta, factor, rules)
        arrays.insert(0, array)
        deltas.insert(0, delta)
        if layer:
            post, delta, factor = pre, delta_pre, np.ones_like(delta_pre)
    return GradientSum(tuple(arrays), float(errors.values.sum()), record.n_samples, tuple(deltas))


def with_stand_ins(output: SpikeBatch, stand_ins: StandIns) -> SpikeBatch:
    """The output layer's spikes, with regular trains in place of the empty ones of silent neurons that are to fire.

    The neuron's error still counts 0 spikes.
    """
    if len(stand_ins.samples) == 0:
        return output
    train = regular_train(stand_ins.n_spikes, output.n_steps)
    rows = stand_ins.samples[:, np.newaxis] * output.n_steps + train
    added = rows * output.n_neurons + stand_ins.neurons[:, np.newaxis]
    numbers = np.sort(np.concatenate([output.numbers, added.ravel()]))
    return SpikeBatch.from_numbers(numbers, output.n_samples, output.n_steps, output.shape)


def regular_train(n_spikes: int, n_steps: int) -> np.ndarray:
    """Steps of ``n_spikes`` spikes spread evenly over a presentation, at most one a step."""
    return np.unique(np.floor((np.arange(n_spikes) + 0.5) * n_steps / n_spikes).astype(np.int64))


def lateral_factor(spsp: np.ndarray, counts: np.ndarray, v_th: float, weight: float) -> np.ndarray:
    """What lateral inhibition in the output layer does to the gradient of its weights.

    With w0 the strength and d_l = 1/nu where l fired, else 0, neuron j's gradient is multiplied by ::

        1 / (1 - w0² sum_{l != j} d_l d_j (e_{l|j} / o_j) (e_{j|l} / o_l))

    Parameters
    ----------
    spsp : float array (n_samples, n_outputs, n_outputs)
        ``[:, j, l]`` is e_{l|j}, silent targets replaced (so that a target always counts as fired).
    counts : int array (n_samples, n_outputs)
    v_th : float
    weight : float
        -w0.

    Returns
    -------
    float64 array (n_samples, n_outputs)

    Raises
    ------
    ConfigurationError
        If the sum times w0² reaches 1, where the factor has a pole and then turns gradients round.

    Warns
    -----
    RuntimeWarning
        If it reaches 0.5.
    """
    ratio = spsp / np.maximum(counts, 1)[:, :, None]
    # ratio[:, j, l] = e_{l|j} / o_j; 0 where either is silent, as d is
    loops = ratio * ratio.transpose(0, 2, 1)
    loops[:, range(loops.shape[1]), range(loops.shape[1])] = 0.0
    strength = (weight / v_th) ** 2 * loops.sum(axis=1)
    largest = strength.max()
    if largest >= STRONG_LOOPS:
        settings = f"lateral inhibition of {-weight:g} with threshold {v_th:g} in the output layer"
        if largest >= 1:
            sample, neuron = np.unravel_index(strength.argmax(), strength.shape)
            raise ConfigurationError(
                f"{settings} is too strong for HM2-BP: its loops add up to {largest:.3g} at neuron {neuron} in sample "
                f"{sample}, must stay below 1 (beyond it, gradients would turn round). Lower lateral_inhibition, raise "
                "the threshold, or ask for fewer spikes (desired)"
            )
        warnings.warn(
            f"{settings} is strong for HM2-BP: its loops exceed {STRONG_LOOPS}, gradients of single neurons more than "
            "double; at 1 training stops. Lower lateral_inhibition or raise the threshold",
            RuntimeWarning,
            stacklevel=2,
        )
    return 1.0 / (1.0 - strength)


def _kappa_ratios(weights: np.ndarray, e: np.ndarray, o_post: np.ndarray, rules: Rules) -> np.ndarray:
    """sum_l w_il e_{i|l} / o_i of each post neuron i."""
    a = np.einsum("li,li->i", weights, e)
    return np.where(o_post > 0, a / np.maximum(o_post, 1), rules.silent_kappa_ratio * weights.sum(axis=0))


def _check_thresholds(network) -> None:
    for population in network.populations[1:]:
        nu, name = distance(population, network.dt).min(), population.name
        if not nu > 0:
            found = with_unit(nu, population.neuron.distance_dimension)
            raise ConfigurationError(
                f"the distance from rest to the threshold of {name} must be positive for HM2-BP, found {found}"
            )


def distance(population, dt: float) -> np.ndarray | None:
    """nu of a population's neurons, float64 (n_neurons,): how far rest is from the threshold; None for the input."""
    if population.neuron is None:
        return None
    return population.neuron.threshold_distance(population.size, population.threshold, dt)


def uniform(nu: np.ndarray) -> float:
    """The one value of nu; ConfigurationError if it differs between a population's neurons by more than rounding."""
    if np.ptp(nu) > 1e-9 * np.abs(nu).max():
        raise ConfigurationError(
            "the distance from rest to the threshold must be the same for all neurons of a layer here, found "
            f"{nu.min():g} to {nu.max():g}; give them the same resting potential, or train with engine='brian2' and "
            "without lateral inhibition"
        )
    return float(nu[0])

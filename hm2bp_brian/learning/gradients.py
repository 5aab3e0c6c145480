"""HM2-BP: gradients of the spike count loss through spike trains (Jin, Zhang & Li 2018).

With errors o - y of the output counts, thresholds nu, S-PSPs e_{i|j} and T-PSPs a_i = sum_j w_ij e_{i|j}: ::

    output layer   delta_i = (o_i - y_i) / nu
    hidden layer   delta_j = 1/nu_j sum_i delta_i w_ij e_{i|j} / o_j
    any layer      kappa_i = 1 + 1/nu_i sum_l w_il e_{i|l} / o_i
                   dE/dw_ij = delta_i kappa_i e_{i|j}

The ratios are not defined where a train is empty; the constants below stand in there, as in the authors' program.
Without them, silent neurons would never learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.learning.losses import SpikeCountLoss, check_labels
from hm2bp_brian.learning.regularizers import check_limit
from hm2bp_brian.learning.spsp import adjoint, check_record, layer_spsp, sum_over_trains
from hm2bp_brian.model.units import with_unit
from hm2bp_brian.spikes import SpikeBatch, SpikeRecord

SILENT_POST_SPSP = 0.1  # e_{i|j} in the gradient where i is silent and j fired
SILENT_DELTA_RATIO = 1.0  # e_{i|j} / o_j in delta_j where i or j is silent, unless the caller asks for another
SILENT_KAPPA_RATIO = 0.5  # e_{i|l} / o_i in kappa_i where i is silent, for every input l


@dataclass(frozen=True, eq=False)
class Gradients(Sequence):
    """Gradients of one batch: a sequence of one array a layer, each of the shape of the layer's weights.

    Parameters
    ----------
    arrays : tuple of float arrays (n_pre, n_post)
    loss : float
        Mean of the samples' weighted losses, plus the regulariser's value.
    deltas : tuple of float arrays (n_samples, n_neurons)
        delta of each layer's neurons, times the sample's weight.
    """

    arrays: tuple[np.ndarray, ...]
    loss: float
    deltas: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, layer):
        return self.arrays[layer]


def gradients(
    network,
    record: SpikeRecord,
    labels,
    loss=None,
    *,
    regularizer=None,
    sample_weights=None,
    silent_delta_ratio: float = SILENT_DELTA_RATIO,
    engine=None,
) -> Gradients:
    """Gradient of the loss with respect to all weights, mean over the batch, plus the regulariser's gradient.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
        The spikes of a run with the network's weights.
    labels : int array (n_samples,)
        Class of each sample: the index of the output neuron that is to fire.
    loss : SpikeCountLoss, optional
    regularizer : WeightLimit, optional
    sample_weights : array (n_samples,), optional
        Factor of each sample's loss and gradient. The mean is over the number of samples, not over their weight.
    silent_delta_ratio : float, optional
        e_{i|j} / o_j in delta_j where i or j is silent. In a large map nearly all neurons are, and with the authors' 1
        what goes through them can outweigh the rest of delta; 0 leaves silent neurons without a delta.
    engine : Simulator, optional
        Whose ``backward_layer`` and ``layer_spsp`` do the work; by default those of this package's numpy code.

    Returns
    -------
    Gradients

    Raises
    ------
    LabelError
        If labels are not one a sample, or out of range.
    ShapeError
        If the record is not of this network, or there is not one weight a sample.
    NoSpspError
        If a layer's neurons have no S-PSP.
    ConfigurationError
        If a threshold is not positive, a sample weight is negative or not finite, or ``silent_delta_ratio`` is.
    """
    check_silent_delta_ratio(silent_delta_ratio)
    loss = SpikeCountLoss() if loss is None else loss
    engine = NumpyAdjoint if engine is None else engine
    check_record(network, record)
    check_limit(regularizer, network)
    labels = check_labels(labels, record.n_samples, network.n_outputs)
    sample_weights = _checked_sample_weights(sample_weights, record.n_samples)
    for layer, v_th in enumerate(network.thresholds):
        if not v_th > 0:
            found = with_unit(v_th, network.neurons[layer].threshold_dimension)
            raise ConfigurationError(f"the threshold of layer {layer} must be positive for HM2-BP, found {found}")

    last = len(network.layers) - 1
    counts = record.counts(last)
    losses = loss.values(counts, labels)
    delta = loss.errors(counts, labels) * sample_weights[:, None] / network.thresholds[last]
    post = with_target_trains(record.output, labels, loss.desired)
    factor = lateral_factor(
        post,
        network.linear_map(last),
        network.thresholds[last],
        network.lateral_strengths[last],
        engine.layer_spsp,
    )
    arrays, deltas = [], [delta]
    for layer in range(last, -1, -1):
        v_th_pre = network.thresholds[layer - 1] if layer else None
        pre = record.presynaptic(layer)
        connection, weights = network.connections[layer], network.weights[layer]
        linear_map, v_th = network.linear_map(layer), network.thresholds[layer]
        total, delta_pre = engine.backward_layer(
            connection, pre, post, weights, linear_map, v_th, delta, factor, v_th_pre, silent_delta_ratio
        )
        total /= record.n_samples
        arrays.insert(0, total)
        if layer:
            post, delta, factor = pre, delta_pre, np.ones_like(delta_pre)
            deltas.insert(0, delta)
    value = float((losses * sample_weights).mean())
    if regularizer is not None:
        pairs = zip(arrays, network.weights, strict=True)
        arrays = [array + regularizer.gradient(w) if w.size else array for array, w in pairs]
        value += sum(regularizer.value(w) for w in network.weights if w.size)
    return Gradients(tuple(arrays), value, tuple(deltas))


def check_silent_delta_ratio(value: float) -> None:
    """Raise ConfigurationError unless the value is finite and >= 0."""
    if not (np.isfinite(value) and value >= 0):
        raise ConfigurationError(f"silent_delta_ratio must be finite and >= 0, found {value!r}")


def _checked_sample_weights(sample_weights, n_samples: int) -> np.ndarray:
    if sample_weights is None:
        return np.ones(n_samples)
    sample_weights = np.asarray(sample_weights, dtype=np.float64)
    if sample_weights.shape != (n_samples,):
        raise ShapeError(f"sample_weights must have shape ({n_samples},), found {sample_weights.shape}")
    wrong = ~(np.isfinite(sample_weights) & (sample_weights >= 0))
    if wrong.any():
        sample = int(np.argmax(wrong))
        raise ConfigurationError(f"sample_weights must be finite and >= 0, found {sample_weights[sample]} at {sample}")
    return sample_weights


def adjoint_layer(
    connection,
    pre: SpikeBatch,
    post: SpikeBatch,
    weights,
    linear_map,
    v_th,
    delta,
    factor,
    v_th_pre,
    silent_delta_ratio=SILENT_DELTA_RATIO,
):
    """Backward pass of one layer, by the adjoint of its neurons' dynamics.

    Windows are unrolled into a matrix of all pairs: simple, and slow for large maps.

    Parameters
    ----------
    connection : AllToAll or Windows
    pre, post : SpikeBatch
        Spikes of the population before the layer, and of the layer.
    weights : array
        Of the connection's ``weight_shape``.
    linear_map : LinearMap
        State update of the layer's neurons.
    v_th : float
        Their threshold nu_i.
    delta : float array (n_samples, n_post)
        Samples in which all are 0 are skipped.
    factor : float array (n_samples, n_post)
        Multiplies the gradient, not ``delta_pre``.
    v_th_pre : float or None
        Threshold nu_j of the population before; None if its deltas are not wanted.
    silent_delta_ratio : float
        See :func:`gradients`.

    Returns
    -------
    gradient_sum : float64 array like ``weights``
        Sum over the samples, and over the connections that share a weight, of delta_i kappa_i e_{i|j} times the factor.
    delta_pre : float64 array (n_samples, n_pre) or None
    """
    weights = connection.unroll(np.asarray(weights, dtype=np.float64))
    gradient_sum = np.zeros(weights.shape)
    delta_pre = None if v_th_pre is None else np.zeros((pre.n_samples, pre.n_neurons))
    for sample in np.flatnonzero(np.any(delta, axis=1)):
        o_pre, o_post = pre.counts[sample], post.counts[sample]
        e = sum_over_trains(pre, adjoint(post, linear_map, sample), sample)
        kappa = 1.0 + _kappa_ratios(weights, e, o_post) / v_th
        learned = np.where(o_post > 0, e, SILENT_POST_SPSP * (o_pre > 0)[:, None])
        gradient_sum += learned * (delta[sample] * kappa * factor[sample])
        if delta_pre is not None:
            both_fired = (o_pre > 0)[:, None] & (o_post > 0)
            ratio = np.where(both_fired, e / np.maximum(o_pre, 1)[:, None], silent_delta_ratio)
            delta_pre[sample] = (weights * ratio) @ delta[sample] / v_th_pre
    return connection.fold(gradient_sum), delta_pre


def _kappa_ratios(weights: np.ndarray, e: np.ndarray, o_post: np.ndarray) -> np.ndarray:
    """sum_l w_il e_{i|l} / o_i of each post neuron i."""
    a = np.einsum("li,li->i", weights, e)
    return np.where(o_post > 0, a / np.maximum(o_post, 1), SILENT_KAPPA_RATIO * weights.sum(axis=0))


class NumpyAdjoint:
    """The backward pass in numpy: what an engine offers to ``gradients``."""

    backward_layer = staticmethod(adjoint_layer)
    layer_spsp = staticmethod(layer_spsp)


def regular_train(desired: int, n_steps: int) -> np.ndarray:
    """Steps of ``desired`` spikes spread evenly over a presentation, at most one a step."""
    return np.unique(np.floor((np.arange(desired) + 0.5) * n_steps / desired).astype(np.int64))


def with_target_trains(output: SpikeBatch, labels: np.ndarray, desired: int) -> SpikeBatch:
    """The output layer's spikes, with a regular train of ``desired`` spikes in each target neuron that is silent.

    The backward pass uses it in place of the empty train; the neuron's error still counts 0 spikes.
    """
    silent = np.flatnonzero(output.counts[np.arange(output.n_samples), labels] == 0)
    if len(silent) == 0:
        return output
    train = regular_train(desired, output.n_steps)
    added = (silent[:, np.newaxis] * output.n_steps + train) * output.n_neurons + labels[silent, np.newaxis]
    numbers = np.sort(np.concatenate([output.numbers, added.ravel()]))
    return SpikeBatch.from_numbers(numbers, output.n_samples, output.n_steps, output.shape)


def lateral_factor(output: SpikeBatch, linear_map, v_th: float, strength: float, layer_spsp=layer_spsp) -> np.ndarray:
    """What lateral inhibition in the output layer does to the gradient of its weights.

    With w0 the strength and d_l = 1/nu where l fired, else 0, neuron j's gradient is multiplied by ::

        1 / (1 - w0² sum_{l != j} d_l d_j (e_{l|j} / o_j) (e_{j|l} / o_l))

    Parameters
    ----------
    output : SpikeBatch
        Spikes of the output layer, silent targets replaced (so that a target always counts as fired).
    linear_map : LinearMap
    v_th : float
    strength : float
        w0; 0 means no lateral inhibition.
    layer_spsp : callable
        What computes the S-PSPs among the outputs; see :func:`hm2bp_brian.learning.spsp.layer_spsp`.

    Returns
    -------
    float64 array (n_samples, n_outputs)
    """
    if strength == 0:
        return np.ones((output.n_samples, output.n_neurons))
    ratio = layer_spsp(output, output, linear_map) / np.maximum(output.counts, 1)[:, :, None]
    # ratio[:, j, l] = e_{l|j} / o_j; 0 where either is silent, as d is
    loops = ratio * ratio.transpose(0, 2, 1)
    loops[:, range(output.n_neurons), range(output.n_neurons)] = 0.0
    return 1.0 / (1.0 - (strength / v_th) ** 2 * loops.sum(axis=1))

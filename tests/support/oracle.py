"""HM2-BP as it is written down, slow and obvious: what the fast code is tested against.

Every pair of neurons is simulated by itself, and every sum is a loop. Nothing here is shared with ``gradients.py`` but
the record in which the result is returned.
"""

from __future__ import annotations

import math

import numpy as np

from hm2bp_brian.learning.gradient_sum import Gradients


def oracle_spsp(network, record, layer: int) -> np.ndarray:
    """S-PSP e_{i|j} of every pair, float64 (n_samples, n_post, n_pre), by simulation of each pair alone."""
    pre, post = record.presynaptic(layer), record.layers[layer]
    linear_map = network.linear_map(layer)
    e = np.zeros((record.n_samples, post.n_neurons, pre.n_neurons))
    for n, i, j in np.ndindex(e.shape):
        trains = set(pre.train(n, j).tolist()), set(post.train(n, i).tolist())
        e[n, i, j] = _pair(linear_map, i, *trains, post.n_steps, uses_up=False)
    return e


def _pair(linear_map, i: int, pre: set[int], post: set[int], n_steps: int, uses_up=True) -> float:
    """e_{i|j} of the trains ``pre`` of j and ``post`` of i: state update, threshold, synapse, reset; step by step.

    ``uses_up``: what lifts the potential at a spike is gone with it, as far as the reset changes the potential.
    """
    x = np.zeros(linear_map.active.shape[-1])
    last_firing = -math.inf
    e = 0.0
    for t in range(n_steps):
        refractory = t - last_firing <= linear_map.refractory_steps
        x = (linear_map.refractory[i] if refractory else linear_map.active[i]) @ x
        if t in post:
            height = float(linear_map.readout[i] @ x)
            e += height
            if uses_up:
                x = x - linear_map.taken_back[i] * height
        if t in pre:
            x[linear_map.synaptic] += 1.0
        if t in post:
            x = linear_map.reset[i] @ x
            last_firing = t
    return e


def oracle_gradients(
    network, record, labels, loss, regularizer=None, sample_weights=None, silent_delta_ratio=1.0
) -> Gradients:
    """The gradients of :func:`hm2bp_brian.learning.gradients.gradients`, formula by formula."""
    n_samples, n_layers, n_outputs = record.n_samples, len(network.layers), network.n_outputs
    arrays = [np.zeros(w.shape) for w in network.weights]
    deltas = [np.zeros((n_samples, network.size(layer))) for layer in range(n_layers)]
    total = 0.0
    for n in range(n_samples):
        sample_weight = 1.0 if sample_weights is None else float(sample_weights[n])
        trains = _trains(record, n)
        back = []
        for i in range(n_outputs):
            y = loss.desired if i == labels[n] else loss.undesired
            error = len(trains[-1][i]) - y
            if abs(error) <= loss.margin:
                error = 0.0
            total += sample_weight * error**2 / 2
            back.append(sample_weight * error)
        if not trains[-1][labels[n]]:
            trains[-1][labels[n]] = {math.floor((k + 0.5) * record.n_steps / loss.desired) for k in range(loss.desired)}
        factor = _lateral_factors(network, trains[-1], record.n_steps)
        for layer in range(n_layers - 1, -1, -1):
            nu = [_own_nu(network, layer, i, trains, record.n_steps) for i in range(len(back))]
            delta = [value / nu_i for value, nu_i in zip(back, nu, strict=True)]
            deltas[layer][n] = delta
            arrays[layer] += _layer_gradient(network, layer, trains, delta, nu, factor, record.n_steps) / n_samples
            if layer:
                back = _back(network, layer, trains, delta, record.n_steps, silent_delta_ratio)
                factor = [1.0] * len(back)
    value = total / n_samples
    if regularizer is not None:
        for layer, weights in enumerate(network.weights):
            arrays[layer] += regularizer.gradient(weights)
            value += regularizer.value(weights)
    return Gradients(tuple(arrays), value, tuple(deltas))


def _nu(network, layer: int, i: int) -> float:
    """How far neuron i of a layer is from its threshold when no input has come for a long time."""
    linear_map = network.linear_map(layer % len(network.layers))
    neuron, v_th = network.neurons[layer], network.thresholds[layer]
    x = neuron.threshold_distance(linear_map.active.shape[0], v_th, network.dt)
    return float(x[i])


def _own_nu(network, layer: int, i: int, trains, n_steps: int) -> float:
    """nu of neuron i in a sample: what its inputs have put into its readings, for each of its spikes.

    Where a spike takes back just that, it is the distance from rest to the threshold, which it is never below.
    """
    distance, pre, post = _nu(network, layer, i), trains[layer], trains[layer + 1][i]
    if network.neurons[layer].reset_cuts_the_past or not post:
        return distance
    linear_map, a = network.linear_map(layer), 0.0
    for j in range(len(pre)):
        a += float(network.weights[layer][j, i]) * _pair(linear_map, i, pre[j], post, n_steps)
    return max(a / len(post), distance)


def _trains(record, n: int) -> list[list[set[int]]]:
    """Spike steps of every neuron in one sample: the input's at index 0, those of layer l at l + 1."""
    populations = [record.input, *record.layers]
    return [[set(batch.train(n, j).tolist()) for j in range(batch.n_neurons)] for batch in populations]


def _layer_gradient(network, layer, trains, delta, nu, factor, n_steps) -> np.ndarray:
    pre, post = trains[layer], trains[layer + 1]
    weights = network.weights[layer]
    linear_map = network.linear_map(layer)
    gradient = np.zeros(weights.shape)
    for i in range(len(post)):
        e = [_pair(linear_map, i, pre[j], post[i], n_steps) for j in range(len(pre))]
        kappa = 1.0
        for j in range(len(pre)):
            ratio = e[j] / len(post[i]) if post[i] else 0.5
            kappa += float(weights[j, i]) * ratio / nu[i]
        for j in range(len(pre)):
            if not pre[j]:
                learned = 0.0
            elif not post[i]:
                learned = 0.1
            else:
                learned = e[j]
            gradient[j, i] = delta[i] * kappa * learned * factor[i]
    return gradient


def _back(network, layer, trains, delta, n_steps, silent_delta_ratio) -> list[float]:
    pre, post = trains[layer], trains[layer + 1]
    weights = network.weights[layer]
    linear_map = network.linear_map(layer)
    before = []
    for j in range(len(pre)):
        weighted = 0.0
        for i in range(len(post)):
            ratio = silent_delta_ratio
            if pre[j] and post[i]:
                ratio = _pair(linear_map, i, pre[j], post[i], n_steps) / len(pre[j])
            weighted += delta[i] * float(weights[j, i]) * ratio
        before.append(weighted)
    return before


def _lateral_factors(network, output, n_steps) -> list[float]:
    if not network.neurons[-1].reset_cuts_the_past:
        return [1.0] * len(output)
    lateral, nu = network.lateral(len(network.layers) - 1), _nu(network, -1, 0)
    w0 = 0.0 if lateral is None else lateral.weight
    linear_map = network.linear_map(len(network.layers) - 1)
    factors = []
    for j in range(len(output)):
        loops = 0.0
        for k in range(len(output)):
            if k != j and output[j] and output[k]:
                there = _pair(linear_map, k, output[j], output[k], n_steps) / len(output[j])
                back = _pair(linear_map, j, output[k], output[j], n_steps) / len(output[k])
                loops += there * back / nu**2
        factors.append(1.0 / (1.0 - w0**2 * loops))
    return factors

"""HM2-BP of any graph as it is written down: each pair of neurons is simulated by itself, and sums are loops."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from oracle import _pair


def oracle_graph_gradients(network, record, d_counts, rules) -> dict[str, np.ndarray]:
    """Sums over the samples of the gradients of weights ("w NAME") and learned delays ("d NAME") of each projection.

    ``d_counts`` (n_samples, n_outputs): errors of the readouts; lateral inhibition is left out.
    """
    totals = {}
    for sample in range(record.n_samples):
        for name, value in _sample(network, record, sample, d_counts[sample], rules).items():
            totals[name] = totals.get(name, 0.0) + value
    return totals


def _sample(network, record, sample: int, d_counts, rules) -> dict[str, np.ndarray]:
    steps, trains = record.n_steps, _trains(network, record, sample)
    maps = {p.name: network.linear_map(n) for n, p in enumerate(network.neural)}
    nu = {p.name: p.neuron.threshold_distance(p.size, p.threshold, network.dt) for p in network.neural}
    links = [link for projection in network.weighted for link in _links(network, projection)]
    e = [_delayed_pair(maps, trains, link, steps, 0) for link in links]
    delta = {p.name: np.zeros(p.size) for p in network.neural}
    first = 0
    for p in network.readouts:
        delta[p.name] += d_counts[first : first + p.size] / nu[p.name]
        first += p.size
    for p in network.neural:
        if p.rate_band is not None:
            for i in range(p.size):
                o, band = len(trains[p.name][i]), p.rate_band
                excess = o - band.high if o > band.high else o - band.low if o < band.low else 0.0
                delta[p.name][i] += band.strength * excess / nu[p.name][i]
    for component in reversed(network.components):
        inside = [p.name for p in component.populations]
        if any(delta[name].any() for name in inside):
            _series(inside, links, e, trains, nu, delta, rules.recurrent_terms)
            for (_, source, j, target, i, w, *_), value in zip(links, e, strict=True):
                if target in inside and source not in inside and source in nu:
                    o_j, o_i = len(trains[source][j]), len(trains[target][i])
                    ratio = value / o_j if o_j and o_i else rules.silent_delta_ratio
                    delta[source][j] += w * ratio * delta[target][i] / nu[source][j]
    kappa = {name: np.ones(len(values)) for name, values in nu.items()}
    for (_, _, _, target, i, w, *_), value in zip(links, e, strict=True):
        o = len(trains[target][i])
        kappa[target][i] += w * (value / o if o else rules.silent_kappa_ratio) / nu[target][i]
    found = {}
    for link, value in zip(links, e, strict=True):
        name, source, j, target, i, w, _, place, _ = link
        projection = next(p for p in network.weighted if p.name == name)
        shape = projection.connection.weight_shape
        gradient = found.setdefault(f"w {name}", np.zeros(shape))
        learned = value if trains[target][i] else rules.silent_spsp * bool(trains[source][j])
        if projection.plastic:
            gradient[place] += delta[target][i] * kappa[target][i] * learned
        if projection.delays.learned:
            slopes = found.setdefault(f"d {name}", np.zeros(shape))
            if trains[target][i]:
                later, earlier = (_delayed_pair(maps, trains, link, steps, shift) for shift in (1, -1))
                slopes[place] += delta[target][i] * kappa[target][i] * w * (later - earlier) / 2
    return found


def _series(inside, links, e, trains, nu, delta, n_terms) -> None:
    term = {name: delta[name].copy() for name in inside}
    for _ in range(n_terms):
        following = {name: np.zeros_like(values) for name, values in term.items()}
        for (_, source, j, target, i, w, *_), value in zip(links, e, strict=True):
            if source in inside and target in inside and trains[source][j] and trains[target][i]:
                following[source][j] += w * value / len(trains[source][j]) * term[target][i] / nu[source][j]
        if _norm(following) > _norm(term):
            return
        term = following
        for name in inside:
            delta[name] += term[name]


def _norm(term) -> float:
    return math.sqrt(sum(float((values**2).sum()) for values in term.values()))


def _links(network, projection):
    """(name, source, j, target, i, weight, delay, place among the weights, receptor's number) of each connection."""
    neuron = projection.target.neuron
    variable = neuron.synaptic_variable if projection.receptor_type is None else projection.receptor_type
    pre, post, index = projection.connection.synapses()
    shape = projection.connection.weight_shape
    weights = np.broadcast_to(network.weights_of(projection, network.parameters), shape)
    delays = np.broadcast_to(network.delays_of(projection, network.parameters), shape)
    for j, i, k in zip(pre.tolist(), post.tolist(), index.tolist(), strict=True):
        place = np.unravel_index(k, shape)
        yield (
            projection.name,
            projection.source.name,
            j,
            projection.target.name,
            i,
            float(weights[place]),
            int(delays[place]),
            place,
            neuron.evolving_variables.index(variable),
        )


def _delayed_pair(maps, trains, link, n_steps: int, shift: int) -> float:
    _, source, j, target, i, _, delay, _, receptor = link
    linear_map = dataclasses.replace(maps[target], synaptic=receptor)
    e = 0.0
    for t in trains[source][j]:  # one by one: two may arrive in the same step when the first can't be moved before 0
        arrival = max(t + delay + shift, 0)
        if arrival < n_steps:
            e += _pair(linear_map, i, {arrival}, trains[target][i], n_steps)
    return e


def _trains(network, record, sample: int) -> dict[str, list[set[int]]]:
    batches = network.trains(record.input, record.layers)
    return {
        name: [set(batch.train(sample, j).tolist()) for j in range(batch.n_neurons)] for name, batch in batches.items()
    }

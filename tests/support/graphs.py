"""Random networks of populations and projections, for tests that draw them."""

from __future__ import annotations

import warnings

import numpy as np
from brian2 import ms

import hm2bp_brian as hb
from hm2bp_brian.spikes import SpikeBatch

NEURONS = (
    lambda: hb.LIF(20 * ms, 5 * ms, refractory=2 * ms),
    lambda: hb.LIF(12 * ms, 4 * ms),
    lambda: hb.NeuronModel(
        "du/dt = (I - u)/(15*ms) : 1\ndI/dt = (h - I)/(4*ms) : 1\ndh/dt = -h/(4*ms) : 1",
        synaptic_variable="h",
        method="euler",
    ),
)


def random_graph(seed: int, n_steps: int = 40, learned: bool = True) -> hb.SpikingNetwork:
    """Inputs, populations and projections of every kind, loops and delays included."""
    random = np.random.default_rng(seed)
    network = hb.SpikingNetwork(dt=1 * ms, duration=n_steps * ms, seed=seed)
    for number in range(random.integers(1, 3)):
        network.input(f"in{number}", int(random.integers(3, 9)))
    names = []
    for number in range(random.integers(1, 4)):
        name = f"pop{number}"
        network.population(
            name,
            int(random.choice([3, 6, 70])),
            neuron=NEURONS[random.integers(len(NEURONS))](),
            threshold=0.4 + 0.3 * random.random(),
            bias=hb.Between(0, 0.05) if random.random() < 0.3 else None,
            rate=hb.RateBand(0.5, 3, 0.1) if random.random() < 0.3 else None,
            sign=0.7 if random.random() < 0.3 else None,
        )
        names.append(name)
    lateral = 0.05 if random.random() < 0.4 else 0.0
    network.population("out", 4, neuron=NEURONS[0](), threshold=0.6, readout=True, lateral_inhibition=lateral)
    for population in list(network.inputs):
        if not population.always:
            _connect(network, population.name, str(random.choice([*names, "out"])), random, learned)
    for source in names:
        for target in [*names, "out"]:
            if random.random() < 0.6:
                _connect(network, source, target, random, learned)
    _connect(network, "in0", names[0], random, learned)
    _connect(network, names[0], "out", random, learned)
    return network


def _connect(network, source: str, target: str, random, learned: bool) -> None:
    sizes = {p.name: p.size for p in network.populations}
    kinds = [hb.AllToAll(), hb.Sparse(p=0.5), hb.AllToAll(self_connections=True)]
    if sizes[source] * sizes[target] > 100:
        kinds.append(hb.Sparse(p=0.04))
    if sizes[source] == sizes[target]:
        kinds.append(hb.OneToOne())
    delays = [None, 3 * ms, hb.Between(0 * ms, 8 * ms)] + [hb.Learned(1 * ms, 9 * ms)] * learned
    try:
        network.connect(
            source,
            target,
            kinds[random.integers(len(kinds))],
            weights=hb.Uniform(1.6 / np.sqrt(sizes[source] / 5)),
            delay=delays[random.integers(len(delays))],
            plastic=bool(random.random() < 0.85),
            name=f"{source}_{target}_{len(network.projections)}",
        )
    except hb.errors.ConfigurationError as error:
        if "no neuron of" not in str(error):
            raise


def random_input(network, seed: int, n_samples: int = 3, rate: float = 0.15) -> SpikeBatch:
    """Random spikes for a network's inputs; one sample is empty."""
    spikes = np.random.default_rng(seed).random((n_samples, network.n_steps, *network.input_shape)) < rate
    spikes[-1] &= n_samples == 1
    return SpikeBatch.from_dense(spikes)


def quietly(function, *arguments, **settings):
    """Call without the warnings that random networks may deserve."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **settings)


def small_graph(seed: int):
    """Two populations that feed back on each other, a skip connection, learned and fixed delays, silent neurons too."""
    random = np.random.default_rng(seed)
    network = hb.SpikingNetwork(dt=1 * ms, duration=30 * ms, seed=seed)
    network.input("in", 4)
    for name, size in (("a", 3), ("b", 3)):
        network.population(
            name, size, neuron=hb.LIF(20 * ms, 5 * ms, 2 * ms), threshold=0.5, rate=hb.RateBand(1, 2, 0.3)
        )
    network.population("out", 2, neuron=hb.LIF(15 * ms, 5 * ms), threshold=0.4, readout=True)
    network.connect("in", "a", weights=hb.Uniform(1.5), delay=hb.Learned(0 * ms, 6 * ms))
    network.connect("a", "b", hb.Sparse(p=0.7), weights=hb.Uniform(1.5), delay=2 * ms)
    network.connect("b", "a", weights=hb.Uniform(0.4), delay=hb.Learned(0 * ms, 4 * ms))
    network.connect("a", "a", weights=hb.Uniform(0.3), plastic=bool(random.integers(2)))
    network.connect("b", "out", weights=hb.Uniform(1.5))
    network.connect("in", "out", hb.Sparse(p=0.6), weights=hb.Uniform(1.0))
    return network


TWO_RECEPTORS = """
dv/dt = (g_exc + 0.5*g_inh - v)/(15*ms) : 1 (unless refractory)
dg_exc/dt = -g_exc/(4*ms) : 1
dg_inh/dt = (h - g_inh)/(9*ms) : 1
dh/dt = -h/(9*ms) : 1
"""


def receptor_graph(seed: int, size: int = 70):
    """Excitation and inhibition by receptors of their own, and spikes that add to the membrane potential itself."""
    network = hb.SpikingNetwork(dt=1 * ms, duration=30 * ms, seed=seed)
    network.input("in", 4)
    neuron = hb.NeuronModel(
        TWO_RECEPTORS, threshold="v > v_th", reset="v = 0", method="euler", synaptic_variable="g_exc", refractory=2 * ms
    )
    plain = hb.NeuronModel(
        TWO_RECEPTORS.replace(" (unless refractory)", ""),
        threshold="v > v_th",
        reset="v = 0",
        method="euler",
        synaptic_variable="h",
    )
    network.population("a", size, neuron=neuron, threshold=0.5)
    network.population("b", 3, neuron=plain, threshold=0.5)
    network.population("out", 2, neuron=neuron, threshold=0.4, readout=True)
    limit = 1.6 * (3 / size) ** 0.5
    network.connect("in", "a", weights=hb.Between(0, 1.5))
    network.connect("in", "a", hb.Sparse(p=0.5), weights=hb.Between(-0.5, 0), receptor_type="h", name="in_inh")
    network.connect("a", "b", weights=hb.Uniform(limit), delay=hb.Learned(0 * ms, 6 * ms), receptor_type="g_inh")
    network.connect("a", "b", hb.Sparse(p=0.05 if size > 9 else 0.7), weights=limit, receptor_type="v", name="a_v")
    network.connect("a", "a", hb.Sparse(p=0.05 if size > 9 else 0.7), weights=hb.Uniform(0.3), receptor_type="g_inh")
    network.connect("b", "a", weights=hb.Uniform(0.4), receptor_type="h", delay=hb.Between(0 * ms, 4 * ms))
    network.connect("b", "a", hb.Sparse(p=0.6), weights=hb.Uniform(0.3), name="b_exc")
    network.connect("b", "out", weights=hb.Between(0, 2.0), receptor_type="g_exc")
    network.connect("in", "out", weights=hb.Uniform(1.0), receptor_type="g_inh")
    return network

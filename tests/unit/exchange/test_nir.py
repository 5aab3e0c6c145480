"""NIR graphs: a naive simulation of the graph, written from NIR's equations, fires as the network does."""

import sys

import numpy as np
import pytest
from brian2 import ms, second
from networks import NEURONS, make_network
from scipy.signal import correlate2d

from hm2bp_brian.engines.registry import simulate
from hm2bp_brian.errors import ExchangeError, MissingPackageError, ShapeError
from hm2bp_brian.model.connectors import Sparse
from hm2bp_brian.model.initializers import Between, Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, Recurrent, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.spikes import SpikeBatch

nir = pytest.importorskip("nir", reason="nir, extra nir, is not installed")

AXIS = {"dt": 0.5 * ms, "duration": 30 * ms}


def convolutional_network() -> SpikingNetwork:
    layers = [
        Conv2D(3, 3, threshold=0.8, padding=1, stride=1, initializer=Uniform(0.8)),
        SumPool2D(2, threshold=0.3),
        Dense(5, threshold=0.4, initializer=Uniform(0.8)),
        Dense(2, threshold=0.3, initializer=Uniform(1.0)),
    ]
    return SpikingNetwork((6, 4, 2), layers, LIF(6 * ms, 2 * ms), **AXIS, seed=3)


def random_input(network) -> SpikeBatch:
    generator = np.random.default_rng(0)
    return SpikeBatch.from_dense(generator.random((1, network.n_steps, *network.input_shape)) < 0.2)


def pass_on(node, x):
    """What a node without state makes of its input, channels first."""
    if isinstance(node, nir.Flatten):
        return x.ravel()
    if isinstance(node, nir.Linear):
        return node.weight @ x
    if isinstance(node, nir.SumPool2d):
        k = int(node.kernel_size[0])
        channels, height, width = x.shape
        return x.reshape(channels, height // k, k, width // k, k).sum(axis=(2, 4))
    padded = np.pad(x, [(0, 0), *((p, p) for p in node.padding)])
    return np.array(
        [sum(correlate2d(m, k, "valid") for m, k in zip(padded, kernels, strict=True)) for kernels in node.weight]
    )


def run_graph(graph, dense: np.ndarray, dt: float) -> list[np.ndarray]:
    """Spikes of each CubaLIF (n_steps, *shape), by Euler steps; a spike is 1 for one step."""
    nodes = [node for node in graph.nodes.values() if not isinstance(node, nir.Input | nir.Output)]
    states = {id(n): np.zeros((2, *n.tau_mem.shape)) for n in nodes if isinstance(n, nir.CubaLIF)}
    spikes = {key: [] for key in states}
    for x in dense.astype(float):
        x = np.moveaxis(x, -1, 0) if x.ndim == 3 else x
        for node in nodes:
            if not isinstance(node, nir.CubaLIF):
                x = pass_on(node, x)
                continue
            v, current = states[id(node)]
            v = v + dt / node.tau_mem * (node.v_leak - v + node.r * current)
            current = current + dt / node.tau_syn * (-current + node.w_in * x)
            x = (v > node.v_threshold).astype(float)
            states[id(node)] = np.where(x, node.v_reset, v), current
            spikes[id(node)].append(x > 0)
    return [np.array(s) for s in spikes.values()]


def assert_graph_fires_as(graph, network):
    batch = random_input(network)
    record = simulate(network, batch, engine="brian2", dtype="float64")
    assert record.output.n_spikes > 5
    for layer, spikes in zip(record.layers, run_graph(graph, batch.dense()[0], network.dt), strict=True):
        dense = layer.dense()[0]
        np.testing.assert_array_equal(np.moveaxis(dense, -1, 1) if dense.ndim == 4 else dense, spikes)


def test_receptors_are_refused():
    network = SpikingNetwork(dt=1 * ms, duration=20 * ms)
    network.input("in", 2)
    network.population("out", 2, neuron=LIF(20 * ms, 5 * ms), threshold=1, readout=True)
    network.connect("in", "out", receptor_type="u")
    with pytest.raises(ExchangeError, match="'in_to_out' adds to 'u'; NIR's CubaLIF has one receptor"):
        network.to_nir()


def test_the_graph_fires_as_the_network():
    network = convolutional_network()
    graph = network.to_nir()
    kinds = [type(node).__name__ for node in graph.nodes.values()]
    assert kinds == "Input Conv2d CubaLIF SumPool2d CubaLIF Flatten Linear CubaLIF Linear CubaLIF Output".split()
    assert tuple(graph.nodes["input"].input_type["input"]) == (2, 6, 4)
    assert_graph_fires_as(graph, network)


def test_round_trip_through_a_file(tmp_path):
    network = convolutional_network()
    nir.write(tmp_path / "network.nir", network.to_nir())
    back = SpikingNetwork.from_nir(nir.read(tmp_path / "network.nir"), **AXIS)
    assert (back.input_shape, back.shapes, back.dt, back.n_steps) == (
        network.input_shape,
        network.shapes,
        network.dt,
        network.n_steps,
    )
    for before, after in zip(network.weights, back.weights, strict=True):
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)
    np.testing.assert_allclose(back.thresholds, network.thresholds, rtol=1e-12)
    assert [(n.tau_m, n.tau_s, n.refractory) for n in back.neurons] == [(0.006, 0.002, 0)] * 4
    batch = random_input(network)
    records = [simulate(n, batch, engine="brian2", dtype="float64") for n in (network, back)]
    assert records[0].layers == records[1].layers


def test_a_graph_with_other_gains_fires_as_its_network():
    graph = convolutional_network().to_nir()
    for factor, name in zip((0.5, 3.0, 2.0, 0.7), ("0_lif", "1_lif", "2_lif", "3_lif"), strict=True):
        graph.nodes[name].r = graph.nodes[name].r * factor
        graph.nodes[name].w_in = graph.nodes[name].w_in * 1.3
    assert_graph_fires_as(graph, SpikingNetwork.from_nir(graph, **AXIS))


def dense_graph():
    return SpikingNetwork(3, [Dense(2, threshold=1)], LIF(6 * ms, 2 * ms), **AXIS).to_nir()


def test_affine_without_bias_is_read_and_a_bias_is_refused():
    graph = dense_graph()
    weight = graph.nodes["0_dense"].weight
    graph.nodes["0_dense"] = nir.Affine(weight, np.zeros(2))
    np.testing.assert_array_equal(SpikingNetwork.from_nir(graph, **AXIS).weights[0], weight.T)
    graph.nodes["0_dense"] = nir.Affine(weight, np.array([0.0, 0.1]))
    with pytest.raises(ExchangeError, match="'0_dense'.*no bias"):
        SpikingNetwork.from_nir(graph, **AXIS)


@pytest.mark.parametrize(("padding", "expected"), [("same", 1), ("valid", 0)])
def test_named_paddings(padding, expected):
    bias, layer = np.zeros(2), Conv2D(2, 3, threshold=1, padding=expected)
    graph = SpikingNetwork((5, 5, 1), [layer], LIF(6 * ms, 2 * ms), **AXIS).to_nir()
    weight = graph.nodes["0_conv2d"].weight
    graph.nodes["0_conv2d"] = nir.Conv2d((5, 5), weight, 1, padding, 1, 1, bias)
    assert SpikingNetwork.from_nir(graph, **AXIS).layers[0].padding == expected


def test_refractory_time_is_refused_or_dropped():
    network = make_network("euler")
    with pytest.raises(ExchangeError, match=r"layer 0.*3\. ms.*drop_refractory=True"):
        network.to_nir()
    graph = network.to_nir(drop_refractory=True)
    back = SpikingNetwork.from_nir(graph, dt=network.dt * second, duration=60 * ms)
    assert [neuron.refractory for neuron in back.neurons] == [0, 0]


@pytest.mark.parametrize("neuron", sorted(set(NEURONS) - {"euler", "exact", "rk4", "no refractory time"}))
def test_own_equations_are_refused(neuron):
    with pytest.raises(ExchangeError, match="layer 0.*own equations"):
        make_network(neuron).to_nir(drop_refractory=True)


def test_lateral_inhibition_is_refused():
    with pytest.raises(ExchangeError, match="layer 1.*lateral inhibition of strength 0.5"):
        make_network("no refractory time", lateral=0.5).to_nir()


def test_windows_over_the_border_are_refused():
    network = SpikingNetwork((5, 4, 1), [SumPool2D(2, threshold=1)], LIF(6 * ms, 2 * ms), **AXIS)
    message = "windows of 2 with stride 2 don't cover a map of 5 x 4"
    with pytest.raises(ExchangeError, match=f"layer 0: {message}"):
        network.to_nir()
    graph = SpikingNetwork((4, 4, 1), network.layers, LIF(6 * ms, 2 * ms), **AXIS).to_nir()
    graph.nodes["input"].input_type["input"] = np.array([1, 5, 4])
    with pytest.raises(ExchangeError, match=f"node '0_sumpool2d': {message}"):
        SpikingNetwork.from_nir(graph, **AXIS)


def set_parameter(name, value):
    def change(graph):
        setattr(graph.nodes["0_lif"], name, np.array(value))

    return change


def replace(name, node):
    def change(graph):
        graph.nodes[name] = node

    return change


REFUSED = {
    "tau differs": (set_parameter("tau_mem", [0.01, 0.02]), "'0_lif'.*same tau_mem.*0.01 to 0.02"),
    "leak": (set_parameter("v_leak", [0.5, 0.5]), "v_leak and v_reset must be 0, found 0.5 and 0"),
    "reset": (set_parameter("v_reset", [-1.0, -1.0]), "found 0 and -1"),
    "no drive": (set_parameter("r", [0.0, 0.0]), "positive product"),
    "recurrence": (lambda graph: graph.edges.append(("0_lif", "0_dense")), "feed-forward chains"),
    "a cycle apart": (lambda graph: graph.edges.__setitem__(2, ("output", "0_dense")), "no chain"),
    "other neuron": (
        replace("0_lif", nir.IF(r=np.ones(2), v_threshold=np.ones(2))),
        "'0_lif': expected a CubaLIF.*found a IF",
    ),
    "other connection": (replace("0_dense", nir.Delay(np.ones(3))), "'0_dense': expected Linear.*Delay"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_graphs_that_are_no_network_are_refused(case):
    change, message = REFUSED[case]
    graph = dense_graph()
    change(graph)
    with pytest.raises(ExchangeError, match=message):
        SpikingNetwork.from_nir(graph, **AXIS)


def test_weights_that_do_not_fit_are_refused():
    graph = dense_graph()
    graph.nodes["0_dense"] = nir.Linear(np.ones((2, 4)))
    with pytest.raises(ShapeError, match=r"layer 0 must have shape \(3, 2\), found \(4, 2\)"):
        SpikingNetwork.from_nir(graph, **AXIS)


def test_without_nir(monkeypatch):
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(MissingPackageError, match=r"to_nir needs nir.*pip install hm2bp_brian\[nir\]"):
        make_network("no refractory time").to_nir()


def graph_network() -> SpikingNetwork:
    network = SpikingNetwork(dt=0.5 * ms, duration=30 * ms, seed=5)
    lif = LIF(6 * ms, 2 * ms)
    network.input("left", (2, 3, 1))
    network.input("right", 4)
    network.population("first", 7, neuron=lif, threshold=0.5, bias=Between(0, 0.1))
    network.population("second", 5, neuron=LIF(9 * ms, 3 * ms), threshold=0.4)
    network.population("out", 3, neuron=lif, threshold=0.4, readout=True, lateral_inhibition=0.2)
    of_neurons = np.repeat(np.arange(4) * 0.5, 7).reshape(4, 7) * ms
    network.connect("left", "first", weights=Uniform(1.2))
    network.connect("right", "first", weights=Uniform(1.2), delay=of_neurons)
    network.connect("right", "second", Sparse(p=0.6), weights=0.4, delay=2 * ms)
    network.connect("first", "second", weights=Uniform(0.8), name="forth")
    network.connect("second", "first", Sparse(p=0.5), weights=Uniform(0.8), delay=1 * ms)
    network.connect("first", "first", weights=-0.1)
    network.connect("second", "out", weights=Uniform(1.2))
    return network


def run_any_graph(graph, dense: dict, dt: float) -> dict:
    """Spikes of each CubaLIF by its name, by Euler steps: all potentials, then all currents."""
    lifs = {name: node for name, node in graph.nodes.items() if isinstance(node, nir.CubaLIF)}
    states = {name: np.zeros((2, *node.tau_mem.shape)) for name, node in lifs.items()}
    fired = {name: [] for name in lifs}
    for step in range(len(next(iter(dense.values())))):
        for name, node in lifs.items():
            v, current = states[name]
            v = v + dt / node.tau_mem * (-v + node.r * current)
            fired[name].append(v > node.v_threshold)
            states[name] = np.array([np.where(v > node.v_threshold, 0, v), current * (1 - dt / node.tau_syn)])
        past = dense | fired
        for source, name in graph.edges:
            node = graph.nodes[name]
            if not isinstance(node, nir.Linear | nir.Affine):
                continue
            delay = np.zeros(node.weight.shape[1], dtype=int)
            if isinstance(graph.nodes[source], nir.Delay):
                delay = np.rint(graph.nodes[source].delay / dt).astype(int)
                (source,) = (before for before, after in graph.edges if after == source)
            spikes = np.array([step >= d and past[source][step - d][n] for n, d in enumerate(delay)], dtype=float)
            (target,) = (after for before, after in graph.edges if before == name)
            drive = node.weight @ spikes + getattr(node, "bias", 0)
            states[target][1] += dt / lifs[target].tau_syn * lifs[target].w_in * drive
    return {name: np.array(spikes) for name, spikes in fired.items()}


def test_the_graph_of_populations_and_projections_fires_as_the_network(tmp_path):
    network = graph_network()
    nir.write(tmp_path / "network.nir", network.to_nir())
    graph = nir.read(tmp_path / "network.nir")
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    assert kinds["right_to_second.delay"] == "Delay" and kinds["out.output"] == "Output"
    assert sorted(kinds.values()).count("Affine") == 1 and "clock" not in kinds
    batch = random_input(network)
    record = simulate(network, batch, engine="brian2", dtype="float64")
    dense = batch.dense()[0]
    found = run_any_graph(graph, {"left": dense[:, :6], "right": dense[:, 6:]}, network.dt)
    for population, layer in zip(network.neural, record.layers, strict=True):
        assert layer.n_spikes > 10
        np.testing.assert_array_equal(layer.dense()[0], found[population.name])


def test_what_nir_cannot_hold_of_a_graph_is_refused_by_name():
    network = graph_network()
    network.connect("right", "out", weights=Uniform(0.1), delay=Between(0 * ms, 5 * ms), name="several")
    with pytest.raises(ExchangeError, match="'several': NIR's delays are those of neurons"):
        network.to_nir()
    own = SpikingNetwork(dt=1 * ms, duration=9 * ms)
    own.input("left", 2)
    own.population("slow", 3, neuron=NEURONS["alpha synapse"](3), threshold=1, readout=True)
    own.connect("left", "slow")
    with pytest.raises(ExchangeError, match="'slow': NIR holds no equations"):
        own.to_nir()
    late = SpikingNetwork(dt=1 * ms, duration=9 * ms)
    late.input("left", 2)
    late.population("alone", 3, neuron=LIF(6 * ms, 2 * ms), threshold=1, bias=0.1)
    with pytest.raises(ExchangeError, match="'alone' has a bias and receives nothing else"):
        late.to_nir()
    late.connect("clock", "alone", delay=2 * ms, name="later")
    with pytest.raises(ExchangeError, match="'later': NIR's biases act from the start on"):
        late.to_nir()
    with pytest.raises(ExchangeError, match="only feed-forward chains"):
        SpikingNetwork.from_nir(graph_network().to_nir(), **AXIS)


def test_delays_and_loops_of_a_chain_are_written():
    recurrent = Recurrent(Uniform(0.8), delay=0.5 * ms)
    layers = [
        Dense(7, threshold=0.5, initializer=Uniform(1.2), delay=2 * ms, recurrent=recurrent),
        Dense(3, threshold=0.4, initializer=Uniform(1.2)),
    ]
    network = SpikingNetwork((8,), layers, LIF(6 * ms, 2 * ms), dt=0.5 * ms, duration=30 * ms, seed=5)
    batch = random_input(network)
    record = simulate(network, batch, engine="brian2", dtype="float64")
    found = run_any_graph(network.to_nir(), {"input": batch.dense()[0]}, network.dt)
    for population, layer in zip(network.neural, record.layers, strict=True):
        assert layer.n_spikes > 10
        np.testing.assert_array_equal(layer.dense()[0], found[population.name])


def test_a_path_is_no_graph():
    with pytest.raises(ExchangeError, match="from_nir needs a NIRGraph, .* found 'net.nir'"):
        SpikingNetwork.from_nir("net.nir", dt=1 * ms, duration=10 * ms)

"""Networks as graphs of NIR, the Neuromorphic Intermediate Representation, and back.

NIR's CubaLIF obeys tau_syn dI/dt = -I + w_in S and tau_mem dv/dt = v_leak - v + r I, fires when v > v_threshold and
then has v = v_reset. The drive S is what the connection before makes of its spikes. As other tools that write NIR do,
we take a spike as 1 for one time step, so that it adds w_in dt / tau_syn to I. With LIF's du/dt = -u/tau_m + I/tau_s,
in which a spike adds its weight to I, the two agree for

    tau_syn = tau_s,  tau_mem = tau_m,  w_in = tau_s / dt,  r = tau_m / tau_s,  v_leak = v_reset = 0.

Only the product g = r w_in dt / tau_mem matters for the spikes: v = g u. It is 1 in graphs that are written here; from
others, thresholds are divided by it, and weights stay as they are.

NIR's maps are (channels, height, width), its matrices (n_post, n_pre) and its kernels (c_out, c_in, height, width). Its
time is continuous: it keeps neither the length of a presentation nor a method of integration, and dt only within w_in.
"""

from __future__ import annotations

import numpy as np
from brian2 import second

from hm2bp_brian.errors import ExchangeError
from hm2bp_brian.exchange.packages import load_package
from hm2bp_brian.model.layers import Conv2D, Dense, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.model.units import positive_time


def to_nir(network: SpikingNetwork, *, drop_refractory: bool = False):
    """The network as a NIRGraph; see ``SpikingNetwork.to_nir``."""
    nir = load_package("nir", "nir", "SpikingNetwork.to_nir")
    for label, neuron in zip(network.labels, network.neurons, strict=True):
        _check_neuron(label, neuron, drop_refractory)
    if not (network.is_chain and all(projection.plain or projection.lateral for projection in network.projections)):
        return _graph(nir, network)
    _check_layers(network)
    nodes = {"input": nir.Input({"input": np.array(_channels_first(network.input_shape))})}
    for number, layer in enumerate(network.layers):
        before, name = network.shape_before(number), type(layer).__name__.lower()
        if isinstance(layer, Dense) and len(before) > 1:
            nodes[f"{number}_flatten"] = nir.Flatten(np.array(_channels_first(before)), start_dim=0)
        nodes[f"{number}_{name}"] = _connection(nir, layer, network.weights[number], before)
        nodes[f"{number}_lif"] = _cuba_lif(
            nir, network.neural[number], _channels_first(network.shapes[number]), network.dt
        )
    nodes["output"] = nir.Output({"output": np.array(_channels_first(network.shapes[-1]))})
    names = list(nodes)
    return nir.NIRGraph(nodes, list(zip(names[:-1], names[1:], strict=True)))


def from_nir(graph, *, dt, duration) -> SpikingNetwork:
    """A network from a NIRGraph; see ``SpikingNetwork.from_nir``."""
    nir = load_package("nir", "nir", "SpikingNetwork.from_nir")
    if not isinstance(graph, nir.NIRGraph):
        raise ExchangeError(f"from_nir needs a NIRGraph, such as nir.read('net.nir') returns; found {graph!r}")
    step = positive_time("dt", dt)
    chain = _chain(nir, graph)
    input_shape = _channels_last(tuple(int(n) for n in chain[0][1].input_type["input"]))
    inner = [(name, node) for name, node in chain[1:-1] if not isinstance(node, nir.Flatten)]
    if not inner or len(inner) % 2:
        raise ExchangeError(
            "a network is a chain of a connection and a CubaLIF, and so on; found "
            + (" -> ".join(type(node).__name__ for _, node in inner) or "no nodes between Input and Output")
        )
    layers, neurons, arrays = [], [], []
    for (name, connection), (lif_name, lif) in zip(inner[::2], inner[1::2], strict=True):
        neuron, threshold = _neuron(nir, lif_name, lif, step)
        layer, weights = _layer(nir, name, connection, threshold)
        layers.append(layer)
        neurons.append(neuron)
        arrays.append(weights)
    network = SpikingNetwork(input_shape, layers, neurons, dt=dt, duration=duration)
    for number, layer in enumerate(layers):
        before = network.shape_before(number)
        if isinstance(layer, SumPool2D):
            _check_pooling(f"node '{inner[2 * number][0]}'", layer, before)
        elif isinstance(layer, Dense):
            arrays[number] = _rows_channels_last(arrays[number], before)
    network.weights = arrays
    return network


def _graph(nir, network: SpikingNetwork):
    """Any populations, flat, and projections: Linear, behind a Delay where spikes take time."""
    nodes = {p.name: nir.Input({"input": np.array([p.size])}) for p in network.inputs if not p.always}
    nodes |= {p.name: _cuba_lif(nir, p, (p.size,), network.dt) for p in network.neural}
    biases, edges = _biases(network), []
    for projection in (p for p in network.projections if not p.source.always):
        if projection.synaptic_variable != projection.target.neuron.synaptic_variable:
            raise ExchangeError(
                f"'{projection.name}' adds to '{projection.receptor_type}'; NIR's CubaLIF has one receptor, its current"
            )
        source, target, weights = projection.source.name, projection.target.name, _matrix(network, projection)
        delay = _delay(network, projection)
        if delay.any():
            nodes[f"{projection.name}.delay"] = nir.Delay(delay)
            edges.append((source, f"{projection.name}.delay"))
            source = f"{projection.name}.delay"
        bias = biases.pop(target, None)  # with one of the projections that arrive, as NIR has it
        nodes[projection.name] = nir.Linear(weights.T) if bias is None else nir.Affine(weights.T, bias)
        edges += [(source, projection.name), (projection.name, target)]
    if biases:
        raise ExchangeError(f"'{next(iter(biases))}' has a bias and receives nothing else: NIR has no node for that")
    for population in network.readouts:
        nodes[f"{population.name}.output"] = nir.Output({"output": np.array([population.size])})
        edges.append((population.name, f"{population.name}.output"))
    return nir.NIRGraph(nodes, edges)


def _biases(network: SpikingNetwork) -> dict[str, np.ndarray]:
    """What each population of neurons is given in each step."""
    found = {}
    for projection in (p for p in network.projections if p.source.always):
        found[projection.target.name] = found.get(projection.target.name, 0) + _matrix(network, projection)[0]
        if np.any(network.delays_of(projection, network.parameters)):
            raise ExchangeError(f"'{projection.name}': NIR's biases act from the start on, found a delay")
    return found


def _matrix(network: SpikingNetwork, projection: Projection) -> np.ndarray:
    """Weights (n_pre, n_post), 0 where there is no connection."""
    weights = np.asarray(network.weights_of(projection, network.parameters))
    if weights.ndim == 0:
        weights = np.full(projection.connection.weight_shape, weights)
    return projection.connection.unroll(weights)


def _delay(network: SpikingNetwork, projection: Projection) -> np.ndarray:
    """Seconds that the spikes of each source neuron take."""
    steps = np.asarray(network.delays_of(projection, network.parameters))
    if steps.ndim == 0:
        return np.full(projection.source.size, steps * network.dt)
    pre, _, index = projection.connection.synapses()
    of_each, found = steps.ravel()[index], np.zeros(projection.source.size, dtype=steps.dtype)
    found[pre] = of_each
    if (found[pre] != of_each).any():
        raise ExchangeError(
            f"'{projection.name}': NIR's delays are those of neurons, and the connections of one neuron have several"
        )
    return found * network.dt


def _check_neuron(label: str, neuron, drop_refractory: bool) -> None:
    if type(neuron) is not LIF:
        raise ExchangeError(
            f"{label}: NIR holds no equations, only neurons by name, of which CubaLIF is our LIF; found own "
            f"equations, {neuron!r}"
        )
    if neuron.refractory and not drop_refractory:
        raise ExchangeError(
            f"{label}: NIR has no refractory time, found {neuron.refractory * second}. With "
            "drop_refractory=True it is left out, and the neurons may fire more often"
        )


def _check_layers(network: SpikingNetwork) -> None:
    for number, layer in enumerate(network.layers):
        if layer.lateral_inhibition:
            raise ExchangeError(
                f"layer {number}: its lateral inhibition of strength {layer.lateral_inhibition} would be lost, as "
                "chains are written feed-forward; train a network without it"
            )
        if isinstance(layer, SumPool2D):
            _check_pooling(f"layer {number}", layer, network.shape_before(number))


def _check_pooling(where: str, layer: SumPool2D, before: tuple[int, ...]) -> None:
    stride = layer.stride or layer.size
    if any((n - layer.size) % stride for n in before[:2]):
        raise ExchangeError(
            f"{where}: windows of {layer.size} with stride {stride} don't cover a map of {before[0]} x {before[1]} "
            "exactly; SumPool2D cuts off the last window at the border, NIR leaves it out"
        )


def _connection(nir, layer, weights: np.ndarray, before: tuple[int, ...]):
    if isinstance(layer, Dense):
        return nir.Linear(_rows_channels_first(weights, before).T.copy())
    if isinstance(layer, Conv2D):
        kernels = weights.transpose(3, 2, 0, 1).copy()
        bias = np.zeros(layer.channels, dtype=weights.dtype)
        return nir.Conv2d(before[:2], kernels, layer.stride, layer.padding, dilation=1, groups=1, bias=bias)
    size, stride = np.full(2, layer.size), np.full(2, layer.stride or layer.size)
    return nir.SumPool2d(kernel_size=size, stride=stride, padding=np.zeros(2, dtype=int))


def _cuba_lif(nir, population: Population, shape: tuple[int, ...], dt: float):
    neuron = population.neuron
    if neuron.learned:
        raise ExchangeError(
            f"NIR's neurons of one layer are alike here, and those of '{population.name}' have learned their "
            f"{', '.join(neuron.learned)}; make a network with values in the place of Learned(...)"
        )
    return nir.CubaLIF(
        tau_syn=np.full(shape, neuron.tau_s),
        tau_mem=np.full(shape, neuron.tau_m),
        r=np.full(shape, neuron.tau_m / neuron.tau_s),
        v_leak=np.zeros(shape),
        v_reset=np.zeros(shape),
        v_threshold=np.full(shape, population.threshold),
        w_in=np.full(shape, neuron.tau_s / dt),
    )


def _chain(nir, graph) -> list[tuple[str, object]]:
    """The nodes from the Input to the Output with their names; ExchangeError unless each has one successor."""
    names = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    successors = dict(graph.edges)
    if len(names) != 1 or len(successors) != len(graph.edges) or len(graph.edges) != len(graph.nodes) - 1:
        raise ExchangeError(
            "only feed-forward chains from one Input to one Output can be read; this graph has "
            f"{len(names)} Input nodes, and {len(graph.edges)} edges between {len(graph.nodes)} nodes"
        )
    while names[-1] in successors and len(names) <= len(graph.nodes):
        names.append(successors[names[-1]])
    if len(names) != len(graph.nodes) or not isinstance(graph.nodes[names[-1]], nir.Output):
        raise ExchangeError(f"the graph is no chain from Input to Output: from its Input it runs {' -> '.join(names)}")
    return [(name, graph.nodes[name]) for name in names]


def _neuron(nir, name: str, node, dt: float) -> tuple[LIF, float]:
    """The neuron of a CubaLIF, and its threshold."""
    if not isinstance(node, nir.CubaLIF):
        raise ExchangeError(f"node '{name}': expected a CubaLIF after a connection, found a {type(node).__name__}")
    parameters = ("tau_mem", "tau_syn", "r", "w_in", "v_threshold", "v_leak", "v_reset")
    tau_mem, tau_syn, r, w_in, v_threshold, v_leak, v_reset = (_same_for_all(name, node, p) for p in parameters)
    if v_leak or v_reset:
        raise ExchangeError(f"node '{name}': v_leak and v_reset must be 0, found {v_leak:g} and {v_reset:g}")
    gain = r * w_in * dt / tau_mem
    if not gain > 0:
        raise ExchangeError(f"node '{name}': r and w_in must have a positive product, found {r:g} and {w_in:g}")
    return LIF(tau_mem * second, tau_syn * second), v_threshold / gain


def _layer(nir, name: str, node, threshold: float):
    """The layer of a connection, and its weights; a dense layer's rows are still in NIR's order."""
    bias = getattr(node, "bias", None)
    if bias is not None and np.any(bias):
        raise ExchangeError(f"node '{name}': the layers of a network have no bias, found one other than 0")
    if isinstance(node, nir.Linear | nir.Affine) and node.weight.ndim == 2:
        return Dense(len(node.weight), threshold), node.weight.T
    if isinstance(node, nir.Conv2d):
        return _convolution(name, node, threshold), node.weight.transpose(2, 3, 1, 0)
    if isinstance(node, nir.SumPool2d) and not np.any(node.padding):
        size, stride = _square(name, "kernel_size", node.kernel_size), _square(name, "stride", node.stride)
        return SumPool2D(size, threshold, stride), np.zeros(0, dtype=np.float32)
    raise ExchangeError(
        f"node '{name}': expected Linear or Affine with a matrix, Conv2d, or SumPool2d without padding; found {node!r}"
    )


def _convolution(name: str, node, threshold: float) -> Conv2D:
    size, padding = _square(name, "kernel", node.weight.shape[2:]), node.padding
    if isinstance(padding, str):
        # "same" with an even kernel pads one side more than the other
        padding = {"valid": 0, "same": (size - 1) / 2}[padding]
    padding, dilation = _square(name, "padding", padding), _square(name, "dilation", node.dilation)
    if dilation != 1 or node.groups != 1:
        raise ExchangeError(
            f"node '{name}': Conv2D has dilation 1 and one group, found dilation {dilation} and {node.groups} groups"
        )
    return Conv2D(node.weight.shape[0], size, threshold, padding, _square(name, "stride", node.stride))


def _same_for_all(name: str, node, parameter: str) -> float:
    values = np.unique(getattr(node, parameter))
    if len(values) != 1:
        raise ExchangeError(
            f"node '{name}': all neurons of a layer must have the same {parameter}, found values from {values[0]:g} to "
            f"{values[-1]:g}"
        )
    return float(values[0])


def _square(name: str, parameter: str, value) -> int:
    sizes = np.unique(value)
    if len(sizes) != 1 or sizes[0] != int(sizes[0]):
        raise ExchangeError(f"node '{name}': {parameter} must be one number for all directions, found {value}")
    return int(sizes[0])


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[2], *shape[:2]) if len(shape) == 3 else shape


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


def _rows_channels_first(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reorder the rows of (n_pre, n_post) as NIR flattens a population of this, channels-last, shape."""
    if len(shape) != 3:
        return matrix
    return matrix.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(matrix.shape)


def _rows_channels_last(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inverse of `_rows_channels_first`; a matrix of another size is left for the network to refuse."""
    if len(shape) != 3 or len(matrix) != np.prod(shape):
        return matrix
    return matrix.reshape(*_channels_first(shape), -1).transpose(1, 2, 0, 3).reshape(matrix.shape)

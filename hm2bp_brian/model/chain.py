"""A chain of layers: the short way to populations, each of which receives from the one before."""

from __future__ import annotations

import warnings

import numpy as np

from hm2bp_brian.checks import as_tuple
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.connections import AllPairs, Windows
from hm2bp_brian.model.delays import Delays, make_delays
from hm2bp_brian.model.initializers import Scaled
from hm2bp_brian.model.layers import Recurrent
from hm2bp_brian.model.learned import with_threshold
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.model.sizes import check_size, single_precision
from hm2bp_brian.model.weight_scale import uniform


def add_layers(network, input_shape: tuple[int, ...], layers, neuron) -> None:
    """Make the populations, projections and weights of a chain.

    Parameters
    ----------
    network : SpikingNetwork
        Without populations.
    input_shape : tuple of int
    layers, neuron
        As of SpikingNetwork.
    """
    network.layers = _checked_layers(layers)
    neurons = list(neuron) if isinstance(neuron, list | tuple) else [neuron] * len(network.layers)
    if len(neurons) != len(network.layers):
        raise ConfigurationError(f"{len(network.layers)} layers need as many neurons, found {len(neurons)}")
    for model in neurons:
        if not isinstance(model, NeuronModel):
            raise ConfigurationError(f"neuron must be a NeuronModel such as LIF(...), found {model!r}")
    network.inputs.append(Population("input", input_shape))
    for number, (layer, model) in enumerate(zip(network.layers, neurons, strict=True)):
        _add_layer(network, number, layer, model)
    for number, layer in enumerate(network.layers):  # behind all layers, so that their weights have the layers' numbers
        if getattr(layer, "recurrent", None) is not None:
            _add_loop(network, number, layer.recurrent)


def _add_layer(network, number: int, layer, model: NeuronModel) -> None:
    before = network.populations[-1]
    connection = layer.connect(before.shape)
    check_size(f"layer {number}", connection.output_shape)
    model, threshold = with_threshold(f"threshold of layer {number}", model, layer.threshold)
    population = Population(
        f"layer_{number}",
        connection.output_shape,
        model,
        threshold,
        rate_band=getattr(layer, "rate", None),
        maps=isinstance(connection, Windows),
    )
    last = number == len(network.layers) - 1
    network.add_population(population, f"layer {number}", readout=last)
    fixed = 0 in connection.weight_shape
    projection = Projection(
        f"synapses_{number}",
        before,
        population,
        connection,
        weight=1.0 if fixed else None,
        plastic=not fixed,
        delays=_delays(network, f"layer {number}", getattr(layer, "delay", None), connection),
    )
    weights = np.zeros(connection.weight_shape, dtype=np.float32)
    if not fixed:
        weights = _initial_weights(network, number, layer.initializer, projection)
    network.add_projection(projection, weights)
    _add_lateral_inhibition(network, number, layer, last)


def _add_loop(network, number: int, recurrent: Recurrent) -> None:
    population = network.neural[number]
    connection = AllPairs(population.shape, population.shape, others=True)
    delays = _delays(network, f"the loop of layer {number}", recurrent.delay, connection)
    projection = Projection(f"recurrent_{number}", population, population, connection, delays=delays)
    network.add_projection(projection, _initial_weights(network, number, recurrent.initializer, projection))


def _delays(network, name: str, delay, connection) -> Delays:
    return make_delays(name, delay, connection, network.dt, network.n_steps, network.generator)


def _initial_weights(network, number: int, initializer, projection: Projection) -> np.ndarray:
    shape = projection.connection.weight_shape
    if isinstance(initializer, Scaled):
        ends = projection.source, projection.target
        what = f"weights of layer {number}"
        receptor = projection.synaptic_variable
        initializer = uniform(initializer, network, what, *ends, projection.connection, projection.sign, receptor)
    if not (callable(initializer) and hasattr(initializer, "limit")):
        raise ConfigurationError(
            f"initializer of layer {number} must be one such as Uniform(1.0), found {initializer!r}"
        )
    dimension = projection.target.neuron.weight_dimension
    limit = single_precision(f"initial limit of layer {number}", initializer.limit, dimension)
    return initializer(shape, limit, network.generator)


def _add_lateral_inhibition(network, number: int, layer, last: bool) -> None:
    strength = layer.lateral_inhibition
    if isinstance(strength, int | float) and strength == 0:  # there is none, and no unit is needed to say so
        return
    if not last:
        warnings.warn(
            f"layer {number} is hidden and has lateral inhibition of strength {strength}: it is simulated, but "
            "HM2-BP accounts for it in the output layer only, and its gradients will not be those of the network",
            UserWarning,
            stacklevel=5,
        )
    what = f"lateral inhibition of layer {number}"
    network.add_lateral(network.neural[number], f"lateral_{number}", strength, what)


def _checked_layers(layers) -> list:
    layers = list(as_tuple(layers))
    if not layers:
        raise ConfigurationError("a network needs at least one layer, found none")
    for number, layer in enumerate(layers):
        missing = [n for n in ("connect", "threshold", "lateral_inhibition") if not hasattr(layer, n)]
        if missing or isinstance(layer, type):
            raise ConfigurationError(
                f"layers must be a list of layers such as Dense(10, threshold=1); found {layer!r} as layer {number}"
            )
    return layers

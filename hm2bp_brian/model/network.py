"""A network: its layers, neurons, time axis and weights. It runs nothing."""

from __future__ import annotations

import math
import warnings

import numpy as np
from brian2 import second
from brian2.units.fundamentalunits import Dimension

from hm2bp_brian.checks import as_tuple, check_seed, is_integer
from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.model.connections import AllToAll, AllToOthers, Windows
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.model.units import to_float, with_unit
from hm2bp_brian.model.weights import Weights

LARGEST = float(np.finfo(np.float32).max)  # engines compute in single precision unless asked for more
MOST = 2**31 - 1  # steps of a presentation, neurons of a population


class SpikingNetwork:
    """A feed-forward network of spiking layers, written once and run by any engine.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of the input population, channels last: ``(28, 28, 1)``.
    layers : list of layers
        Such as ``Dense``; shapes are inferred from ``input_shape``.
    neuron : NeuronModel or list of NeuronModel
        The neuron of all layers, or one a layer.
    dt, duration : Quantity
        Time step, and length of one presentation: a multiple of ``dt``.
    seed : int
        Seed of the initial weights.

    Attributes
    ----------
    dt : float
        Time step in seconds.
    n_steps : int
        Steps in one presentation.
    populations : list of Population
        The input, then one a layer.
    projections : list of Projection
        From each population to the next, and lateral inhibition from a layer to itself.

    Raises
    ------
    UnitError, ConfigurationError, ShapeError
        If units, values or shapes do not fit, or neurons would fire at the start of every presentation.

    Warns
    -----
    UserWarning
        If a hidden layer has lateral inhibition, for which HM2-BP does not account.
    """

    def __init__(self, input_shape, layers, neuron, *, dt, duration, seed: int = 0):
        self.input_shape = _population_shape(input_shape)
        self.layers = _checked_layers(layers)
        self.neurons = list(neuron) if isinstance(neuron, list | tuple) else [neuron] * len(self.layers)
        if len(self.neurons) != len(self.layers):
            raise ConfigurationError(f"{len(self.layers)} layers need as many neurons, found {len(self.neurons)}")
        for model in self.neurons:
            if not isinstance(model, NeuronModel):
                raise ConfigurationError(f"neuron must be a NeuronModel such as LIF(...), found {model!r}")
        self.seed = check_seed(seed)
        self.dt, self.n_steps = _time_axis(dt, duration)
        self.populations = [Population("input", self.input_shape)]
        self.projections = []
        for number, (layer, model) in enumerate(zip(self.layers, self.neurons, strict=True)):
            self._add_layer(number, layer, model)
        self._check_start()
        generator = np.random.default_rng(self.seed)
        self.weights = [self._initial_weights(number, generator) for number in range(len(self.layers))]
        self._linear_maps = {}

    def _add_layer(self, number: int, layer, model: NeuronModel) -> None:
        """Make the layer's population, its projection from the population before, and its lateral inhibition."""
        before = self.populations[-1]
        connection = layer.connect(before.shape)
        _check_size(f"layer {number}", connection.output_shape)
        threshold = _layer_number(f"threshold of layer {number}", layer.threshold, model.threshold_dimension)
        population = Population(f"layer_{number}", connection.output_shape, model, threshold)
        model.check_size(population.size)
        self.populations.append(population)
        weight = None if 0 not in connection.weight_shape else 1.0
        self.projections.append(Projection(f"synapses_{number}", before, population, connection, weight))
        strength = self._lateral_strength(number)
        if strength:
            others = AllToOthers(population.shape)
            self.projections.append(Projection(f"lateral_{number}", population, population, others, -strength))

    @property
    def chain(self) -> list[Projection]:
        """The projections from each population to the next, one a layer."""
        return [projection for projection in self.projections if not projection.recurrent]

    def lateral(self, layer: int) -> Projection | None:
        """The lateral inhibition of a layer: its projection to itself, or None."""
        population = self.populations[layer + 1]
        return next((p for p in self.projections if p.recurrent and p.source is population), None)

    @property
    def connections(self) -> list[AllToAll | Windows]:
        """What each layer receives from the population before."""
        return [projection.connection for projection in self.chain]

    @property
    def thresholds(self) -> list[float]:
        """Threshold of each layer, in SI base units."""
        return [population.threshold for population in self.populations[1:]]

    @property
    def weights(self) -> Weights:
        """Weights, one array a layer, in the base unit of the synaptic variable.

        Dense: ``(n_pre, n_post)``; convolution: ``(k, k, c_in, c_out)``; pooling, whose weights are fixed: ``(0,)``.
        """
        return self._weights

    @weights.setter
    def weights(self, arrays):
        shapes = [connection.weight_shape for connection in self.connections]
        self._weights = Weights(shapes, [model.weight_dimension for model in self.neurons], arrays)

    def _initial_weights(self, number: int, generator: np.random.Generator) -> np.ndarray:
        shape = self.connections[number].weight_shape
        if 0 in shape:
            return np.zeros(shape, dtype=np.float32)
        initializer, dimension = self.layers[number].initializer, self.neurons[number].weight_dimension
        if not (callable(initializer) and hasattr(initializer, "limit")):
            raise ConfigurationError(
                f"initializer of layer {number} must be one such as Uniform(1.0), found {initializer!r}"
            )
        limit = _layer_number(f"initial limit of layer {number}", initializer.limit, dimension)
        return initializer(shape, limit, generator)

    def _lateral_strength(self, number: int) -> float:
        strength = self.layers[number].lateral_inhibition
        if isinstance(strength, int | float) and strength == 0:  # there is none, and no unit is needed to say so
            return 0.0
        if number < len(self.layers) - 1:
            warnings.warn(
                f"layer {number} is hidden and has lateral inhibition of strength {strength}: it is simulated, but "
                "HM2-BP accounts for it in the output layer only, and its gradients will not be those of the network",
                UserWarning,
                stacklevel=4,
            )
        return _layer_number(f"lateral inhibition of layer {number}", strength, self.neurons[number].weight_dimension)

    def _check_start(self) -> None:
        for number, (model, v_th) in enumerate(zip(self.neurons, self.thresholds, strict=True)):
            if model.fires_at_start(self.size(number), v_th, self.dt):
                raise ConfigurationError(
                    f"layer {number}: its threshold '{model.threshold}' with v_th = "
                    f"{with_unit(v_th, model.threshold_dimension)} holds at the start of a presentation: its neurons "
                    f"would fire without input. They start with {self._start_text(number)}; say by initial= of the "
                    "neuron where they do, such as initial={'v': -70*mV}, or choose another threshold"
                )

    def _start_text(self, number: int) -> str:
        """The values with which the first neuron of a layer starts."""
        model = self.neurons[number]
        starts = model.start_values(self.size(number), self.thresholds[number], self.dt)
        return ", ".join(f"{name} = {with_unit(v[0], model.dimension_of(name))}" for name, v in starts.items())

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shape of each layer's population."""
        return [population.shape for population in self.populations[1:]]

    def shape_before(self, layer: int) -> tuple[int, ...]:
        """Shape of the population that layer ``layer`` receives."""
        return self.populations[layer].shape

    def size(self, layer: int) -> int:
        """Number of neurons in a layer."""
        return self.populations[layer + 1].size

    @property
    def n_outputs(self) -> int:
        """Number of neurons in the last layer."""
        return self.size(len(self.layers) - 1)

    def linear_map(self, layer: int):
        """What a step, a spike and the threshold do to a layer's neurons (see ``brian.probing.linear_map``)."""
        # a door: what is probed is simulated, and models run nothing
        from hm2bp_brian.brian.probing import linear_map

        if layer not in self._linear_maps:
            self._linear_maps[layer] = linear_map(
                self.neurons[layer], self.size(layer), self.dt, self.thresholds[layer]
            )
        return self._linear_maps[layer]

    def to_nir(self, *, drop_refractory: bool = False):
        """The network as a graph of NIR, the Neuromorphic Intermediate Representation (extra ``nir``).

        Dense layers become Linear, behind a Flatten where maps or images come in; Conv2D becomes Conv2d, SumPool2D
        SumPool2d, and LIF CubaLIF with tau_syn = tau_s, tau_mem = tau_m, w_in = tau_s/dt, r = tau_m/tau_s and v_leak =
        v_reset = 0, where a spike is taken as 1 for one time step. NIR has channels first. It does not know the length
        of a presentation, the method of integration and, but for ``w_in``, ``dt``.

        Parameters
        ----------
        drop_refractory : bool
            Leave out the refractory time, which NIR can't hold: spikes will differ.

        Returns
        -------
        nir.NIRGraph
            ``nir.write(path, graph)`` makes a file of it.

        Raises
        ------
        ExchangeError
            If NIR can't hold the network: refractory time, lateral inhibition, own equations, pooling windows that
            reach over the border.
        MissingPackageError
            If nir is not installed.
        """
        from hm2bp_brian.exchange.nir import to_nir

        return to_nir(self, drop_refractory=drop_refractory)

    @classmethod
    def from_nir(cls, graph, *, dt, duration) -> SpikingNetwork:
        """A network from a graph of NIR (extra ``nir``), the inverse of `to_nir`.

        Parameters
        ----------
        graph : nir.NIRGraph
            A chain of Input, then Linear, Affine, Conv2d or SumPool2d each with a CubaLIF behind it, and Output;
            Flatten may stand between. Weights are taken as they are; thresholds are divided by r w_in dt / tau_mem,
            which gives the same spikes.
        dt, duration : Quantity
            Time step, and length of one presentation. NIR does not keep them; a graph whose ``w_in`` was made for one
            ``dt``, as those of `to_nir` and most tools, needs the same here.

        Raises
        ------
        ExchangeError
            If the graph holds anything else: another order or node, biases, v_leak or v_reset other than 0, neurons of
            one layer that differ.
        ShapeError
            If weights don't fit the population before them.
        MissingPackageError
            If nir is not installed.

        Examples
        --------
        >>> network = SpikingNetwork.from_nir(nir.read("net.nir"), dt=1*ms, duration=400*ms)    # doctest: +SKIP
        """
        from hm2bp_brian.exchange.nir import from_nir

        return from_nir(graph, dt=dt, duration=duration)

    def __str__(self) -> str:
        rows = [("layer", "shape", "parameters", "threshold"), ("input", str(self.input_shape), "0", "")]
        for number, layer in enumerate(self.layers):
            rows.append(
                (
                    f"{number} {type(layer).__name__}",
                    str(self.shapes[number]),
                    f"{self.weights[number].size:,}",
                    str(layer.threshold),
                )
            )
        rows.append(("total", "", f"{sum(w.size for w in self.weights):,}", ""))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.insert(1, "-" * max(len(line) for line in lines))
        steps = f"{self.n_steps} steps of {self.dt * second!s} a presentation; {self.neurons[0]!r}"
        return "\n".join([*lines, steps])

    def summary(self) -> None:
        """Print a table of the layers: shape, number of parameters, threshold."""
        print(self)


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


def _layer_number(name: str, value, dimension: Dimension) -> float:
    """A layer's setting as a float, which single precision can hold."""
    number = to_float(name, value, dimension)
    if abs(number) > LARGEST:
        raise ConfigurationError(f"{name} is too large for single precision ({LARGEST:.2g}), found {value!r}")
    return number


def _population_shape(shape) -> tuple[int, ...]:
    shape = as_tuple(shape)
    if not shape or not all(is_integer(n) and n > 0 for n in shape):
        raise ShapeError(f"input_shape must be positive integers such as (28, 28, 1), found {shape!r}")
    shape = tuple(int(n) for n in shape)
    _check_size("the input", shape)
    return shape


def _check_size(population: str, shape: tuple[int, ...]) -> None:
    if math.prod(shape) > MOST:
        raise ShapeError(f"{population} must have at most {MOST} neurons, found shape {shape}")


def _time_axis(dt, duration) -> tuple[float, int]:
    dt = to_float("dt", dt, second.dim)
    duration = to_float("duration", duration, second.dim)
    if dt <= 0 or duration <= 0:
        raise ConfigurationError(f"dt and duration must be positive, found {dt} s and {duration} s")
    if not duration / dt <= MOST:
        raise ConfigurationError(f"duration / dt must be at most {MOST} steps, found {duration} s / {dt} s")
    n_steps = round(duration / dt)
    if n_steps < 1 or abs(n_steps * dt - duration) > 1e-6 * dt:
        raise ConfigurationError(
            f"duration must be a multiple of dt: {duration} s / {dt} s = {duration / dt:.6g} steps; "
            f"take {max(n_steps, 1) * dt:g} s"
        )
    return dt, n_steps

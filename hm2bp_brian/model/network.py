"""A network: its populations, projections, time axis and weights. It runs nothing."""

from __future__ import annotations

import dataclasses
import math
import re
import warnings
from functools import cached_property

import numpy as np
from brian2 import second

from hm2bp_brian.checks import as_tuple, check_seed, is_integer
from hm2bp_brian.errors import ConfigurationError, ShapeError, UnknownNameError
from hm2bp_brian.model.chain import add_layers
from hm2bp_brian.model.connectors import AllToAll, check_connector
from hm2bp_brian.model.delays import DELAY_SCALE, make_delays, to_steps
from hm2bp_brian.model.graph import Component, components, unreached
from hm2bp_brian.model.initial_weights import initial_weights, make_signs
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.populations import Population, RateBand
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.model.sizes import MOST, check_size, single_precision
from hm2bp_brian.model.summaries import chain_summary, graph_summary
from hm2bp_brian.model.units import to_float, with_unit
from hm2bp_brian.model.weights import LearnedDelays, Weights
from hm2bp_brian.spike_record import SpikeRecord, part_of
from hm2bp_brian.spikes import SpikeBatch

CLOCK = "clock"
NAME = re.compile(r"[A-Za-z]\w*")


class SpikingNetwork:
    """A network of spiking neurons, written once and run by any engine.

    A chain of layers is given at once, by ``input_shape``, ``layers`` and ``neuron``. Any other network is begun
    without them, and put together by `input`, `population` and `connect`.

    Parameters
    ----------
    input_shape : tuple of int, optional
        Shape of the input population, channels last: ``(28, 28, 1)``.
    layers : list of layers, optional
        Such as ``Dense``; shapes are inferred from ``input_shape``.
    neuron : NeuronModel or list of NeuronModel, optional
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
    inputs : list of Population
        What fires from outside, in the order of a batch's neurons.
    neural : list of Population
        Populations of neurons, in the order of a record's layers.
    projections : list of Projection
    readouts : list of Population
        Whose spikes are counted; in a chain the last layer.

    Raises
    ------
    UnitError, ConfigurationError, ShapeError
        If units, values or shapes do not fit, or neurons would fire at the start of every presentation.

    Warns
    -----
    UserWarning
        If a hidden layer has lateral inhibition, for which HM2-BP does not account.

    Examples
    --------
    >>> from brian2 import ms
    >>> network = SpikingNetwork(dt=1*ms, duration=100*ms)
    >>> sound = network.input("sound", (78,))
    >>> exc = network.population("exc", 50, neuron=LIF(20*ms, 5*ms), threshold=1)
    >>> letter = network.population("letter", 26, neuron=LIF(20*ms, 5*ms), threshold=1, readout=True)
    >>> for source, target in (("sound", "exc"), ("exc", "exc"), ("exc", "letter")):
    ...     projection = network.connect(source, target)
    >>> [p.name for p in network.projections]
    ['sound_to_exc', 'exc_to_exc', 'exc_to_letter']
    """

    def __init__(self, input_shape=None, layers=None, neuron=None, *, dt, duration, seed: int = 0):
        self.seed = check_seed(seed)
        self.dt, self.n_steps = _time_axis(dt, duration)
        self.inputs, self.neural, self.projections, self.readouts = [], [], [], []
        self.generator = np.random.default_rng(self.seed)
        self._linear_maps, self._trajectories = {}, {}
        self._changed([], [])
        self.is_chain = not (input_shape is None and layers is None and neuron is None)
        self.layers = self.neural
        if self.is_chain:
            add_layers(self, _population_shape("input_shape", input_shape), layers, neuron)

    def input(self, name: str, shape, *, positions=None, sign=None) -> Population:
        """Add a population that fires from outside.

        Parameters
        ----------
        name : str
        shape : int or tuple of int
        positions : array (n_neurons, n_dimensions), optional
            For connections that depend on the distance, in any one unit.
        sign : "excitatory", "inhibitory" or float, optional
            Dale's law for its connections: the fraction of the neurons that are excitatory.

        Returns
        -------
        Population

        Raises
        ------
        ConfigurationError, ShapeError
            If the name is taken or no name, or numbers do not fit.
        """
        self._check_graph()
        shape = self._new_population(name, shape)
        size = math.prod(shape)
        made = Population(name, shape, positions=_positions(name, positions, size), sign=make_signs(name, sign, size))
        self.inputs.append(made)
        self._changed()
        return made

    def population(
        self,
        name: str,
        shape,
        *,
        neuron: NeuronModel,
        threshold,
        readout: bool = False,
        lateral_inhibition=0.0,
        bias=None,
        rate: RateBand | None = None,
        positions=None,
        sign=None,
    ) -> Population:
        """Add a population of neurons.

        Parameters
        ----------
        name : str
        shape : int or tuple of int
        neuron : NeuronModel
        threshold : float or Quantity
            ``v_th``, in the unit of the membrane variable.
        readout : bool
            Whether its spike counts are the output, or part of it.
        lateral_inhibition : float or Quantity
            Of a readout: as that of ``Dense``.
        bias : number, Quantity or initializer, optional
            A current: what is added to the synaptic variable of each neuron in each step, and learned. It is a
            projection from a population "clock" that fires in each step; connect from it yourself for a fixed one.
        rate : RateBand, optional
            Spike counts that training is to keep to.
        positions, sign
            As those of `input`.

        Returns
        -------
        Population

        Raises
        ------
        ConfigurationError, ShapeError, UnitError
            If the name is taken or no name, numbers or units do not fit, or the neurons would fire without input.
        """
        self._check_graph()
        shape = self._new_population(name, shape)
        if not isinstance(neuron, NeuronModel):
            raise ConfigurationError(f"neuron of '{name}' must be a NeuronModel such as LIF(...), found {neuron!r}")
        if rate is not None and not isinstance(rate, RateBand):
            raise ConfigurationError(f"rate of '{name}' must be a RateBand, found {rate!r}")
        size = math.prod(shape)
        made = Population(
            name,
            shape,
            neuron,
            single_precision(f"threshold of '{name}'", threshold, neuron.threshold_dimension),
            _positions(name, positions, size),
            make_signs(name, sign, size),
            rate,
        )
        self.add_population(made, f"population '{name}'", readout)
        strength = to_float(f"lateral inhibition of '{name}'", lateral_inhibition, None)
        if strength:
            if not readout:
                raise ConfigurationError(
                    f"'{name}' is no readout: HM2-BP accounts for lateral inhibition in the output only; connect the "
                    "population with itself instead"
                )
            self.add_lateral(made, f"lateral_{name}", lateral_inhibition, f"lateral inhibition of '{name}'")
        if bias is not None:
            self.connect(self._clock(), made, weights=bias, name=f"bias_{name}")
        return made

    def connect(
        self,
        source,
        target,
        connection=None,
        *,
        weights=None,
        delay=None,
        plastic: bool = True,
        sign=None,
        name: str | None = None,
    ) -> Projection:
        """Connect two populations, or one with itself.

        A spike is put in at the end of its step, or ``delay`` later, and acts on the target from the next step on, as
        in Brian2. So every loop has a delay of at least one step, and ``delay=0*ms`` is allowed in one.

        Parameters
        ----------
        source, target : str or Population
        connection : AllToAll, OneToOne or Sparse
            All to all by default, within one population without connections of a neuron with itself.
        weights : initializer, number, Quantity or array
            ``Uniform(1.0)`` by default; see `hm2bp_brian.model.initial_weights`. In the unit of the target's synaptic
            variable. Arrays have the shape (n_pre, n_post) for AllToAll, else one value a connection, sorted by source,
            then target.
        delay : Quantity, Quantity array, Between or Learned, optional
            One for all connections or one a connection; drawn at random; or learned.
        plastic : bool
            Whether training changes the weights.
        sign : "excitatory" or "inhibitory", optional
            Of all weights; that of the source population if not given.
        name : str, optional
            By default "source_to_target".

        Returns
        -------
        Projection

        Raises
        ------
        UnknownNameError, ConfigurationError, UnitError, ShapeError
            If a population is unknown, or a value does not fit.
        """
        self._check_graph()
        source, target = self._population(source), self._population(target)
        if target.neuron is None:
            raise ConfigurationError(f"'{target.name}' is an input: nothing can be connected to it")
        name = self._new_name("projection", f"{source.name}_to_{target.name}" if name is None else name)
        connection = AllToAll() if connection is None else connection
        check_connector(connection)
        made = connection.connect(source, target, self.generator)
        sign = source.sign if sign is None else make_signs(name, sign, source.size)
        array = initial_weights(
            name,
            Uniform() if weights is None else weights,
            made,
            source,
            target,
            target.neuron.weight_dimension,
            sign,
            self.generator,
        )
        delays = make_delays(name, delay, made, self.dt, self.n_steps, self.generator)
        projection = Projection(name, source, target, made, plastic=bool(plastic), delays=delays, sign=sign)
        self.add_projection(projection, array)
        return projection

    def add_population(self, population: Population, where: str, readout: bool = False) -> None:
        """Add a population of neurons that is made already; ``where`` names it in messages."""
        model = population.neuron
        model.check_size(population.size)
        if model.fires_at_start(population.size, population.threshold, self.dt):
            starts = model.start_values(population.size, population.threshold, self.dt).items()
            texts = (f"{name} = {with_unit(values[0], model.dimension_of(name))}" for name, values in starts)
            raise ConfigurationError(
                f"{where}: its threshold '{model.threshold}' with v_th = "
                f"{with_unit(population.threshold, model.threshold_dimension)} holds at the start of a presentation: "
                f"its neurons would fire without input. They start with {', '.join(texts)}; say by initial= of the "
                "neuron where they do, such as initial={'v': -70*mV}, or choose another threshold"
            )
        self.neural.append(population)
        if readout:
            self.readouts.append(population)
        self._changed()

    def add_projection(self, projection: Projection, weights: np.ndarray) -> None:
        """Add a projection that is made already, with its first weights."""
        weights, delays = [*self._weights, weights], list(self._delays)
        if projection.delays.learned:
            delays.append(projection.delays.steps)
        self.projections.append(projection)
        self._changed(weights, delays)

    def add_lateral(self, population: Population, name: str, strength, what: str) -> None:
        """Let each neuron of a readout inhibit the others; see ``Dense``."""
        weight = -single_precision(what, strength, population.neuron.weight_dimension)
        others = AllToAll().connect(population, population, self.generator)
        self.projections.append(Projection(name, population, population, others, weight, plastic=False, lateral=True))
        self._changed()

    def freeze(self, *names: str) -> None:
        """Keep training from changing what leads to these populations.

        Raises
        ------
        UnknownNameError
        """
        for name in names:
            population = self._population(name)
            for number, projection in enumerate(self.projections):
                if projection.target is population:
                    fixed = dataclasses.replace(projection.delays, limits=None)
                    if projection.delays.learned:
                        raise ConfigurationError(
                            f"'{projection.name}' has learned delays; connect it with fixed ones to freeze '{name}'"
                        )
                    self.projections[number] = dataclasses.replace(projection, plastic=False, delays=fixed)
        self._changed()

    def _changed(self, weights=None, delays=None) -> None:
        """Bring up to date what follows from populations and projections."""
        for name in ("weighted", "components"):
            self.__dict__.pop(name, None)
        self.weights = self._weights if weights is None else weights
        self.delays = self._delays if delays is None else delays

    @property
    def populations(self) -> list[Population]:
        """The inputs, then the populations of neurons."""
        return [*self.inputs, *self.neural]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the input: of several input populations ``(n_neurons,)``, one after the other."""
        outside = [population for population in self.inputs if not population.always]
        return outside[0].shape if len(outside) == 1 else (sum(population.size for population in outside),)

    @property
    def n_outputs(self) -> int:
        """Number of neurons in the readouts."""
        return sum(population.size for population in self.readouts)

    @cached_property
    def weighted(self) -> list[Projection]:
        """The projections that have an array in ``weights``: all but lateral inhibition."""
        return [projection for projection in self.projections if not projection.lateral]

    @cached_property
    def components(self) -> list[Component]:
        """The populations in the order in which they can be run."""
        return components(self.populations, self.projections)

    @property
    def weights(self) -> Weights:
        """Weights, one array a projection, in the base unit of its target's synaptic variable.

        All to all: ``(n_pre, n_post)``; sparse: ``(n_connections,)``; convolution: ``(k, k, c_in, c_out)``; pooling,
        whose weights are fixed: ``(0,)``. In a chain there is one a layer. ``network.weights["name"]`` is that of a
        projection.
        """
        return self._weights

    @weights.setter
    def weights(self, arrays):
        self._weights = Weights(self.weighted, arrays, self._labels(self.weighted))

    def _labels(self, projections) -> list[str]:
        return [
            f"layer {self.neural.index(p.target)}" if self.is_chain and not p.recurrent else f"'{p.name}'"
            for p in projections
        ]

    @property
    def delays(self) -> LearnedDelays:
        """Delays that are learned, in steps: one array for each projection that has some."""
        return self._delays

    @delays.setter
    def delays(self, arrays):
        learned = [projection for projection in self.weighted if projection.delays.learned]
        self._delays = LearnedDelays(learned, arrays, self._labels(learned))

    @property
    def parameters(self) -> list[np.ndarray]:
        """All arrays that training changes: the weights, then the learned delays."""
        return [*self.weights, *self.delays]

    @parameters.setter
    def parameters(self, arrays):
        arrays = as_tuple(arrays)
        self.weights, self.delays = arrays[: len(self.weighted)], arrays[len(self.weighted) :]

    @property
    def scales(self) -> list[float]:
        """What multiplies the learning rate of each parameter."""
        return [1.0] * len(self.weights) + [DELAY_SCALE] * len(self.delays)

    @property
    def labels(self) -> list[str]:
        """As what messages name the populations of neurons."""
        return [f"layer {n}" if self.is_chain else f"'{p.name}'" for n, p in enumerate(self.neural)]

    def parameter_name(self, number: int) -> str:
        """What a parameter is, for messages."""
        weights = [f"weights of {label}" for label in self._labels(self.weighted)]
        learned = [projection for projection in self.weighted if projection.delays.learned]
        return [*weights, *(f"delays of {label}" for label in self._labels(learned))][number]

    def delays_of(self, projection: Projection, parameters):
        """Delays of a projection in whole steps, with these parameters: one number or an array like the weights."""
        if not projection.delays.learned:
            return projection.delays.steps
        return to_steps(parameters[self.delay_number(projection)])

    def delay_number(self, projection: Projection) -> int:
        """Which of the parameters are the learned delays of a projection."""
        return len(self.weighted) + [p for p in self.weighted if p.delays.learned].index(projection)

    def weights_of(self, projection: Projection, parameters) -> np.ndarray | float:
        """Weights of a projection, with these parameters: an array, or the one that all its connections have."""
        if projection.weight is not None:
            return projection.weight
        return parameters[self.weighted.index(projection)]

    @property
    def chain(self) -> list[Projection]:
        """The projections from each layer to the next.

        Raises
        ------
        ConfigurationError
            If the network is no chain of layers.
        """
        if not self.is_chain:
            raise ConfigurationError(
                "this works for chains of layers only: SpikingNetwork(input_shape, layers, neuron)"
            )
        return [projection for projection in self.weighted if not projection.recurrent]

    @property
    def connections(self) -> list:
        """What each layer of a chain receives from the population before."""
        return [projection.connection for projection in self.chain]

    def lateral(self, layer: int) -> Projection | None:
        """The lateral inhibition of a population: its fixed projection to itself, or None."""
        population = self.neural[layer]
        return next((p for p in self.projections if p.lateral and p.target is population), None)

    @property
    def neurons(self) -> list[NeuronModel]:
        """The neuron of each population of neurons."""
        return [population.neuron for population in self.neural]

    @property
    def thresholds(self) -> list[float]:
        """Threshold of each population of neurons, in SI base units."""
        return [population.threshold for population in self.neural]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shape of each population of neurons."""
        return [population.shape for population in self.neural]

    def shape_before(self, layer: int) -> tuple[int, ...]:
        """Shape of the population that a layer of a chain receives."""
        return self.chain[layer].source.shape

    def size(self, layer: int) -> int:
        """Number of neurons in a population of neurons."""
        return self.neural[layer].size

    def linear_map(self, layer: int):
        """What a step, a spike and the threshold do to a layer's neurons (see ``brian.probing.linear_map``)."""
        # a door: what is probed is simulated, and models run nothing
        from hm2bp_brian.brian.probing import linear_map

        if layer not in self._linear_maps:
            self._linear_maps[layer] = linear_map(
                self.neurons[layer], self.size(layer), self.dt, self.thresholds[layer]
            )
        return self._linear_maps[layer]

    def trajectories(self, layer: int):
        """A layer's neurons, to be led along recorded trajectories (see ``brian.trajectory.Trajectories``)."""
        from hm2bp_brian.brian.trajectory import Trajectories

        if layer not in self._trajectories:
            self._trajectories[layer] = Trajectories(
                self.neurons[layer], self.size(layer), self.thresholds[layer], self.dt
            )
        return self._trajectories[layer]

    def trains(self, batch: SpikeBatch, layers=()) -> dict[str, SpikeBatch]:
        """The spikes of each population by its name.

        Parameters
        ----------
        batch : SpikeBatch
            Of the input.
        layers : sequence of SpikeBatch
            Of populations of neurons, in order.
        """
        found, first = {}, 0
        for population in self.inputs:
            if population.always:
                found[population.name] = SpikeBatch.from_dense(np.ones((batch.n_samples, batch.n_steps, 1), dtype=bool))
            else:
                found[population.name] = part_of(batch, first, population.shape)
                first += population.size
        return found | {p.name: spikes for p, spikes in zip(self.neural, layers, strict=False)}

    def record(self, batch: SpikeBatch, trains: dict[str, SpikeBatch]) -> SpikeRecord:
        """A record of the spikes of each population of neurons, given by their names."""
        readouts = [self.neural.index(population) for population in self.readouts]
        names = [population.name for population in self.neural]
        return SpikeRecord(batch, [trains[name] for name in names], names, readouts)

    def constrain(self, parameters) -> None:
        """Bring parameters, in place, to where they must be: weights to their signs, delays to their limits."""
        for projection, array in zip(self.weighted, parameters, strict=False):
            sign = projection.sign_of_weights
            if sign is not None:
                np.multiply(array, array * sign > 0, out=array)
        learned = [projection for projection in self.weighted if projection.delays.learned]
        for projection, array in zip(learned, parameters[len(self.weighted) :], strict=True):
            np.clip(array, *projection.delays.limits, out=array)

    def check(self) -> None:
        """Look whether the network is complete; engines do so before they run it.

        Raises
        ------
        ConfigurationError
            If there is no input or readout, or no path from an input to a readout.

        Warns
        -----
        UserWarning
            If nothing drives a population.
        """
        if not self.inputs or not self.readouts:
            raise ConfigurationError(
                "a network needs an input and a readout: network.input(name, shape), and network.population(..., "
                f"readout=True); found {len(self.inputs)} inputs and {len(self.readouts)} readouts"
            )
        silent = unreached(self.populations, self.projections)
        for population in silent:
            message = f"no path leads from an input to '{population.name}'; connect it"
            if population in self.readouts:
                raise ConfigurationError(message)
            warnings.warn(f"{message}: its neurons receive nothing", UserWarning, stacklevel=2)

    def _check_graph(self) -> None:
        if self.is_chain:
            raise ConfigurationError(
                "a chain of layers can't be added to; begin with SpikingNetwork(dt=..., duration=...) instead"
            )

    def _new_population(self, name: str, shape) -> tuple[int, ...]:
        self._new_name("population", name)
        return _population_shape(f"shape of '{name}'", (shape,) if is_integer(shape) else shape)

    def _new_name(self, kind: str, name: str) -> str:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigurationError(
                f"the name of a {kind} must be a word of letters, digits and _, as Brian2 wants it; found {name!r}"
            )
        taken = {population.name for population in self.populations} | {p.name for p in self.projections}
        if name in taken:
            hint = ", or give the second projection of two populations a name=" if kind == "projection" else ""
            raise ConfigurationError(f"there is a population or projection '{name}' already; take another name{hint}")
        return name

    def _population(self, name) -> Population:
        for population in self.populations:
            if population is name or population.name == name:
                return population
        raise UnknownNameError("population", getattr(name, "name", name), [p.name for p in self.populations])

    def _clock(self) -> Population:
        if not any(population.name == CLOCK for population in self.inputs):
            self.inputs.append(Population(CLOCK, (1,), always=True))
            self._changed()
        return self._population(CLOCK)

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
        table = chain_summary(self) if self.is_chain else graph_summary(self)
        return f"{table}\n{self.n_steps} steps of {self.dt * second!s} a presentation; {self.neurons[0]!r}"

    def summary(self) -> None:
        """Print a table: populations with shape, number of parameters, threshold, and projections."""
        print(self)


def _positions(name: str, positions, size: int) -> np.ndarray | None:
    if positions is None:
        return None
    array = np.asarray(positions, dtype=float)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or len(array) != size or not np.isfinite(array).all():
        raise ShapeError(
            f"positions of '{name}' must be finite and have shape ({size}, n_dimensions), found {array.shape}"
        )
    return array


def _population_shape(name: str, shape) -> tuple[int, ...]:
    shape = as_tuple(shape)
    if not shape or not all(is_integer(n) and n > 0 for n in shape):
        raise ShapeError(f"{name} must be positive integers such as (28, 28, 1), found {shape!r}")
    shape = tuple(int(n) for n in shape)
    check_size("the input" if name == "input_shape" else name, shape)
    return shape


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

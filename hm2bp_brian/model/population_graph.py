"""Populations and projections, and how they are put together."""

from __future__ import annotations

import dataclasses
import math
import re
import warnings
from functools import cached_property

import numpy as np

from hm2bp_brian.checks import is_integer
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.model.connectors import AllToAll, check_connector
from hm2bp_brian.model.delays import make_delays
from hm2bp_brian.model.graph import Component, components, unreached
from hm2bp_brian.model.initial_weights import initial_weights, make_signs
from hm2bp_brian.model.initializers import Scaled
from hm2bp_brian.model.learned import at_the_ends, with_threshold
from hm2bp_brian.model.learned_variables import check_start
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.populations import Population, RateBand, check_positions, check_strength, population_shape
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.model.sizes import single_precision
from hm2bp_brian.model.units import with_unit
from hm2bp_brian.model.weight_scale import uniform

CLOCK = "clock"
NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
# Of the source of biases, and of what is made for the populations where Brian2 runs them.
RESERVED = re.compile(
    rf"{CLOCK}|(steps|presentations|state_check)(_\d+)?|spikes_.*|.*_(presentation|thresholder|resetter|stateupdater)"
)


class PopulationGraph:
    """The part of a SpikingNetwork that says what is connected to what; see there.

    Parameters
    ----------
    dt : float
        Time step in seconds.
    n_steps : int
    generator : numpy.random.Generator
        Of connections, weights and delays.
    """

    is_chain = False

    def __init__(self, dt: float, n_steps: int, generator: np.random.Generator):
        self.dt, self.n_steps, self.generator = dt, n_steps, generator
        self.inputs, self.neural, self.projections, self.readouts = [], [], [], []

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
        made = Population(
            name, shape, positions=check_positions(name, positions, size), sign=make_signs(name, sign, size)
        )
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
        threshold : float, Quantity or Learned
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
            *with_threshold(f"threshold of '{name}'", neuron, threshold),
            check_positions(name, positions, size),
            make_signs(name, sign, size),
            rate,
        )
        strength = check_strength(what := f"lateral inhibition of '{name}'", lateral_inhibition)
        if strength and not readout:
            raise ConfigurationError(
                f"'{name}' is no readout: HM2-BP accounts for lateral inhibition in the output only; connect the "
                "population with itself instead"
            )
        self.add_population(made, f"population '{name}'", readout)
        if strength:
            self.add_lateral(made, self._new_name("projection", f"lateral_{name}"), lateral_inhibition, what)
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
        receptor_type: str | None = None,
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
            ``Scaled()`` by default; see `hm2bp_brian.model.initial_weights`. In the unit of the variable that they
            are added to. Arrays have the shape (n_pre, n_post) for AllToAll, else one value a connection, sorted by
            source, then target.
        delay : Quantity, Quantity array, Between or Learned, optional
            One for all connections or one a connection; drawn at random; or learned.
        plastic : bool
            Whether training changes the weights.
        sign : "excitatory" or "inhibitory", optional
            Of all weights; that of the source population if not given.
        receptor_type : str, optional
            The target's differential variable that spikes add their weight to, such as "g_inh" where a neuron has
            "g_exc" and "g_inh"; by default the ``synaptic_variable`` of its neuron.
        name : str, optional
            By default "source_to_target".

        Returns
        -------
        Projection

        Raises
        ------
        UnknownNameError, ConfigurationError, UnitError, ShapeError
            If a population is unknown, or a value does not fit.

        Warns
        -----
        UserWarning
            If pairs are listed in another order than arrays of weights and delays have.
        """
        self._check_graph()
        source, target = self._population(source), self._population(target)
        if target.neuron is None:
            raise ConfigurationError(f"'{target.name}' is an input: nothing can be connected to it")
        variables = target.neuron.state_variables
        if receptor_type is not None and receptor_type not in variables:
            raise UnknownNameError(f"variable of '{target.name}', as receptor_type,", receptor_type, variables)
        name = self._new_name("projection", f"{source.name}_to_{target.name}" if name is None else name)
        connection = AllToAll() if connection is None else connection
        check_connector(connection)
        made = connection.connect(source, target, self.generator)
        sign = source.sign if sign is None else make_signs(name, sign, source.size)
        receptor = target.neuron.synaptic_variable if receptor_type is None else receptor_type
        weights = Scaled() if weights is None else weights
        if isinstance(weights, Scaled):
            weights = uniform(weights, self, f"weights of '{name}'", source, target, made, sign, receptor)
        if (np.ndim(weights) or np.ndim(delay)) and not getattr(connection, "in_order", True):
            warnings.warn(
                f"the pairs of '{name}' are not sorted by source, then target, as arrays of weights and delays are: "
                "sort i, j and the arrays by np.lexsort((j, i))",
                UserWarning,
                stacklevel=2,
            )
        array = initial_weights(
            name,
            weights,
            made,
            source,
            target,
            target.neuron.dimension_of(receptor),
            sign,
            self.generator,
        )
        delays = make_delays(name, delay, made, self.dt, self.n_steps, self.generator)
        projection = Projection(
            name, source, target, made, plastic=bool(plastic), delays=delays, sign=sign, receptor_type=receptor_type
        )
        self.add_projection(projection, array)
        return projection

    def add_population(self, population: Population, where: str, readout: bool = False) -> None:
        """Add a population of neurons that is made already; ``where`` names it in messages."""
        population.neuron.check_size(population.size)
        for model in at_the_ends(population.neuron):
            self._check_silent_at_start(population, model, where)
        check_start(population, self.dt)
        self.neural.append(population)
        if readout:
            self.readouts.append(population)
        self._changed()

    def _check_silent_at_start(self, population: Population, model: NeuronModel, where: str) -> None:
        if model.fires_at_start(population.size, population.threshold, self.dt):
            starts = model.start_values(population.size, population.threshold, self.dt).items()
            texts = (f"{name} = {with_unit(values[0], model.dimension_of(name))}" for name, values in starts)
            raise ConfigurationError(
                f"{where}: its threshold '{model.threshold}' with v_th = "
                f"{with_unit(population.threshold, model.threshold_dimension)} holds at the start of a presentation: "
                f"its neurons would fire without input. They start with {', '.join(texts)}; say by initial= of the "
                "neuron where they do, such as initial={'v': -70*mV}, or choose another threshold"
            )

    def add_projection(self, projection: Projection, weights: np.ndarray) -> None:
        """Add a projection that is made already, with its first weights."""
        self.projections.append(projection)
        self._changed(projection, weights)

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
        frozen = []
        for name in names:
            population = self._population(name)
            if population.neuron is not None and population.neuron.learned:
                raise ConfigurationError(
                    f"neurons of '{name}' have learned variables: {', '.join(population.neuron.learned)}; give them "
                    "values to freeze them"
                )
            for projection in self.projections:
                if projection.target is population and projection.delays.learned:
                    raise ConfigurationError(
                        f"'{projection.name}' has learned delays; connect it with fixed ones to freeze '{name}'"
                    )
            frozen.append(population)
        self.projections[:] = [
            dataclasses.replace(p, plastic=False) if p.target in frozen else p for p in self.projections
        ]
        self._changed()

    def _changed(self, new: Projection | None = None, weights: np.ndarray | None = None) -> None:
        """Bring up to date what follows from populations and projections, of which one may be new."""
        for name in ("weighted", "components"):
            self.__dict__.pop(name, None)

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
            if population in self.readouts:
                raise ConfigurationError(f"no path leads from an input to '{population.name}'; connect it")
        for population in silent:
            warnings.warn(
                f"no path leads from an input to '{population.name}': its neurons receive nothing; connect it",
                UserWarning,
                stacklevel=2,
            )

    def _check_graph(self) -> None:
        if self.is_chain:
            raise ConfigurationError(
                "a chain of layers can't be added to; begin with SpikingNetwork(dt=..., duration=...) instead"
            )

    def _new_population(self, name: str, shape) -> tuple[int, ...]:
        self._new_name("population", name)
        return population_shape(f"shape of '{name}'", (shape,) if is_integer(shape) else shape)

    def _new_name(self, kind: str, name: str) -> str:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigurationError(
                f"the name of a {kind} must be a word of letters, digits and _, as Brian2 wants it; found {name!r}"
            )
        if RESERVED.fullmatch(name):
            raise ConfigurationError(f"'{name}' may name something that is made for a population; take another name")
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

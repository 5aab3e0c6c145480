"""The reference engine: a real Brian2 network, one copy, to which samples are presented one after the other."""

from __future__ import annotations

import warnings
from contextlib import contextmanager

import numpy as np
from brian2 import (
    BrianObject,
    Clock,
    Equations,
    Network,
    NetworkOperation,
    NeuronGroup,
    Quantity,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    get_device,
    second,
)
from brian2.equations.equations import FLOAT, INTEGER, PARAMETER, SingleEquation
from brian2.units.fundamentalunits import DIMENSIONLESS

from hm2bp_brian.devices import check_device, holding_brian, is_runtime
from hm2bp_brian.errors import ConfigurationError, NumericalError, UnknownNameError
from hm2bp_brian.model.borders import check_batch
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

# The clock of presentations runs ahead by this fraction. Compiled programs take two clocks as simultaneous if their
# times differ by less than 1e-14 s, and rounding errors after a minute are larger: a reset might come after the first
# step.
AHEAD = 1e-12


class BrianNetwork:
    """A spiking network as Brian2 objects, on the device that is set when they are made.

    On a standalone device they use its ``defaultclock``, whose ``dt`` is set to that of the network.

    Attributes
    ----------
    network : brian2.Network
        Holds all objects; add your own monitors with ``network.add``.
    objects : dict
        By name: each input (SpikeGeneratorGroup) and population (NeuronGroup), each projection (Synapses with variable
        ``weight``), and the spikes of each population (SpikeMonitor): ``spikes_NAME``. In a chain of layers these are
        ``input``, ``layer_l``, ``synapses_l``, ``lateral_l`` and ``spikes_l``. On the runtime device also
        ``state_check`` (NetworkOperation), which looks for infinite states after each presentation.
        ``built["layer_0"]`` is short for ``built.objects["layer_0"]``.

    Examples
    --------
    >>> from brian2 import ms
    >>> layers = [hb.Dense(5, threshold=1), hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((4,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> spikes = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((3, 50, 4)) < 0.3)
    >>> built = hb.build_brian_network(network)
    >>> built.run(spikes).counts(1).shape
    (3, 2)
    """

    @holding_brian
    def __init__(self, spiking_network: SpikingNetwork, dtype, codeobj_class=None):
        self.spiking_network = spiking_network
        self.dtype = np.dtype(dtype)
        self.objects: dict[str, BrianObject] = {}
        self.device = get_device()
        self._dt = spiking_network.dt * second
        self._clock = self._step_clock()
        self._presentations = Clock(spiking_network.n_steps * self._dt * (1 - AHEAD), name="presentations*")
        self._synapses = {p.name: p.connection.synapses() for p in spiking_network.projections}
        for population in spiking_network.inputs:
            self.objects[population.name] = self._input(population, codeobj_class)
        for population in spiking_network.neural:
            self._add_population(population, codeobj_class)
        for order, projection in enumerate(spiking_network.weighted):
            self._add_projection(projection, order, codeobj_class)
        for projection in spiking_network.projections:
            if projection.lateral:  # last, so that sums are rounded as in the fused engine
                self._add_projection(projection, len(spiking_network.projections), codeobj_class)
        if is_runtime():
            # before the states are put back to their start
            self.objects["state_check"] = NetworkOperation(
                self._check_states, clock=self._presentations, when="start", order=-1, name="state_check*"
            )
        self.network = Network(*self.objects.values())
        self.set_parameters(spiking_network.parameters)

    def __getitem__(self, name: str) -> BrianObject:
        if name not in self.objects:
            raise UnknownNameError("object of the network", name, self.objects)
        return self.objects[name]

    def _step_clock(self) -> Clock:
        if is_runtime():
            return Clock(self._dt, name="steps*")
        clock = self.device.defaultclock  # brian2cuda's synapses know no other
        clock.dt = self._dt
        return clock

    def _input(self, population: Population, codeobj_class) -> BrianObject:
        if population.always:
            return NeuronGroup(
                1, "", threshold="True", reset="", clock=self._clock, name=population.name, codeobj_class=codeobj_class
            )
        return self._input_group(population, codeobj_class)

    def _input_group(self, population: Population, codeobj_class) -> BrianObject:
        no_spikes = np.zeros(0, dtype=int)
        return SpikeGeneratorGroup(
            population.size,
            no_spikes,
            no_spikes * second,
            clock=self._clock,
            name=population.name,
            codeobj_class=codeobj_class,
        )

    def _add_population(self, population: Population, codeobj_class) -> None:
        group = population.neuron.brian_group(
            population.size,
            population.threshold,
            name=population.name,
            dtype=self.dtype,
            codeobj_class=codeobj_class,
            clock=self._clock,
        )
        self._reset_between_samples(group, population.neuron, codeobj_class)
        self.objects[population.name] = group
        monitor = self._monitor_name(population)
        self.objects[monitor] = SpikeMonitor(group, name=monitor, codeobj_class=codeobj_class)

    def _monitor_name(self, population: Population) -> str:
        network = self.spiking_network
        return f"spikes_{network.neural.index(population) if network.is_chain else population.name}"

    def _add_projection(self, projection: Projection, order: int, codeobj_class) -> None:
        fixed = projection.weight is not None and projection.lateral
        dimension, delays = projection.weight_dimension, projection.delays
        equations = [] if fixed else [SingleEquation(PARAMETER, "weight", dimensions=dimension, var_type=FLOAT)]
        namespace = {"fixed_weight": Quantity(projection.weight, dim=dimension)} if fixed else {}
        weight, single = "fixed_weight" if fixed else "weight", not delays.single
        if not single or delays.steps:
            # a spike on its way when a presentation ends does not arrive in the next one
            weight += f" * int(t_in_timesteps % {self.spiking_network.n_steps} >= steps_on_the_way)"
            if single:
                namespace["steps_on_the_way"] = delays.steps
            else:
                equations.append(
                    SingleEquation(PARAMETER, "steps_on_the_way", dimensions=DIMENSIONLESS, var_type=INTEGER)
                )
        synapses = Synapses(
            self.objects[projection.source.name],
            self.objects[projection.target.name],
            Equations(equations),
            on_pre=f"{projection.synaptic_variable}_post += {weight}",
            delay=delays.steps * self._dt if single and delays.steps else None,
            namespace=namespace,
            name=projection.name,
            dtype=self.dtype,
            codeobj_class=codeobj_class,
            clock=self._clock,
        )
        i, j, _ = self._synapses[projection.name]
        synapses.connect(i=i, j=j)
        synapses.pre.order = order
        self.objects[projection.name] = synapses

    def _reset_between_samples(self, group: NeuronGroup, model: NeuronModel, codeobj_class) -> None:
        # not_refractory first: variables marked (unless refractory) can't be written before
        lines = ["not_refractory = True", "lastspike = -1e4*second"] if model.refractory else []
        starts = model.start_values(len(group), float(group.variables["v_th"].get_value()[0]), self.spiking_network.dt)
        for name, values in starts.items():
            start, variable = f"_start_{name}", group.variables[name]
            group.variables.add_array(
                start, len(group), values=values.astype(variable.dtype), dimensions=variable.dim, dtype=variable.dtype
            )
            lines.append(f"{name} = {start}")
        group.run_regularly(
            "\n".join(lines),
            clock=self._presentations,
            when="start",
            name=f"{group.name}_presentation",
            codeobj_class=codeobj_class,
        )

    def set_parameters(self, parameters) -> None:
        """Write weights and delays into the Synapses, and learned variables where neurons start from.

        Parameters
        ----------
        parameters : sequence of arrays
            As ``SpikingNetwork.parameters``.
        """
        for population in self.spiking_network.neural:
            for name, values in self.spiking_network.learned_values(population, parameters).items():
                self[population.name].variables[f"_start_{name}"].set_value(values.astype(self.dtype))
        for projection in self.spiking_network.weighted:
            synapses = self[projection.name]
            synapses.variables["weight"].set_value(self._weight_of_each_synapse(projection, parameters))
            steps = self.spiking_network.delays_of(projection, parameters)
            if np.ndim(steps):
                steps = steps.ravel()[self._synapses[projection.name][2]]
                synapses.variables["steps_on_the_way"].set_value(steps)
                synapses.pre.delay = steps * self._dt

    def _weight_of_each_synapse(self, projection: Projection, parameters) -> np.ndarray:
        pre, _, index = self._synapses[projection.name]
        weights = np.asarray(self.spiking_network.weights_of(projection, parameters), dtype=self.dtype)
        return np.full(len(pre), weights, dtype=self.dtype) if index is None else weights.ravel()[index]

    def set_input(self, batch: SpikeBatch) -> None:
        """Let the input group fire the spikes of a batch, its samples one after the other, from the present time on.

        Raises
        ------
        ShapeError
            If the batch does not fit the network.
        """
        check_batch(self.spiking_network, batch)
        trains = self.spiking_network.trains(batch)
        for population in self.spiking_network.inputs:
            if not population.always:
                spikes = trains[population.name]
                steps = spikes.samples * spikes.n_steps + spikes.steps
                self[population.name].set_spikes(spikes.neurons, steps * self._dt + self.network.t, sorted=True)

    @holding_brian
    def run(self, batch: SpikeBatch) -> SpikeRecord:
        """Present a batch and read the spike monitors.

        Every presentation starts at rest. Call it once, or put the network back (``network.restore``) before another.

        Raises
        ------
        ShapeError
            If the batch does not fit the network.
        ConfigurationError
            If another device has been set since the objects were made, the device does not run at once, or the network
            has been run for another time than whole presentations.
        NumericalError
            If a state has become NaN or infinite.
        KeyboardInterrupt
            If the run was stopped before its end: Brian2 itself returns early and says nothing.
        """
        check_device(self.device, self.network)
        if not is_runtime():
            raise ConfigurationError(
                "on a standalone device, run the network yourself: set_input(batch), network.run(...), device.build() "
                "and read the monitors; or take hm2bp_brian.simulate(..., engine='brian2'), which does all this"
            )
        start = self.network.t
        self._check_start(start)
        self.set_input(batch)
        n_steps = batch.n_samples * batch.n_steps
        with no_cast_warning():
            self.network.run(n_steps * self._dt, namespace={})
        check_finished(round(float((self.network.t - start) / self._dt)), n_steps)
        return self.read_record(batch, start)

    def _check_start(self, start) -> None:
        # the variables start anew at multiples of a presentation's length
        steps, n_steps = round(float(start / self._dt)), self.spiking_network.n_steps
        if steps % n_steps:
            raise ConfigurationError(
                f"the network has been run for {steps} steps, and a presentation has {n_steps}: the next one would "
                "begin in the middle. Run whole presentations, or go back with network.store() and network.restore()"
            )

    def _check_states(self) -> None:
        for population, what in zip(self.spiking_network.neural, self.spiking_network.labels, strict=True):
            for name in population.neuron.state_variables:
                if not np.isfinite(self[population.name].variables[name].get_value()).all():
                    raise NumericalError(
                        f"{what} has a state ('{name}') that is NaN or infinite; check its weights, and whether "
                        "the integration method is stable at this dt"
                    )

    def read_record(self, batch: SpikeBatch, start=0 * second) -> SpikeRecord:
        """The spikes that the monitors hold of a batch whose presentation began at time ``start``.

        Raises
        ------
        NumericalError
            If a state has become NaN or infinite.
        """
        self._check_states()
        network = self.spiking_network
        return network.record(batch, {p.name: self._read_spikes(p, batch, start) for p in network.neural})

    def _read_spikes(self, population: Population, batch: SpikeBatch, start) -> SpikeBatch:
        recorded = self[self._monitor_name(population)].variables
        steps = np.rint((recorded["t"].get_value() - float(start)) / float(self._dt)).astype(int)
        asked = (steps >= 0) & (steps < batch.n_samples * batch.n_steps)
        return SpikeBatch.from_events(
            steps[asked] // batch.n_steps,
            steps[asked] % batch.n_steps,
            recorded["i"].get_value()[asked],
            n_samples=batch.n_samples,
            n_steps=batch.n_steps,
            shape=population.shape,
        )


@contextmanager
def no_cast_warning():
    """Keep numpy from warning while Brian2 compares float32 states with 1e50."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "overflow encountered in cast", RuntimeWarning)
        yield


def check_finished(done: int, n_steps: int) -> None:
    """Raise KeyboardInterrupt if a run was stopped: Brian2 itself returns early and says nothing."""
    if done != n_steps:
        raise KeyboardInterrupt(f"Brian2's run was stopped after {done} of {n_steps} steps; its spikes are not used")


def build_brian_network(network: SpikingNetwork, dtype="float64") -> BrianNetwork:
    """Build a network's Brian2 objects, to look at with your own monitors and tools.

    Parameters
    ----------
    network : SpikingNetwork
    dtype : "float32" or "float64"

    Returns
    -------
    BrianNetwork

    Examples
    --------
    >>> from brian2 import StateMonitor, ms
    >>> layers = [hb.Dense(5, threshold=1)]
    >>> network = hb.SpikingNetwork((4,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> spikes = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((3, 50, 4)) < 0.3)
    >>> built = hb.build_brian_network(network)
    >>> trace = StateMonitor(built["layer_0"], "u", record=[0])
    >>> built.network.add(trace)
    >>> record = built.run(spikes)
    >>> trace.u.shape
    (1, 150)
    """
    return BrianNetwork(network, dtype)


class RuntimePresenter:
    """Presents batches to a network on the runtime device: built once, one ``run`` a batch.

    Parameters
    ----------
    network : SpikingNetwork
    dtype : numpy dtype
    """

    program_seconds = 0.0  # there is no compiled program

    @holding_brian
    def __init__(self, network: SpikingNetwork, dtype):
        self._built = BrianNetwork(network, dtype)
        for brian_object in self._built.objects.values():
            brian_object._network = self._built.network.id  # as at a run: Brian2 warns of objects that never had one
        self._built.network.store("untouched")

    @holding_brian
    def run(self, parameters, batch: SpikeBatch) -> SpikeRecord:
        """Present a batch with the given parameters; see ``BrianNetwork.run``."""
        check_device(self._built.device, self._built.network)
        self._built.network.restore("untouched")
        self._built.set_parameters(parameters)
        return self._built.run(batch)

"""The kernels of any component: populations that feed back on one another, or have several or delayed projections."""

from __future__ import annotations

import copy
import ctypes
import dataclasses
from functools import cache

import numpy as np

from hm2bp_brian.engines.fused import arguments, spike_kernels
from hm2bp_brian.engines.fused.calls import call, check_state, pointer
from hm2bp_brian.engines.fused.codegen import generate
from hm2bp_brian.engines.fused.compiler import load
from hm2bp_brian.engines.fused.layer_kernels import kernel_matrices, places_of
from hm2bp_brian.engines.fused.sources import neuron_source, plain_source
from hm2bp_brian.engines.fused.stored_projection import StoredProjection
from hm2bp_brian.errors import EngineError
from hm2bp_brian.learning.backward import Walk
from hm2bp_brian.learning.component import NumpyKernels
from hm2bp_brian.learning.thresholds import distance_as_learned
from hm2bp_brian.model.graph import Component
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.populations import Population
from hm2bp_brian.spikes import SpikeBatch


@cache
def _library(dtype: np.dtype) -> ctypes.CDLL:
    headers = ("graph_forward.hpp", "graph_backward.hpp")
    return load(plain_source(dtype, headers), f"the kernels of graphs in {dtype}")


class GraphKernels:
    """Forward and backward pass of a component.

    Parameters
    ----------
    network : SpikingNetwork
    component : Component
    dtype : numpy dtype
    threads : int
    """

    def __init__(self, network: SpikingNetwork, component: Component, dtype: np.dtype, threads: int):
        self.network = network
        self.component = component
        self.dtype = dtype
        self.threads = threads
        self.library = _library(dtype)
        self._receptors = [receptors(population, component) for population in component.populations]
        neurons = [kernel_neuron(*pair) for pair in zip(component.populations, self._receptors, strict=True)]
        self._codes = [
            generate(neuron, p.size, p.threshold, network.dt, dtype)
            for neuron, p in zip(neurons, component.populations, strict=True)
        ]
        self._calls = [self._functions(neuron, code) for neuron, code in zip(neurons, self._codes, strict=True)]
        self._stored = [StoredProjection(p, dtype) for p in (*component.projections, *component.lateral)]
        # as Brian2 orders them
        self._stored.sort(key=lambda stored: (stored.projection.lateral, network.projections.index(stored.projection)))

    def _functions(self, neuron: NeuronModel, code) -> arguments.PopulationCalls:
        source = neuron_source(code, self.dtype, ("population.hpp",))
        library = load(source, f"a population in {self.dtype} of {neuron!r}")
        names = "new receptor free start update reset finite adjoint_new adjoint_free adjoint".split()
        functions = (getattr(library, f"population_{name}") for name in names)
        return arguments.PopulationCalls(*(ctypes.cast(function, ctypes.c_void_p) for function in functions))

    def forward(self, parameters, trains: dict[str, SpikeBatch]) -> None:
        """Add the populations' spikes to ``trains``; NumericalError if a state becomes NaN or infinite."""
        one = next(iter(trains.values()))
        n_samples, n_steps = one.n_samples, one.n_steps
        kept: list = []  # what the structures point to
        counts = [np.zeros(n_samples * n_steps + 1, dtype=np.int64) for _ in self._codes]
        spikes = [ctypes.c_void_p() for _ in self._codes]
        populations = (arguments.GraphPopulation * len(self._codes))()
        for number, population in enumerate(self.component.populations):
            variables = self._numbers(number)
            arrays = self._codes[number].pointers(self.network.learned_values(population, parameters))
            kept.append(arrays)
            forward = self._forward_of(self._codes[number], arrays[0], n_samples, n_steps, kept)
            populations[number] = arguments.GraphPopulation(
                calls=self._calls[number],
                n_neurons=population.size,
                n_receptors=len(variables),
                receptors=pointer(variables),
                forward=ctypes.addressof(forward),
                counts=pointer(counts[number][1:]),
                spikes=ctypes.addressof(spikes[number]),
            )
            kept.append(variables)
        projections = self._projections(parameters, trains, kept, backwards=False)
        failure = np.empty(2, dtype=np.int64)
        self._call(
            "graph_forward",
            arguments.GraphForward(
                n_samples,
                n_steps,
                len(populations),
                len(projections),
                self.threads,
                ctypes.addressof(populations),
                ctypes.addressof(projections),
                pointer(failure),
            ),
        )
        for population, count, lists in zip(self.component.populations, counts, spikes, strict=True):
            (neurons, offsets), by_neuron = spike_kernels.taken_lists(
                self.library, lists, count, n_samples, population.size, self.threads
            )
            trains[population.name] = SpikeBatch.from_sorted(
                neurons, offsets, n_samples, n_steps, population.shape, by_neuron
            )
        sample, place = failure
        step, number = divmod(int(place), len(populations))
        check_state(self._label(number), sample, step)

    def _forward_of(self, code, arrays: ctypes.Array, n_samples: int, n_steps: int, kept: list) -> arguments.Forward:
        forward = arguments.Forward(
            n_samples=n_samples,
            n_steps=n_steps,
            arrays=ctypes.addressof(arrays),
            constants=pointer(code.constants),
            dt=self.network.dt,
            refractory_steps=min(code.refractory_steps, n_steps),
        )
        kept.append(forward)
        return forward

    def _projections(self, parameters, trains: dict[str, SpikeBatch], kept: list, backwards: bool):
        """The structures of all projections, without what the backward pass finds out."""
        structures = (arguments.GraphProjection * len(self._stored))()
        populations = self.component.populations
        for number, stored in enumerate(self._stored):
            projection = stored.projection
            delays = self.network.delays_of(projection, parameters)
            inside, single = projection.source in populations, np.ndim(delays) > 0
            by_target = not stored.dense and (backwards or (single and not inside))
            target = populations.index(projection.target)
            starts, partners = stored.lists(by_target)
            weights = stored.spread(self.network.weights_of(projection, parameters), by_target, self.dtype)
            spread_delays = stored.spread(delays, by_target, np.dtype(np.int32)) if single else None
            structure = arguments.GraphProjection(
                source=populations.index(projection.source) if inside else -1,
                target=target,
                receptor=self._receptors[target].index(projection.synaptic_variable),
                n_pre=projection.source.size,
                n_post=projection.target.size,
                starts=pointer(starts),
                partners=pointer(partners),
                by_target=by_target,
                weights=pointer(weights),
                delays=pointer(spread_delays),
                delay=0 if single else delays,
                longest_delay=projection.delays.longest,
                lateral=projection.lateral,
            )
            if projection.source.name in trains:
                batch = trains[projection.source.name]
                steps, offsets = batch.by_neuron
                structure.neurons, structure.offsets = pointer(batch.neurons), pointer(batch.offsets)
                structure.steps, structure.trains = pointer(steps), pointer(offsets)
                kept += [batch, steps, offsets]
            structures[number] = structure
            kept += [weights, spread_delays]
        return structures

    def backward(self, walk: Walk) -> None:
        """The same as ``learning.component.NumpyKernels.backward_component``."""
        component, kept = self.component, []
        n_samples, n_steps = next((b.n_samples, b.n_steps) for b in walk.trains.values())
        populations = (arguments.GraphPopulation * len(component.populations))()
        deltas, nus, start_gradients = {}, {}, []
        for number, population in enumerate(component.populations):
            delta = deltas[population.name] = np.array(walk.deltas[population.name], dtype=self.dtype, order="C")
            factor = np.ascontiguousarray(walk.factor(population.name), dtype=self.dtype)
            distance = distance_as_learned(self.network, population, walk.parameters).astype(self.dtype)
            nus[population.name] = self._nu(distance, n_samples)
            trains = self._trains_of(number, walk, distance, kept)
            learned = self.network.learned_of(population)
            places = places_of(learned, self._dynamics(number, self._receptors[number][0]))
            start_gradient = np.empty((len(learned), population.size), dtype=self.dtype)
            start_gradients += zip(learned, start_gradient, strict=True)
            receiving = self._numbers(number)
            populations[number] = arguments.GraphPopulation(
                calls=self._calls[number],
                n_neurons=population.size,
                n_receptors=len(trains),
                receptors=pointer(receiving),
                along_trajectory=not population.neuron.is_affine,
                n_variables=len(population.neuron.evolving_variables),
                n_learned=len(learned),
                learned=pointer(places),
                start_gradient=pointer(start_gradient),
                trains=ctypes.addressof(trains),
                nu=pointer(nus[population.name]),
                own_nu=not population.neuron.nu_is_distance,
                delta=pointer(delta),
                factor=pointer(factor),
            )
            kept += [factor, receiving, places, start_gradient]
        projections = self._projections(walk.parameters, walk.trains, kept, backwards=True)
        results = [self._results(stored, s, walk, nus) for stored, s in zip(self._stored, projections, strict=True)]
        n_cut = np.zeros(1, dtype=np.int64)
        self._call(
            "graph_backward",
            arguments.GraphBackward(
                n_samples,
                n_steps,
                len(populations),
                len(projections),
                self.threads,
                ctypes.addressof(populations),
                ctypes.addressof(projections),
                arguments.Rules(*vars(walk.rules).values()),
                pointer(n_cut),
            ),
        )
        for stored, (gradient, delay_gradient, delta_pre) in zip(self._stored, results, strict=True):
            self._put(stored, gradient, delay_gradient, delta_pre, walk)
        for variable, sums in start_gradients:
            walk.gradients[variable.number] = variable.fold(sums)
        walk.deltas |= deltas
        walk.cut.append(int(n_cut[0]))

    def _trains_of(self, number: int, walk: Walk, distance: np.ndarray, kept: list):
        """The structures of a population's receptors."""
        population, receptors = self.component.populations[number], self._receptors[number]
        spikes, forward = walk.trains[population.name], None
        if not population.neuron.is_affine:
            arrays = self._codes[number].pointers(self.network.learned_values(population, walk.parameters))
            forward = self._forward_of(self._codes[number], arrays[0], spikes.n_samples, spikes.n_steps, kept)
            kept.append(arrays)
        steps, offsets = spikes.by_neuron
        structures = (arguments.LayerTrains * len(receptors))()
        for place, variable in enumerate(receptors):
            dynamics = self._dynamics(number, variable)
            matrices = kernel_matrices(dynamics, self.dtype)
            structures[place] = arguments.LayerTrains(
                post_steps=pointer(steps),
                post_trains=pointer(offsets),
                n_samples=spikes.n_samples,
                n_steps=spikes.n_steps,
                **{name: pointer(array) for name, array in matrices.items()},
                distance=pointer(distance),
                refractory_steps=min(dynamics.refractory_steps, spikes.n_steps),
                forward=forward and ctypes.addressof(forward),
            )
            kept.append(matrices)
        kept += [distance, steps, offsets, structures]
        return structures

    def _dynamics(self, number: int, receptor: str):
        """What happens to a population's neurons, to one of whose variables spikes add."""
        population = self.component.populations[number]
        dynamics = self.network.dynamics(self.network.neural.index(population))
        if not population.neuron.is_affine:
            return dynamics
        return dataclasses.replace(dynamics, synaptic=population.neuron.evolving_variables.index(receptor))

    def _numbers(self, number: int) -> np.ndarray:
        """Numbers of the variables that spikes of a population's inputs add to."""
        names = self.component.populations[number].neuron.evolving_variables
        return np.array([names.index(variable) for variable in self._receptors[number]], dtype=np.int64)

    def _nu(self, nu: np.ndarray, n_samples: int) -> np.ndarray:
        """nu of a population's neurons, in each sample."""
        return np.tile(np.asarray(nu, dtype=self.dtype), (n_samples, 1))

    def _results(self, stored: StoredProjection, structure, walk: Walk, nus: dict[str, np.ndarray]):
        """Arrays for what the backward pass finds of a projection, where it is wanted; writes their addresses."""
        projection = stored.projection
        gradient = np.empty(stored.n_entries, dtype=self.dtype) if projection.plastic else None
        delay_gradient = np.empty(stored.n_entries, dtype=self.dtype) if projection.delays.learned else None
        outside = projection in self.component.inputs and projection.source.neuron is not None
        name, n_samples = projection.source.name, walk.trains[projection.source.name].n_samples
        delta_pre = np.empty((n_samples, projection.source.size), dtype=self.dtype) if outside else None
        if name not in nus and walk.nu[name] is not None:
            nus[name] = self._nu(walk.nu[name], n_samples)
        structure.nu_pre = pointer(nus.get(name))
        structure.gradient, structure.delay_gradient = pointer(gradient), pointer(delay_gradient)
        structure.delta_pre = pointer(delta_pre)
        return gradient, delay_gradient, delta_pre

    def _put(self, stored: StoredProjection, gradient, delay_gradient, delta_pre, walk: Walk) -> None:
        projection = stored.projection
        if projection.lateral:
            return
        shape = projection.connection.weight_shape
        number = self.network.weighted.index(projection)
        walk.gradients[number] = np.zeros(shape, self.dtype) if gradient is None else stored.fold(gradient)
        if delay_gradient is not None:
            walk.gradients[self.network.delay_number(projection)] = stored.fold(delay_gradient)
        if delta_pre is not None:
            walk.add_delta(projection.source.name, delta_pre)

    def own_spsp(self, population: Population, trains: SpikeBatch) -> np.ndarray:
        """The same as ``learning.component.NumpyKernels.own_spsp``, which it is: readouts are small."""
        return NumpyKernels(self.network).own_spsp(population, trains)

    def _call(self, function: str, structure: ctypes.Structure) -> None:
        names = ", ".join(self._label(number) for number in range(len(self.component.populations)))
        task = (
            f"{function} of {names} with {structure.n_samples} samples of {structure.n_steps} steps in {self.dtype} on "
            f"{self.threads} threads"
        )
        call(getattr(self.library, function), ctypes.byref(structure), task=task)

    def _label(self, number: int) -> str:
        """As what messages name a population of the component."""
        return self.network.labels[self.network.neural.index(self.component.populations[number])]


def receptors(population: Population, component: Component) -> list[str]:
    """The variables of a population that spikes add to, its neuron's synaptic variable first.

    Raises
    ------
    EngineError
        If one of them stands still in the refractory time.
    """
    neuron = population.neuron
    arriving = {p.synaptic_variable for p in (*component.projections, *component.lateral) if p.target is population}
    found = [neuron.synaptic_variable, *sorted(arriving - {neuron.synaptic_variable})]
    for variable in found:
        if variable in neuron.held_variables:
            raise EngineError(
                f"engine 'fused' can't add spikes to '{variable}' of '{population.name}', which stands still in the "
                "refractory time; use engine='brian2', which runs any equations that Brian2 runs"
            )
    return found


def kernel_neuron(population: Population, receptors: list[str]) -> NeuronModel:
    """The neuron for which kernels are generated: spikes add to what its reset clears only if it says so itself."""
    neuron = population.neuron
    if not neuron.reset_cuts_the_past or neuron.membrane_variable not in receptors:
        return neuron
    changed = copy.copy(neuron)
    changed.synaptic_variable = neuron.membrane_variable
    changed.forget()
    return changed

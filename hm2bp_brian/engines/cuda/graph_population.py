"""One population of a component on a card: its neurons, their memory while they run, and q on the way back."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np

from hm2bp_brian.engines.cuda import arguments
from hm2bp_brian.engines.cuda.card import Card, launch, pointer
from hm2bp_brian.engines.cuda.dynamics import CardDynamics
from hm2bp_brian.engines.cuda.sources import layer_source, trajectory_source
from hm2bp_brian.engines.cuda.spikes import words
from hm2bp_brian.engines.fused.codegen import generate
from hm2bp_brian.engines.fused.graph_kernels import kernel_neuron, receptors
from hm2bp_brian.engines.fused.layer_kernels import places_of
from hm2bp_brian.learning.thresholds import distance, distance_as_learned
from hm2bp_brian.model.graph import Component
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.populations import Population


class GraphPopulation:
    """A population as the kernels of a graph have it.

    Parameters
    ----------
    network : SpikingNetwork
    population : Population
    component : Component
        In which it is.
    dtype : numpy dtype
    card : Card

    Attributes
    ----------
    receptors : list of str
        Its variables that spikes add to.
    own_nu : bool
        Whether nu is each sample's own.
    learned : list of LearnedVariable
    """

    def __init__(
        self, network: SpikingNetwork, population: Population, component: Component, dtype: np.dtype, card: Card
    ):
        self.network, self.population, self.card, self.dtype = network, population, card, dtype
        self.name, self.size = population.name, population.size
        self.which = component.populations.index(population)
        self.receptors = receptors(population, component)
        self.own_nu, self.learned = not population.neuron.nu_is_distance, network.learned_of(population)
        neuron = kernel_neuron(population, self.receptors)
        self.code = generate(neuron, self.size, population.threshold, network.dt, dtype)
        self._is_affine = population.neuron.is_affine
        self._arrays = [card.put(array) for array in self.code.arrays]
        self._constants = card.put(self.code.constants)
        self._variables = [population.neuron.evolving_variables.index(variable) for variable in self.receptors]

    # What the way back needs is made when it is asked for: neurons that can't be trained run, too.
    @cached_property
    def _kernel(self):
        source = (layer_source if self._is_affine else trajectory_source)(self.code, self.dtype)
        return self.card.compile(source, f"the adjoint in {self.dtype} for {self.population.neuron!r}")

    @cached_property
    def _dynamics(self) -> list:
        """What happens in a step and at a spike; for each receptor where matrices are ordered by it."""
        dynamics = self.network.dynamics(self.network.neural.index(self.population))
        if not self._is_affine:
            return [dynamics]
        return [dataclasses.replace(dynamics, synaptic=number) for number in self._variables]

    @cached_property
    def _card_dynamics(self) -> list[CardDynamics]:
        return [CardDynamics(dynamics, self.dtype, self.card) for dynamics in self._dynamics]

    @cached_property
    def places(self) -> np.ndarray:
        """Where the effects of the state at the start have ``learned``: int array (n_learned,)."""
        return places_of(self.learned, self._dynamics[0])

    @cached_property
    def _known_distance(self):
        return self.card.put(distance(self.population, self.network.dt), self.dtype)

    def distance(self, parameters):
        """From rest to the threshold, with these parameters: (n_neurons,)."""
        if not self.learned:
            return self._known_distance
        return self.card.put(distance_as_learned(self.network, self.population, parameters), self.dtype)

    def arrays(self, parameters) -> list:
        """What its neurons load, with these parameters."""
        learned = self.network.learned_values(self.population, parameters)
        pairs = zip(self.code.names, self._arrays, strict=True)
        return [self.card.put(learned[name], array.dtype) if name in learned else array for name, array in pairs]

    @property
    def bytes_a_neuron(self) -> int:
        """Of ``struct Neuron``, at most: numbers of up to 8 bytes, two for the refractory time."""
        return 8 * (len(self.code.arrays) + 2)

    def structure(self, trains, addresses, n_steps: int, memory=(None, None)) -> arguments.GraphPopulation:
        """What kernels are given.

        Parameters
        ----------
        trains : uint32 array (n_samples, n_words, n_neurons)
        addresses : uint64 array
            Of ``arrays``.
        n_steps : int
        memory : pair of arrays
            See ``memory``.
        """
        return arguments.GraphPopulation(
            *(self.size, trains.shape[1], self.bytes_a_neuron),
            *map(pointer, (trains, *memory, addresses, self._constants)),
            *(self.network.dt, min(self.code.refractory_steps, n_steps)),
        )

    def memory(self, n_samples: int, n_steps: int) -> tuple:
        """For the neurons of so many samples, and the first step of each in which its state is not finite."""
        states = self.card.empty(n_samples * self.size * self.bytes_a_neuron, np.uint8)
        return states, self.card.full((n_samples, self.size), n_steps, np.int32)

    def adjoint(self, trains, counts, wanted, n_steps: int, parameters, projections) -> tuple:
        """What a unit that arrives at a variable adds to the readings at later spikes.

        Parameters
        ----------
        trains : uint32 array (n_samples, n_words, n_neurons)
        counts : int32 array (n_samples, n_neurons)
        wanted : int32 array (n_samples,)
            Whether it is wanted in a sample.
        n_steps : int
        parameters : sequence of arrays
        projections : sequence of arguments.GraphProjection
            All of the component.

        Returns
        -------
        q : array (n_receptors, n_samples, n_steps, n_neurons)
            Not written where it is not wanted, or the neuron is silent.
        start : array (n_samples, n_variables, n_neurons) or None
            Effect of the state at the start, if any of it is learned.
        """
        n_samples, n_variables = len(trains), len(self.population.neuron.evolving_variables)
        q = self.card.empty((len(self.receptors), n_samples, n_steps, self.size), self.dtype)
        start = self.card.full((n_samples, n_variables, self.size), 0, self.dtype) if self.learned else None
        if self._is_affine:
            self._with_matrices(q, start, trains, counts, wanted)
        else:
            self._along(q, start, trains, counts, wanted, parameters, projections)
        return q, start

    def _with_matrices(self, q, start, trains, counts, wanted) -> None:
        _, n_samples, n_steps, size = q.shape
        every = self.card.put(wanted[:, np.newaxis] * self.card.full(size, 1, self.dtype), self.dtype)
        for number, dynamics in enumerate(self._card_dynamics):
            structure = arguments.Backward(
                *(arguments.Window(1, 1, 1, 1, 1, size, 1, 1, 0, 0), n_samples, n_steps, words(n_steps)),
                refractory_steps=min(self._dynamics[number].refractory_steps, n_steps),
                **dynamics.fields,
                post=pointer(trains),
                post_counts=pointer(counts),
                delta=pointer(every),
                q=pointer(q[number]),
                start=None if number else pointer(start),
            )
            launch(self._kernel("adjoint"), structure, size, n_samples)

    def _along(self, q, start, trains, counts, wanted, parameters, projections) -> None:
        n_receptors, n_samples, n_steps, size = q.shape
        (dynamics,), n_variables = self._card_dynamics, len(self.population.neuron.evolving_variables)
        arrays, distance = self.arrays(parameters), self.distance(parameters)
        addresses, table = self.card.addresses(arrays), self.card.structures(projections)
        variables = self.card.put(np.array(self._variables, dtype=np.int32))
        states = self.card.empty((n_samples, n_steps, n_variables, size), self.dtype)
        structure = arguments.Along(
            *(self.structure(trains, addresses, n_steps), self.which, n_steps, len(projections), n_receptors),
            *map(pointer, (table, variables, wanted, counts, distance)),
            **dynamics.fields,
            states=pointer(states),
            q=pointer(q),
            start=pointer(start),
            n_samples=n_samples,
        )
        launch(self._kernel("adjoint_along"), structure, size, n_samples)

    def bytes_a_sample(self, n_steps: int) -> int:
        """Of what ``adjoint`` needs."""
        n_states = 0 if self._is_affine else len(self.population.neuron.evolving_variables)
        return self.dtype.itemsize * self.size * n_steps * (len(self.receptors) + n_states)

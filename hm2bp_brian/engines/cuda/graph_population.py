"""One population of a component on a card: its neurons, their memory while they run, and q on the way back."""

from __future__ import annotations

import dataclasses

import numpy as np

from hm2bp_brian.engines.cuda import arguments
from hm2bp_brian.engines.cuda.card import Card, launch, pointer
from hm2bp_brian.engines.cuda.dynamics import CardDynamics
from hm2bp_brian.engines.cuda.sources import layer_source
from hm2bp_brian.engines.cuda.spikes import words
from hm2bp_brian.engines.fused.codegen import generate
from hm2bp_brian.engines.fused.graph_kernels import kernel_neuron, receptors
from hm2bp_brian.learning.thresholds import distance
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
    distance : array (n_neurons,)
        From rest to the threshold.
    own_nu : bool
        Whether nu is each sample's own.
    """

    def __init__(
        self, network: SpikingNetwork, population: Population, component: Component, dtype: np.dtype, card: Card
    ):
        self.population, self.card, self.dtype, self._dt = population, card, dtype, network.dt
        self.name, self.size = population.name, population.size
        self.receptors = receptors(population, component)
        neuron = kernel_neuron(population, self.receptors)
        self.code = generate(neuron, self.size, population.threshold, network.dt, dtype)
        self._kernel = card.compile(layer_source(self.code, dtype), f"the kernels in {dtype} for {neuron!r}")
        self._arrays = [card.put(array) for array in self.code.arrays]
        self._addresses = card.put(np.array([pointer(array) for array in self._arrays], dtype=np.uint64))
        self._constants = card.put(self.code.constants)
        self.distance = card.put(distance(population, network.dt), dtype)
        self.own_nu = not population.neuron.nu_is_distance
        linear_map, names = network.linear_map(network.neural.index(population)), population.neuron.evolving_variables
        self._dynamics = {
            variable: CardDynamics(dataclasses.replace(linear_map, synaptic=names.index(variable)), dtype, card)
            for variable in self.receptors
        }

    @property
    def bytes_a_neuron(self) -> int:
        """Of ``struct Neuron``, at most: numbers of up to 8 bytes, two for the refractory time."""
        return 8 * (len(self.code.arrays) + 2)

    def structure(self, trains, memory, n_steps: int) -> arguments.GraphPopulation:
        """What the kernel is given.

        Parameters
        ----------
        trains : uint32 array (n_samples, n_words, n_neurons)
        memory : pair of arrays
            See ``memory``.
        n_steps : int
        """
        states, infinite_at = memory
        return arguments.GraphPopulation(
            *(self.size, trains.shape[1], self.bytes_a_neuron),
            *map(pointer, (trains, states, infinite_at, self._addresses, self._constants)),
            *(self._dt, min(self.code.refractory_steps, n_steps)),
        )

    def memory(self, n_samples: int, n_steps: int) -> tuple:
        """For the neurons of so many samples, and the first step of each in which its state is not finite."""
        states = self.card.empty(n_samples * self.size * self.bytes_a_neuron, np.uint8)
        return states, self.card.full((n_samples, self.size), n_steps, np.int32)

    def q(self, receptor: str, trains, counts, wanted, n_steps: int):
        """What a unit that arrives at a variable adds to the readings at later spikes.

        Parameters
        ----------
        receptor : str
        trains : uint32 array (n_samples, n_words, n_neurons)
        counts : int32 array (n_samples, n_neurons)
        wanted : int32 array (n_samples,)
            Whether it is wanted in a sample.
        n_steps : int

        Returns
        -------
        array (n_samples, n_steps, n_neurons)
            Not written where it is not wanted, or the neuron is silent.
        """
        n_samples = len(trains)
        q = self.card.empty((n_samples, n_steps, self.size), self.dtype)
        every = wanted[:, np.newaxis] * self.card.full(self.size, 1, self.dtype)
        every = self.card.put(every, self.dtype)
        structure = arguments.Backward(
            *(arguments.Window(1, 1, 1, 1, 1, self.size, 1, 1, 0, 0), n_samples, n_steps, words(n_steps)),
            **self._dynamics[receptor].fields(n_steps),
            post=pointer(trains),
            post_counts=pointer(counts),
            delta=pointer(every),
            q=pointer(q),
        )
        launch(self._kernel("adjoint"), structure, self.size, n_samples)
        return q

"""The kernels of any component on a card: loops, delays, single connections, several projections to a population."""

from __future__ import annotations

import dataclasses

import numpy as np

from hm2bp_brian.engines.cuda import arguments
from hm2bp_brian.engines.cuda.card import LARGEST_BLOCK, Card, launch, pointer, slices
from hm2bp_brian.engines.cuda.connection_list import ConnectionList
from hm2bp_brian.engines.cuda.graph_population import GraphPopulation
from hm2bp_brian.engines.cuda.graph_samples import GraphSamples, Link
from hm2bp_brian.engines.cuda.sources import component_source, connection_source
from hm2bp_brian.engines.cuda.spikes import CardSpikes, SpikeKernels, words
from hm2bp_brian.learning.backward import Walk
from hm2bp_brian.learning.component import NumpyKernels
from hm2bp_brian.model.graph import Component
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch


class GraphKernels:
    """Forward and backward pass of a component.

    Parameters
    ----------
    network : SpikingNetwork
    component : Component
    dtype : numpy dtype
    card : Card
    spikes : SpikeKernels
    """

    def __init__(
        self, network: SpikingNetwork, component: Component, dtype: np.dtype, card: Card, spikes: SpikeKernels
    ):
        self.component, self.network, self.dtype, self.card, self.spikes = component, network, dtype, card, spikes
        numbers = [network.neural.index(population) for population in component.populations]
        self.labels = tuple(network.labels[number] for number in numbers)
        self._populations = [GraphPopulation(network, p, component, dtype, card) for p in component.populations]
        names = ", ".join(self.labels)
        codes = [population.code for population in self._populations]
        self._run = card.compile(component_source(codes, dtype), f"the kernel in {dtype} that runs {names}")
        self._kernel = card.compile(connection_source(dtype), f"the kernels of connections in {dtype}")
        projections = sorted(component.projections, key=network.projections.index)  # as Brian2 orders them
        self._learned = [variable for population in self._populations for variable in population.learned]
        self._lists = [ConnectionList(projection, card) for projection in (*projections, *component.lateral)]

    def forward(self, parameters, trains: dict[str, SpikeBatch]):
        """Add the populations' spikes to ``trains``.

        Returns
        -------
        int32 array (n_samples,)
            On the card: the first step with a state that is NaN or infinite, times the number of populations, and which
            population it is; the number of steps times that of populations where there is none.
        """
        one = next(iter(trains.values()))
        n_samples, n_steps = one.n_samples, one.n_steps
        links = self._links(parameters)
        sources = {link.source for link in links} - {p.name for p in self._populations}
        words_of = {name: self.spikes.on_card(trains[name]).trains for name in sources}
        for p in self._populations:
            words_of[p.name] = self.card.full((n_samples, words(n_steps), p.size), 0, np.uint32)
        failure = self.card.full(n_samples, n_steps * len(self._populations), np.int32)
        block = min(LARGEST_BLOCK, -(-max(p.size for p in self._populations) // 32) * 32)
        arrays = [p.arrays(parameters) for p in self._populations]
        addresses = list(map(self.card.addresses, arrays))
        for part in slices(n_samples, sum(p.size * p.bytes_a_neuron for p in self._populations)):
            n_in_part = len(failure[part])
            memory = [p.memory(n_in_part, n_steps) for p in self._populations]
            populations = [
                p.structure(words_of[p.name][part], own_addresses, n_steps, own_memory)
                for p, own_addresses, own_memory in zip(self._populations, addresses, memory, strict=True)
            ]
            projections = [self._projection(link, words_of[link.source][part]) for link in links]
            tables = [self.card.structures(structures) for structures in (populations, projections)]
            structure = arguments.GraphPresentation(
                *(n_steps, len(populations), len(projections), *map(pointer, tables), pointer(failure[part]))
            )
            launch(self._run("forward_graph"), structure, block, n_in_part, block=block)
        for p in self._populations:
            trains[p.name] = CardSpikes.of(self.spikes, words_of[p.name], n_steps, p.population.shape)
        return failure

    def backward(self, walk: Walk) -> None:
        """The same as ``learning.component.NumpyKernels.backward_component``; what it adds lies on the card."""
        every = self._links(walk.parameters)
        links = [self._with_gradients(link) for link in every if not link.connections.projection.lateral]
        sums = self._empty_sums(next(iter(walk.trains.values())).n_samples)
        for name in sums.deltas:
            walk.deltas[name] = self.card.put(walk.deltas[name], self.dtype)
            walk.factors[name] = self.card.put(walk.factor(name), self.dtype)
        for part in slices(sums.n_samples, self._bytes_a_sample(walk, links)):
            self._add_part(part, walk, every, links, sums)
        for link in links:
            self._put_gradients(link, walk)
        for variable in self._learned:
            walk.gradients[variable.number] = variable.fold(sums.of_start[variable.number])
        for name, delta in sums.before.items():
            if name in walk.deltas:  # of a rate that is out of its band, or of another component
                walk.deltas[name] = self.card.put(walk.deltas[name], self.dtype)
            walk.add_delta(name, delta)
        walk.deltas |= sums.deltas
        walk.cut.append(sums.n_cut)

    def _empty_sums(self, n_samples: int) -> _Sums:
        outside = {p.source.name: p.source for p in self.component.inputs if p.source.neuron is not None}
        empty = self.card.empty
        return _Sums(
            n_samples,
            deltas={p.name: empty((n_samples, p.size), self.dtype) for p in self._populations},
            before={name: empty((n_samples, source.size), self.dtype) for name, source in outside.items()},
            of_start={v.number: self.card.full(v.population.size, 0, self.dtype) for v in self._learned},
        )

    def _add_part(self, part: slice, walk: Walk, every: list[Link], links: list[Link], sums: _Sums) -> None:
        """Take some samples backwards."""
        samples = self._samples(walk, every, links, part, {name: walk.deltas[name][part] for name in sums.deltas})
        loops = [link for link in links if link.source in sums.deltas]
        kappa = {p.name: samples.kappa(p.name, p.distance(walk.parameters), p.own_nu) for p in self._populations}
        sums.n_cut += samples.sum_series(loops) if loops else 0
        coefficients = {name: samples.deltas[name] * kappa[name] * walk.factors[name][part] for name in kappa}
        samples.add_gradients(coefficients)
        for p in self._populations:
            sums.deltas[p.name][part] = samples.deltas[p.name]
            for variable, place in zip(p.learned, p.places, strict=True):
                effect = coefficients[p.name] * samples.start[p.name][:, int(place)]
                sums.of_start[variable.number] += effect.sum(axis=0)
        for name, before in sums.before.items():
            flow = samples.flow(name, links, samples.deltas, walk.rules.silent_delta_ratio)
            before[part] = flow / samples.nu[name]

    def own_spsp(self, population, trains: SpikeBatch) -> np.ndarray:
        """The same as ``learning.component.NumpyKernels.own_spsp``, which it is: readouts are small."""
        return NumpyKernels(self.network).own_spsp(population, trains)

    def _samples(self, walk: Walk, every, links, part: slice, deltas) -> GraphSamples:
        """Some samples; ``every`` link drives neurons, ``links`` are those that HM2-BP sums over."""
        spikes = {name: self.spikes.on_card(walk.trains[name]) for name in {*deltas, *(link.source for link in every)}}
        trains = {name: batch.trains[part] for name, batch in spikes.items()}
        counts = {name: batch.card_counts[part] for name, batch in spikes.items()}
        wanted = sum((delta != 0).any(axis=1) for delta in deltas.values()).astype(np.int32)
        n_steps = next(iter(spikes.values())).n_steps
        projections = [self._projection(link, trains[link.source]) for link in every]
        q, start = {}, {}
        for p in self._populations:
            readings, start[p.name] = p.adjoint(
                trains[p.name], counts[p.name], wanted, n_steps, walk.parameters, projections
            )
            q |= {(p.name, receptor): readings[number] for number, receptor in enumerate(p.receptors)}
        nu = {
            link.source: self.card.put(walk.nu[link.source], self.dtype)
            for link in links
            if link.source not in deltas and walk.nu[link.source] is not None
        }
        return GraphSamples(
            *(self._kernel, self.card, walk.rules, links, n_steps), trains, counts, q, start, wanted, deltas, nu
        )

    def _bytes_a_sample(self, walk: Walk, links) -> int:
        n_steps = next(iter(walk.trains.values())).n_steps
        single = sum(len(link.connections) * (1 + (link.delay_gradient is not None)) for link in links)
        return self.dtype.itemsize * single + sum(p.bytes_a_sample(n_steps) for p in self._populations)

    def _links(self, parameters) -> list[Link]:
        """All projections, with the weights and delays of these parameters."""
        links = []
        for connections in self._lists:
            weights = self.network.weights_of(connections.projection, parameters)
            delays = self.network.delays_of(connections.projection, parameters)
            spread = connections.spread(weights, self.dtype), connections.spread(delays, np.dtype(np.int32))
            links.append(Link(connections, *spread))
        return links

    def _with_gradients(self, link: Link) -> Link:
        projection, size = link.connections.projection, len(link.connections)
        return dataclasses.replace(
            link,
            gradient=self.card.full(size, 0, self.dtype) if projection.plastic else None,
            delay_gradient=self.card.full(size, 0, self.dtype) if projection.delays.learned else None,
        )

    def _put_gradients(self, link: Link, walk: Walk) -> None:
        projection = link.connections.projection
        fixed = self.card.full(projection.connection.weight_shape, 0, self.dtype)
        number = self.network.weighted.index(projection)
        walk.gradients[number] = fixed if link.gradient is None else link.connections.fold(link.gradient)
        if link.delay_gradient is not None:
            walk.gradients[self.network.delay_number(projection)] = link.connections.fold(link.delay_gradient)

    def _projection(self, link: Link, trains) -> arguments.GraphProjection:
        projection, addresses = link.connections.projection, link.connections.addresses
        target = self.component.populations.index(projection.target)
        receptor = projection.target.neuron.evolving_variables.index(projection.synaptic_variable)
        return arguments.GraphProjection(
            *(target, receptor, projection.source.size, trains.shape[1], pointer(trains)),
            *(addresses["starts"], addresses["sources"], pointer(link.delays), pointer(link.weights)),
        )


@dataclasses.dataclass
class _Sums:
    """What the backward pass finds: arrays by names of populations, ``of_start`` by numbers of parameters."""

    n_samples: int
    deltas: dict  # of the component's populations, when the series have been summed
    before: dict  # of the sources outside
    of_start: dict  # gradients of learned variables, one a neuron
    n_cut: int = 0

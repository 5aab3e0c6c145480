"""Some samples of a component on their way back: S-PSPs, deltas, the series through loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.engines.cuda import arguments
from hm2bp_brian.engines.cuda.card import Card, launch, pointer
from hm2bp_brian.engines.cuda.connection_list import ConnectionList
from hm2bp_brian.learning.rules import Rules

DEPTH = 32  # blocks that share the connections of a block of neurons


@dataclass(eq=False)
class Link:
    """A projection with the weights and delays of a batch.

    Parameters
    ----------
    connections : ConnectionList
    weights, delays : arrays (n_connections,)
    gradient, delay_gradient : arrays (n_connections,) or None
        To which samples add.
    """

    connections: ConnectionList
    weights: object
    delays: object
    gradient: object = None
    delay_gradient: object = None

    @property
    def source(self) -> str:
        """Name of the population it comes from."""
        return self.connections.projection.source.name

    @property
    def target(self) -> str:
        """Name of the population it leads to."""
        return self.connections.projection.target.name


@dataclass(eq=False)
class GraphSamples:
    """Samples that fit into the scratch memory together.

    Parameters
    ----------
    kernel : callable
        The kernels of ``kernels/connections.cuh`` by their names.
    card : Card
    rules : Rules
    links : sequence of Link
    n_steps : int
    trains : dict of str to arrays (n_samples, n_words, n_neurons)
    counts : dict of str to arrays (n_samples, n_neurons)
    q : dict of (str, str) to arrays (n_samples, n_steps, n_neurons)
        Of each population and each of its variables that spikes add to.
    start : dict of str to arrays (n_samples, n_variables, n_neurons), or None
        Effect of each population's state at the start.
    wanted : int32 array (n_samples,)
        Whether anything comes back.
    deltas, nu : dict of str to arrays
        Of each population; nu of the sources outside, too. Both are changed.
    """

    kernel: Callable
    card: Card
    rules: Rules
    links: Sequence[Link]
    n_steps: int
    trains: dict
    counts: dict
    q: dict
    start: dict
    wanted: object
    deltas: dict
    nu: dict

    def __post_init__(self):
        self.dtype = next(iter(self.deltas.values())).dtype
        self.tpsp = {name: self.card.full(delta.shape, 0, self.dtype) for name, delta in self.deltas.items()}
        self._kept: list = []  # what the structures point to
        self._structures = [self._structure(link) for link in self.links]
        for link, structure in zip(self.links, self._structures, strict=True):
            self._launch("spsp_of_connections", structure, structure.n_post, depth=DEPTH)
            structure.tpsp = pointer(self.tpsp[link.target])
            self._launch("tpsp_of_connections", structure, structure.n_post)

    def _structure(self, link: Link) -> arguments.Connections:
        shape = len(self.wanted), len(link.connections)
        spsp = self.card.empty(shape, self.dtype)
        slope = None if link.delay_gradient is None else self.card.empty(shape, self.dtype)
        self._kept += [spsp, slope]
        pre, projection = self.trains[link.source], link.connections.projection
        return arguments.Connections(
            n_samples=len(self.wanted),
            n_steps=self.n_steps,
            n_words=pre.shape[1],
            n_pre=projection.source.size,
            n_post=projection.target.size,
            wanted=pointer(self.wanted),
            pre=pointer(pre),
            pre_counts=pointer(self.counts[link.source]),
            post_counts=pointer(self.counts[link.target]),
            n_connections=len(link.connections),
            delays=pointer(link.delays),
            weights=pointer(link.weights),
            q=pointer(self.q[link.target, projection.synaptic_variable]),
            spsp=pointer(spsp),
            slope=pointer(slope),
            gradient=pointer(link.gradient),
            delay_gradient=pointer(link.delay_gradient),
            silent_spsp=self.rules.silent_spsp,
            **link.connections.addresses,
        )

    def kappa(self, name: str, distance, own_nu: bool):
        """kappa of a population; where nu is the samples' own, finds it and divides deltas by it."""
        fired = self.counts[name] > 0
        o = np.maximum(self.counts[name], 1).astype(self.dtype)
        tpsp = self.tpsp[name]
        ratio = np.where(fired, tpsp / o, self.rules.silent_kappa_ratio * tpsp)
        self.nu[name] = distance
        if own_nu:
            self.nu[name] = np.where(fired, np.maximum(ratio, distance), distance)
            self.deltas[name] = self.deltas[name] / self.nu[name]
        return 1 + ratio / self.nu[name]

    def sum_series(self, loops) -> int:
        """Put the sums of the series through some links in place of the deltas; in how many samples it was cut."""
        term, going = dict(self.deltas), self.card.full(len(self.wanted), True, bool)
        zero = self.dtype.type(0)  # not 0, which might widen the arrays that kernels are given
        for _ in range(self.rules.recurrent_terms):
            following = {name: self.flow(name, loops, term, 0.0) / self.nu[name] for name in term}
            going = going & ~(_squares(following) > _squares(term))
            term = {name: np.where(going[:, np.newaxis], values, zero) for name, values in following.items()}
            self.deltas = {name: delta + term[name] for name, delta in self.deltas.items()}
        return len(self.wanted) - int(going.sum())

    def flow(self, source: str, links, deltas, silent_ratio: float):
        """nu times what comes back to a population through some links from deltas."""
        flow = self.card.full(self.counts[source].shape, 0, self.dtype)
        for link, structure in zip(self.links, self._structures, strict=True):
            if link.source != source or link not in links:
                continue
            structure.delta, structure.flow = pointer(deltas[link.target]), pointer(flow)
            structure.silent_ratio = silent_ratio
            self._launch("flow_back", structure, structure.n_pre)
        return flow

    def add_gradients(self, coefficients) -> None:
        """Add to the links' gradients, from delta kappa factor of each population."""
        for link, structure in zip(self.links, self._structures, strict=True):
            if link.gradient is None and link.delay_gradient is None:
                continue
            structure.coefficient = pointer(coefficients[link.target])
            launch(self.kernel("gradient_of_connections"), structure, structure.n_connections)

    def _launch(self, name: str, structure: arguments.Connections, threads: int, depth: int = 1) -> None:
        launch(self.kernel(name), structure, threads, len(self.wanted), depth)


def _squares(term):
    """The squared norm of a term in each sample."""
    return sum((values.astype(np.float64) ** 2).sum(axis=1) for values in term.values())

"""One component of a network backwards in numpy, float64: the equations of ``backward``, a sample at a time."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.brian.probing import check_receptor
from hm2bp_brian.learning.backward import Walk
from hm2bp_brian.learning.links import Link, matrix
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.learning.spsp import Adjoint, adjoint, adjoint_along, dense, layer_spsp
from hm2bp_brian.learning.thresholds import distance_as_learned, nu_of_sample
from hm2bp_brian.model.graph import Component
from hm2bp_brian.model.learned_variables import LearnedVariable
from hm2bp_brian.model.populations import Population
from hm2bp_brian.spikes import SpikeBatch


class NumpyKernels:
    """What ``backward`` is made of. Engines may bring their own.

    All connections are single ones here: simple, and slow for large maps.

    Parameters
    ----------
    network : SpikingNetwork
    """

    def __init__(self, network):
        self.network = network

    def own_spsp(self, population: Population, trains: SpikeBatch) -> np.ndarray:
        """S-PSPs among a population's neurons, float64 (n_samples, n, n): ``[:, j, i]`` is e_{i|j}."""
        return layer_spsp(trains, trains, self.network.linear_map(self.network.neural.index(population)))

    def backward_component(self, component: Component, walk: Walk) -> None:
        """Add to the walk the component's gradients, and the deltas of the populations before it."""
        links, lateral = (
            [Link.of(self.network, projection, walk.parameters) for projection in projections]
            for projections in (component.projections, component.lateral)
        )
        n_samples = len(walk.deltas[component.populations[0].name])
        before = {
            link.source.name: np.zeros((n_samples, link.source.size))
            for link in links
            if link.projection in component.inputs and link.source.neuron is not None
        }
        deltas = {p.name: np.array(walk.deltas[p.name], dtype=np.float64) for p in component.populations}
        sums = [(np.zeros(len(link.pre)), np.zeros(len(link.pre))) for link in links]
        variables = [v for v in self.network.learned_variables if v.population in component.populations]
        start_sums = [np.zeros(variable.population.size) for variable in variables]
        n_cut = 0
        for sample in np.flatnonzero(np.any([delta.any(axis=1) for delta in deltas.values()], axis=0)):
            state = self.sample(component, links, lateral, walk, sample)
            state.divide(deltas)
            n_cut += state.sum_series(deltas)
            for link, e, (weight_sum, delay_sum) in zip(links, state.spsp, sums, strict=True):
                coefficient = state.coefficient(link.target, deltas)
                weight_sum += coefficient[link.post] * state.learned(link, e)
                if link.projection.delays.learned:
                    delay_sum += coefficient[link.post] * link.weights * state.delay_slope(link)
                if link.source.name in before and link.projection in component.inputs:
                    before[link.source.name][sample] += state.delta_before(link, e, deltas)
            for variable, start_sum in zip(variables, start_sums, strict=True):
                start_sum += state.coefficient(variable.population, deltas) * state.effect_of_start(variable)
        for name, delta in before.items():
            walk.add_delta(name, delta)
        walk.deltas |= deltas
        walk.cut.append(n_cut)
        for link, (weight_sum, delay_sum) in zip(links, sums, strict=True):
            link.put_gradients(self.network, weight_sum, delay_sum, walk.gradients)
        for variable, start_sum in zip(variables, start_sums, strict=True):
            walk.gradients[variable.number] = variable.fold(start_sum)

    def sample(self, component: Component, links: list[Link], lateral: list[Link], walk: Walk, sample: int) -> Sample:
        """One sample of a component."""
        return Sample(self.network, component, links, lateral, walk, sample)


class Sample:
    """One sample of a component: its counts, S-PSPs and T-PSPs."""

    def __init__(self, network, component: Component, links: list[Link], lateral: list[Link], walk: Walk, sample: int):
        self.network, self.component, self.links, self.lateral = network, component, links, lateral
        self.rules, self.sample, self.nu, self.share = walk.rules, sample, dict(walk.nu), {}
        names = {p.name for p in component.populations} | {link.source.name for link in links}
        self.counts = {name: walk.trains[name].counts[sample] for name in names}
        self.factors = {p.name: walk.factor(p.name)[sample] for p in component.populations}
        self.trains = {link.source.name: matrix(walk.trains[link.source.name], sample) for link in (*links, *lateral)}
        self.starts = {p.name: network.learned_values(p, walk.parameters) for p in component.populations}
        self.distances = {p.name: distance_as_learned(network, p, walk.parameters) for p in component.populations}
        self.adjoints = {
            p.name: {variable: self._adjoint(p, walk.trains[p.name], variable) for variable in self._receptors(p)}
            for p in component.populations
        }
        self.spsp = [link.sum_over_trains(self.trains[link.source.name], self._late(link, 0)) for link in links]
        self.kappa = {p.name: self._kappa(p, self.rules) for p in component.populations}

    def _adjoint(self, population: Population, trains: SpikeBatch, variable: str) -> Adjoint:
        layer, number = self.network.neural.index(population), population.neuron.evolving_variables.index(variable)
        check_receptor(population.neuron, variable)
        if population.neuron.is_affine:
            return adjoint(trains, self.network.linear_map(layer), self.sample, number, uses_up=True)
        fires, own = dense(trains, self.sample), population.neuron.synaptic_variable
        others = {v: self.drive(population, v) for v in self._receptors(population) if v != own}
        drives, starts = (self.drive(population, own), others), self.starts[population.name]
        trajectory = self.network.trajectories(layer).along(fires, *drives, starts)
        return adjoint_along(fires, trajectory, number, uses_up=True)

    def _receptors(self, population: Population) -> list[str]:
        """The variables that spikes add to."""
        into = {link.variable for link in (*self.links, *self.lateral) if link.target is population}
        return sorted(into) or [population.neuron.synaptic_variable]

    def drive(self, population: Population, variable: str) -> np.ndarray:
        """What is added to one of the population's variables in each step, float64 (n_steps, n_neurons)."""
        into = [link for link in (*self.links, *self.lateral) if link.target is population]
        added = np.zeros((self.network.n_steps, population.size))
        return sum((link.drive(self.trains[link.source.name]) for link in into if link.variable == variable), added)

    def _late(self, link: Link, shift: int) -> np.ndarray:
        """q from step ``shift`` on, as far as delays reach: 0 after the end, before step 0 its first value."""
        q = self.adjoints[link.target.name][link.variable].q
        before, after = np.repeat(q[:1], 1, axis=0), np.zeros((link.delays.max() + 1, q.shape[1]))
        return np.concatenate([before, q, after])[1 + shift :]

    def _kappa(self, population: Population, rules: Rules) -> np.ndarray:
        o = self.counts[population.name]
        a, weight_sum = np.zeros(population.size), np.zeros(population.size)
        for link, e in zip(self.links, self.spsp, strict=True):
            if link.target is population:
                a += np.bincount(link.post, link.weights * e, population.size)
                weight_sum += np.bincount(link.post, link.weights, population.size)
        ratio = np.where(o > 0, a / np.maximum(o, 1), rules.silent_kappa_ratio * weight_sum)
        nu = self.own_nu(population, a, o)
        if nu is not None:
            self.share[population.name] = self.nu[population.name] / nu
            self.nu[population.name] = nu
        return 1.0 + ratio / self.nu[population.name]

    def own_nu(self, population: Population, a: np.ndarray, o: np.ndarray) -> np.ndarray | None:
        """nu where it is the sample's own, from T-PSPs and counts; None where it is known before."""
        if population.neuron.nu_is_distance:
            return None
        return nu_of_sample(self.distances[population.name], a, o)

    def divide(self, deltas: dict[str, np.ndarray]) -> None:
        """Divide what came back by nu, where it is the sample's own."""
        for name, share in self.share.items():
            deltas[name][self.sample] *= share

    def sum_series(self, deltas: dict[str, np.ndarray]) -> bool:
        """Put the sum of the series in place of its first term; whether it was cut as a term grew."""
        term = {p.name: deltas[p.name][self.sample] for p in self.component.populations}
        for _ in range(self.rules.recurrent_terms if self.component.loops else 0):
            following = {name: np.zeros(len(values)) for name, values in term.items()}
            for link, e in zip(self.links, self.spsp, strict=True):
                if link.projection not in self.component.loops:
                    continue
                following[link.source.name] += self._back(link, e, term[link.target.name], silent_ratio=0.0)
            if _norm(following) > _norm(term):
                return True
            term = following
            for name, values in term.items():
                deltas[name][self.sample] += values
        return False

    def coefficient(self, population: Population, deltas: dict[str, np.ndarray]) -> np.ndarray:
        """delta_i kappa_i, times the factor of lateral inhibition."""
        name = population.name
        return deltas[name][self.sample] * self.kappa[name] * self.factors[name]

    def learned(self, link: Link, e: np.ndarray) -> np.ndarray:
        """e_{i|j} for the gradient."""
        o_pre, o_post = self._ends(link)
        return np.where(o_post > 0, e, self.rules.silent_spsp * (o_pre > 0))

    def effect_of_start(self, variable: LearnedVariable) -> np.ndarray:
        """What a unit of a learned variable's value at the start adds to the readings at each neuron's spikes."""
        names = variable.population.neuron.evolving_variables
        of_any_receptor = next(iter(self.adjoints[variable.population.name].values()))
        return of_any_receptor.start[:, names.index(variable.name)]

    def delay_slope(self, link: Link) -> np.ndarray:
        """Derivative of e_{i|j} with respect to the delay in steps: the central difference."""
        trains = self.trains[link.source.name]
        later, earlier = (link.sum_over_trains(trains, self._late(link, shift)) for shift in (1, -1))
        fired = self.counts[link.target.name][link.post] > 0
        return np.where(fired, (later - earlier) / 2, 0.0)

    def delta_before(self, link: Link, e: np.ndarray, deltas: dict[str, np.ndarray]) -> np.ndarray:
        """What comes back to the source."""
        return self._back(link, e, deltas[link.target.name][self.sample], self.rules.silent_delta_ratio)

    def _back(self, link: Link, e: np.ndarray, delta: np.ndarray, silent_ratio: float) -> np.ndarray:
        """1/nu_j sum_i delta_i w_ij e_{i|j}/o_j of each source neuron, with a ratio that stands in for empty trains."""
        o_pre, o_post = self._ends(link)
        ratio = np.where((o_pre > 0) & (o_post > 0), e / np.maximum(o_pre, 1), silent_ratio)
        flow = link.weights * ratio * delta[link.post]
        return np.bincount(link.pre, flow, link.source.size) / self.nu[link.source.name]

    def _ends(self, link: Link) -> tuple[np.ndarray, np.ndarray]:
        """Spike counts at both ends of each connection."""
        return self.counts[link.source.name][link.pre], self.counts[link.target.name][link.post]


def _norm(term: dict[str, np.ndarray]) -> float:
    return float(np.sqrt(sum((values**2).sum() for values in term.values())))

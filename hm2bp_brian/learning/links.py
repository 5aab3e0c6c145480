"""Projections as single connections, and what comes through them in one sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True, eq=False)
class Link:
    """A projection as single connections: arrays (n_connections,) of neurons, weights and delays in steps."""

    projection: Projection
    pre: np.ndarray
    post: np.ndarray
    index: np.ndarray | None
    weights: np.ndarray
    delays: np.ndarray

    @classmethod
    def of(cls, network, projection: Projection, parameters) -> Link:
        """The connections of a projection with these parameters."""
        pre, post, index = projection.connection.synapses()
        weights = np.asarray(network.weights_of(projection, parameters), dtype=np.float64)
        delays = np.asarray(network.delays_of(projection, parameters))
        weights, delays = (v.ravel()[index] if v.ndim else np.broadcast_to(v, pre.shape) for v in (weights, delays))
        return cls(projection, pre, post, index, weights, delays)

    @property
    def source(self) -> Population:
        """Where the connections come from."""
        return self.projection.source

    @property
    def target(self) -> Population:
        """Where they lead to."""
        return self.projection.target

    @property
    def variable(self) -> str:
        """The target's variable that they add to."""
        return self.projection.synaptic_variable

    def sum_over_trains(self, trains: csr_array, q: np.ndarray) -> np.ndarray:
        """Of each connection the sum of ``q_i(t + d_ij)`` over the spikes t of j; ``q`` (n_rows, n_post)."""
        n_steps, sums = trains.shape[1], np.empty(len(self.pre))
        for delay in np.unique(self.delays):
            late = q[delay : delay + n_steps]
            chosen = self.delays == delay
            sums[chosen] = (trains @ late)[self.pre[chosen], self.post[chosen]]
        return sums

    def drive(self, trains: csr_array) -> np.ndarray:
        """What the connections add to the target's variable in each step, float64 (n_steps, n_post)."""
        n_steps = trains.shape[1]
        added = np.zeros((n_steps, self.target.size))
        for delay in np.unique(self.delays[self.delays < n_steps]):
            chosen = self.delays == delay
            weights = csr_array(
                (self.weights[chosen], (self.pre[chosen], self.post[chosen])), (self.source.size, self.target.size)
            )
            added[delay:] += (trains.T @ weights).toarray()[: n_steps - delay]
        return added

    def put_gradients(self, network, weight_sum, delay_sum, gradients: dict[int, np.ndarray]) -> None:
        """Put sums of single connections among the gradients, in the arrays' shapes; 0 for weights that are fixed."""
        shape = self.projection.connection.weight_shape

        def folded(values):
            return np.bincount(self.index, values, minlength=int(np.prod(shape))).reshape(shape)

        plastic = self.projection.plastic and self.index is not None
        gradients[network.weighted.index(self.projection)] = folded(weight_sum) if plastic else np.zeros(shape)
        if self.projection.delays.learned:
            gradients[network.delay_number(self.projection)] = folded(delay_sum)


def matrix(trains: SpikeBatch, sample: int) -> csr_array:
    """The spikes of a sample, (n_neurons, n_steps)."""
    steps, offsets = trains.sample(sample).by_neuron
    return csr_array((np.ones(len(steps)), steps, offsets), shape=(trains.n_neurons, trains.n_steps))

"""Small networks and random spikes that they could have fired, made without a simulator."""

from functools import cache

import numpy as np
from brian2 import ms
from hypothesis import strategies as st

from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


@cache
def lif_network(method="euler", tau_m=20.0, tau_s=5.0, refractory=3.0, sizes=(4, 3), n_steps=30, dt=1.0, lateral=0.0):
    """LIF layers; times in ms. Cached, because probing the dynamics of each takes a while."""
    layers = [Dense(units, 1.5 + number) for number, units in enumerate(sizes[1:-1])]
    layers.append(Dense(sizes[-1], 2.0, lateral_inhibition=lateral))
    neuron = LIF(tau_m * ms, tau_s * ms, refractory=refractory * ms, method=method)
    return SpikingNetwork(sizes[0], layers, neuron, dt=dt * ms, duration=n_steps * dt * ms)


def drop_refractory(dense, refractory_steps):
    """Drop the spikes of (batch, time, neurons) that follow another too closely."""
    dense = dense.copy()
    for t in range(dense.shape[1]):
        dense[:, t] &= ~dense[:, max(t - refractory_steps, 0) : t].any(axis=1)
    return SpikeBatch.from_dense(dense)


def random_record(network, generator, n_samples=3, silent=0.25):
    """Trains of random rates, some of them empty."""

    def dense(n_neurons):
        rates = generator.uniform(0.05, 0.5, (n_samples, 1, n_neurons))
        rates *= generator.random(rates.shape) >= silent
        return generator.random((n_samples, network.n_steps, n_neurons)) < rates

    layers = [
        drop_refractory(dense(network.size(number)), network.linear_map(number).refractory_steps)
        for number in range(len(network.layers))
    ]
    return SpikeRecord(SpikeBatch.from_dense(dense(int(np.prod(network.input_shape)))), layers)


def dense_trains(n_samples, n_steps, n_neurons):
    """Any spike trains at all, as a boolean array, few spikes first."""
    spike = st.tuples(*(st.integers(0, n - 1) for n in (n_samples, n_steps, n_neurons)))

    def fill(spikes):
        dense = np.zeros((n_samples, n_steps, n_neurons), dtype=bool)
        for where in spikes:
            dense[where] = True
        return dense

    return st.sets(spike, max_size=60).map(fill)

"""S-PSP traces simulated by Brian2: every pair of neurons has a synapse that carries its own membrane potential.

These equations are the definition of the S-PSP, to be read; ``learning.spsp`` computes the same faster.
"""

from __future__ import annotations

import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, TimedArray, second
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

from hm2bp_brian.devices import runtime_device
from hm2bp_brian.errors import NoSpspError
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

# The potential u that the presynaptic train alone causes, with weight 1, in the post neuron.
TRACES = """
du/dt = -u/tau_m + I/tau_s : 1 (clock-driven)
dI/dt = -I/tau_s           : 1 (clock-driven)
spsp                       : 1
"""

# Each presynaptic spike makes a current; each postsynaptic spike reads the potential into the S-PSP and resets it ...
ON_PRE = "I += 1"
ON_POST = """
spsp += u
u = 0
"""
# ... to 0, where it stays as long as the post neuron is refractory.
AFTER_STATE_UPDATE = "u *= int(not_refractory_post)"


@runtime_device()
def simulate_spsp(network, record: SpikeRecord, layer: int) -> np.ndarray:
    """Replay a layer's spikes and those of the population before it, and let Brian2 integrate every pair's trace.

    Meant for small layers: there is one synapse for each sample and pair of neurons.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
    layer : int

    Returns
    -------
    float64 array (n_samples, n_post, n_pre)
        ``e[:, i, j]`` is e_{i|j}, with the network's time step and the neuron's integration method.

    Raises
    ------
    NoSpspError
        If the layer's neuron is not LIF.
    KeyboardInterrupt
        If the run was stopped before its end: Brian2 itself returns early and says nothing.
    """
    neuron = network.neurons[layer]
    if not isinstance(neuron, LIF):
        raise NoSpspError(f"S-PSP traces are written for LIF neurons, found {neuron!r}; take method='adjoint'")
    dt = network.dt * second
    pre_spikes, post_spikes = record.presynaptic(layer), record.layers[layer]
    pre, post = _replay(pre_spikes, dt), _replay_refractory(post_spikes, neuron, dt)
    # one symbol for one value, or exact integration would divide by the difference of the time constants
    equal = neuron.tau_m == neuron.tau_s
    synapses = Synapses(
        pre,
        post,
        TRACES.replace("tau_s", "tau_m") if equal else TRACES,
        on_pre=ON_PRE,
        on_post=ON_POST,
        method=neuron.method,
        namespace={"tau_m": neuron.tau_m * second} | ({} if equal else {"tau_s": neuron.tau_s * second}),
        dt=dt,
        name="traces*",
        codeobj_class=NumpyCodeObject,
    )
    n_samples, n_pre, n_post = record.n_samples, pre_spikes.n_neurons, post_spikes.n_neurons
    sample, i, j = (index.ravel() for index in np.indices((n_samples, n_post, n_pre)))
    synapses.connect(i=sample * n_pre + j, j=sample * n_post + i)
    synapses.run_regularly(AFTER_STATE_UPDATE, when="groups", order=1, dt=dt, codeobj_class=NumpyCodeObject)
    simulation = Network(pre, post, synapses)
    simulation.run(network.n_steps * dt, namespace={})
    if simulation.t < (network.n_steps - 0.5) * dt:
        raise KeyboardInterrupt(f"the simulation of S-PSP traces was stopped at {simulation.t}; it has no result")
    return np.array(synapses.spsp).reshape(n_samples, n_post, n_pre)


def _replay(spikes: SpikeBatch, dt) -> SpikeGeneratorGroup:
    """Neurons that fire as recorded: those of sample 0, then those of sample 1, ..."""
    neurons = spikes.samples * spikes.n_neurons + spikes.neurons
    return SpikeGeneratorGroup(
        spikes.n_samples * spikes.n_neurons,
        neurons,
        spikes.steps * dt,
        dt=dt,
        name="replay*",
        codeobj_class=NumpyCodeObject,
    )


def _replay_refractory(spikes: SpikeBatch, neuron: LIF, dt) -> NeuronGroup:
    """The same, with Brian2's own account of the time for which each neuron is refractory."""
    by_time = np.moveaxis(spikes.dense().reshape(spikes.n_samples, spikes.n_steps, -1), 1, 0)
    return NeuronGroup(
        spikes.n_samples * spikes.n_neurons,
        "",
        threshold="recorded(t, i) > 0.5",
        refractory=neuron.refractory * second,
        namespace={"recorded": TimedArray(by_time.reshape(spikes.n_steps, -1).astype(float), dt=dt)},
        dt=dt,
        name="replay*",
        codeobj_class=NumpyCodeObject,
    )

"""S-PSPs simulated by Brian2: a layer is made to fire as recorded, with the spikes of one presynaptic neuron as input.

What this input adds to the distance to the threshold at the firing times, compared to no input, is the S-PSP by its
definition; ``learning.spsp`` computes the same faster.
"""

from __future__ import annotations

import numpy as np
from brian2 import Network, Quantity, SpikeGeneratorGroup, SpikeMonitor, Synapses, TimedArray, second
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

from hm2bp_brian.brian.probing import check_affine
from hm2bp_brian.devices import runtime_device
from hm2bp_brian.model import neuron_variants
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


@runtime_device()
def simulate_spsp(network, record: SpikeRecord, layer: int) -> np.ndarray:
    """Replay a layer's spikes, once for each neuron of the population before it, whose spikes alone arrive.

    Meant for small layers: there is one Brian2 neuron for each sample and pair of neurons.

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
        If the layer's neuron is not affine: then the effects of inputs do not add up.
    KeyboardInterrupt
        If the run was stopped before its end: Brian2 itself returns early and says nothing.
    """
    neuron, dt = network.neurons[layer], network.dt * second
    check_affine(neuron)
    pre, post = record.presynaptic(layer), record.layers[layer]
    n_samples, n_pre, n_post = record.n_samples, pre.n_neurons, post.n_neurons
    shape = n_samples, n_pre + 1, n_post  # the last of n_pre + 1 copies of a sample gets no input
    copies = neuron_variants.copies(neuron, n_post, n_samples * (n_pre + 1))
    distance = copies.distance_to_threshold, copies.distance_dimension
    copies.threshold = "recorded_spikes(t, i) > 0.5"
    copies.parameters["recorded_spikes"] = _recorded(post, n_pre + 1, dt)
    group = copies.brian_group(
        int(np.prod(shape)),
        network.thresholds[layer],
        name="replay*",
        expressions={"distance_to_threshold": distance},
        dt=dt,
    )
    source = SpikeGeneratorGroup(
        *(n_samples * n_pre, pre.samples * n_pre + pre.neurons, pre.steps * dt),
        dt=dt,
        name="input*",
        codeobj_class=NumpyCodeObject,
    )
    synapses = Synapses(
        source,
        group,
        on_pre=f"{neuron.synaptic_variable}_post += one_unit",
        namespace={"one_unit": Quantity(1.0, dim=neuron.weight_dimension)},
        dt=dt,
        name="one_input*",
        codeobj_class=NumpyCodeObject,
    )
    sample, j, i = (index.ravel() for index in np.indices((n_samples, n_pre, n_post)))
    synapses.connect(i=sample * n_pre + j, j=np.ravel_multi_index((sample, j, i), shape))
    monitor = SpikeMonitor(group, variables="distance_to_threshold", name="readings*", codeobj_class=NumpyCodeObject)
    simulation = Network(source, group, synapses, monitor)
    simulation.run(network.n_steps * dt, namespace={})
    if simulation.t < (network.n_steps - 0.5) * dt:
        raise KeyboardInterrupt(f"the simulation of S-PSP traces was stopped at {simulation.t}; it has no result")
    readings = np.bincount(monitor.i[:], np.asarray(monitor.distance_to_threshold), len(group)).reshape(shape)
    return (readings[:, :-1] - readings[:, -1:]).transpose(0, 2, 1)


def _recorded(post: SpikeBatch, n_copies: int, dt) -> TimedArray:
    """Who fires when: ``n_copies`` of the neurons of sample 0, then those of sample 1, ..."""
    by_time = np.moveaxis(post.dense().reshape(post.n_samples, post.n_steps, -1), 1, 0)
    return TimedArray(np.repeat(by_time, n_copies, axis=1).reshape(post.n_steps, -1).astype(float), dt=dt)

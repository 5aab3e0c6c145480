"""Which presynaptic neurons made one spike."""

from __future__ import annotations

import dataclasses

import numpy as np

from hm2bp_brian.checks import check_index, is_integer
from hm2bp_brian.errors import SpikeError
from hm2bp_brian.learning.links import Link, matrix
from hm2bp_brian.learning.spsp import adjoint
from hm2bp_brian.model.borders import check_record
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


def spike_attribution(
    network, record: SpikeRecord, layer: int, neuron: int, spike: int = 0, sample: int = 0
) -> np.ndarray:
    """Membrane potential that each presynaptic neuron has put into a neuron by the time of one of its spikes.

    The potential at a spike depends on the neuron's earlier spikes only. What presynaptic neuron j gave to spike f is
    therefore the growth of the S-PSP when the train gets its spike f: ::

        c_j = w_ij (e_{i|j} of spikes 0 .. f  -  e_{i|j} of spikes 0 .. f - 1)

    Delays make the spikes of j later. Without lateral inhibition and recurrent connections, the sum over j is the
    potential that crossed the threshold.

    Parameters
    ----------
    network : SpikingNetwork
        With the weights of the record.
    record : SpikeRecord
    layer, neuron : int
    spike : int
        Number of the spike in the neuron's train, from 0; negative ones count from the end.
    sample : int

    Returns
    -------
    float64 array (n_pre,)
        In the unit of the membrane variable.

    Raises
    ------
    ShapeError
        If the record is not of this network.
    ConfigurationError, SpikeError
        If there is no such layer or neuron, or no such sample or spike.
    NoSpspError
        If the layer's neurons have no S-PSP.

    Examples
    --------
    >>> from brian2 import ms
    >>> layers = [hb.Dense(5, threshold=1), hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((4,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> spikes = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((3, 50, 4)) < 0.3)
    >>> record = hb.simulate(network, spikes, engine="brian2")
    >>> layer = 0
    >>> neuron = int(record.counts(layer)[0].argmax())
    >>> given = hb.spike_attribution(network, record, layer, neuron)
    >>> given.shape, bool(given.sum() > network.thresholds[layer])
    ((4,), True)
    """
    check_record(network, record)
    layer = check_index("layer", layer, len(network.layers), "the network")
    neuron = check_index("neuron", neuron, network.size(layer), f"layer {layer}")
    own = incoming(network, layer, neuron)
    train = record.layers[layer].train(sample, neuron)
    if not is_integer(spike) or not -len(train) <= spike < len(train):
        raise SpikeError(
            f"neuron {neuron} of layer {layer} has {len(train)} spikes in sample {sample}, found spike {spike!r}"
        )
    spike %= len(train)
    of_neuron = network.linear_map(layer).of_neuron(neuron)
    with_spike, without = (
        adjoint(_single(train[:length], record.n_steps), of_neuron, 0).q for length in (spike + 1, spike)
    )
    after_the_end = np.zeros((own.delays.max(initial=0), 1))
    trains = matrix(record.presynaptic(layer), sample)
    given = own.weights * own.sum_over_trains(trains, np.vstack([with_spike - without, after_the_end]))
    return np.bincount(own.pre, given, minlength=own.source.size)


def incoming(network, layer: int, neuron: int) -> Link:
    """The connections to one neuron from the population before; their ``post`` is 0."""
    link = Link.of(network, network.chain[layer], network.parameters)
    chosen = link.post == neuron
    of_neuron = {name: getattr(link, name)[chosen] for name in ("pre", "weights", "delays")}
    return dataclasses.replace(link, post=np.zeros(chosen.sum(), dtype=int), index=None, **of_neuron)


def incoming_weights(network, layer: int, neuron: int) -> np.ndarray:
    """Weight from every neuron of the population before, float64 (n_pre,); 0 where there is no connection."""
    own = incoming(network, layer, neuron)
    return np.bincount(own.pre, own.weights, minlength=own.source.size)


def _single(train: np.ndarray, n_steps: int) -> SpikeBatch:
    """The train as a population of one neuron."""
    zeros = np.zeros(len(train), dtype=int)
    return SpikeBatch.from_events(zeros, train, zeros, n_samples=1, n_steps=n_steps, shape=(1,))

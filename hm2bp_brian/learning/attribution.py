"""Which presynaptic neurons made one spike."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.checks import check_index, is_integer
from hm2bp_brian.errors import SpikeError
from hm2bp_brian.learning.spsp import layer_spsp
from hm2bp_brian.model.borders import check_record, check_without_delays
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


def spike_attribution(
    network, record: SpikeRecord, layer: int, neuron: int, spike: int = 0, sample: int = 0
) -> np.ndarray:
    """Membrane potential that each presynaptic neuron has put into a neuron by the time of one of its spikes.

    The potential at a spike depends on the neuron's earlier spikes only. What presynaptic neuron j gave to spike f is
    therefore the growth of the S-PSP when the train gets its spike f: ::

        c_j = w_ij (e_{i|j} of spikes 0 .. f  -  e_{i|j} of spikes 0 .. f - 1)

    Without lateral inhibition, the sum over j is the potential that crossed the threshold.

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
    check_without_delays(network, layer)
    neuron = check_index("neuron", neuron, network.size(layer), f"layer {layer}")
    pre = record.presynaptic(layer).sample(sample)
    train = record.layers[layer].train(sample, neuron)
    if not is_integer(spike) or not -len(train) <= spike < len(train):
        raise SpikeError(
            f"neuron {neuron} of layer {layer} has {len(train)} spikes in sample {sample}, found spike {spike!r}"
        )
    spike %= len(train)
    of_neuron = network.linear_map(layer).of_neuron(neuron)
    with_spike, without = (
        layer_spsp(pre, _single(train[:length], record.n_steps), of_neuron)[0, :, 0] for length in (spike + 1, spike)
    )
    return incoming_weights(network, layer, neuron) * (with_spike - without)


def incoming_weights(network, layer: int, neuron: int) -> np.ndarray:
    """Weight from every neuron of the population before, float64 (n_pre,); 0 where there is no connection."""
    pre, post, index = network.connections[layer].synapses()
    chosen = post == neuron
    weights = np.zeros(int(np.prod(network.shape_before(layer))))
    weights[pre[chosen]] = 1.0 if index is None else network.weights[layer].ravel()[index[chosen]]
    return weights


def _single(train: np.ndarray, n_steps: int) -> SpikeBatch:
    """The train as a population of one neuron."""
    zeros = np.zeros(len(train), dtype=int)
    return SpikeBatch.from_events(zeros, train, zeros, n_samples=1, n_steps=n_steps, shape=(1,))

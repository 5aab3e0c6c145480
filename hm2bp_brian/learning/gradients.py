"""Gradients of the spike count loss through spike trains that were recorded (Jin, Zhang & Li 2018)."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.gradient_sum import Gradients
from hm2bp_brian.learning.losses import SpikeCountLoss, warn_of_one_hot
from hm2bp_brian.learning.regularizers import check_limit
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.borders import check_record
from hm2bp_brian.spike_record import SpikeRecord


def gradients(
    network,
    record: SpikeRecord,
    labels,
    loss=None,
    *,
    regularizer=None,
    sample_weights=None,
    rules: Rules | None = None,
) -> Gradients:
    """Gradient of the loss with respect to all weights, mean over the batch, plus the regulariser's gradient.

    In numpy, float64, with the equations of `hm2bp_brian.learning.backward`; engines compute the same faster.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
        The spikes of a run with the network's weights.
    labels : int array (n_samples,), or array (n_samples, n_outputs)
        Class of each sample: the index of the output neuron that is to fire. Or wanted spike counts.
    loss : SpikeCountLoss, optional
    regularizer : WeightLimit, optional
    sample_weights : array (n_samples,), optional
        Factor of each sample's loss and gradient. The mean is over the number of samples, not over their weight.
    rules : Rules, optional
        What stands in where trains are empty.

    Returns
    -------
    Gradients

    Raises
    ------
    LabelError
        If labels are not one a sample, or out of range.
    ShapeError
        If the record is not of this network, or there is not one weight a sample.
    NoSpspError
        If a layer's neurons have no S-PSP.
    ConfigurationError
        If a threshold is not positive, lateral inhibition too strong for it, or a sample weight negative or not finite.

    Warns
    -----
    UserWarning
        If wanted counts look like classes in one-hot form.

    Examples
    --------
    >>> from brian2 import ms
    >>> layers = [hb.Dense(5, threshold=1), hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((4,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> spikes = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((3, 50, 4)) < 0.3)
    >>> record = hb.simulate(network, spikes, engine="brian2")
    >>> hb.gradients(network, record, [0, 1, 0]).loss > 0
    True
    """
    check_record(network, record)
    check_limit(regularizer, network)
    loss = SpikeCountLoss() if loss is None else loss
    errors = loss.errors(record.output.counts, labels)
    if np.ndim(labels) == 2:
        warn_of_one_hot(np.asarray(labels))
    if sample_weights is not None:
        errors = errors.weighted(sample_weights)
    total = backward(network, network.parameters, record, errors, Rules() if rules is None else rules)
    return total.mean(network.learned_weights(network.parameters), regularizer)

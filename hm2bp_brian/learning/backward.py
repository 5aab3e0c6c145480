"""HM2-BP backwards through a network, from the errors of the output counts to the gradient of every parameter.

With errors o - y of the output counts, nu what a neuron rises from rest to its threshold, S-PSPs e_{i|j} and T-PSPs
a_i = sum_j w_ij e_{i|j}: ::

    output         delta_i = (o_i - y_i) / nu
    hidden         delta_j = 1/nu_j sum_i delta_i w_ij e_{i|j} / o_j
    loops          delta <- delta + M^T delta + (M^T)^2 delta + ...,   M_ip = w_ip e_{i|p} / (o_p nu_p)
    any            kappa_i = 1 + 1/nu_i sum_l w_il e_{i|l} / o_i
                   dE/dw_ij = delta_i kappa_i e_{i|j}
                   dE/dd_ij = delta_i kappa_i w_ij e'_{i|j},   e' the derivative with respect to the delay
                   dE/dx_i  = delta_i kappa_i lambda_x,         of a learned value x at the start: `model.learned`

Where a spike does anything else than to take back what came before, nu_i = a_i / o_i of the sample: see
`learning.thresholds`. For neurons that are not affine, e is that along the trajectory of the sample.

The ratios are not defined where a train is empty; `Rules` says what stands in there, and how many terms of the series
are taken.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np

from hm2bp_brian.learning.gradient_sum import GradientSum
from hm2bp_brian.learning.lateral import lateral_factor
from hm2bp_brian.learning.losses import Errors, StandIns
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.learning.thresholds import check_thresholds, divisor, uniform
from hm2bp_brian.model.graph import Component
from hm2bp_brian.spike_record import SpikeRecord, part_of
from hm2bp_brian.spikes import SpikeBatch


@dataclass(eq=False)
class Walk:
    """What is known on the way backwards: by the names of populations, and of parameters by their number.

    Parameters
    ----------
    parameters : sequence of arrays
        Those with which the spikes were made.
    trains : dict of str to SpikeBatch
        Spikes of each population.
    deltas : dict of str to array (n_samples, n_neurons)
        What has come back to each population; whoever walks through a component adds to those of its sources, and
        puts the sum of the series in place of what came to its own.
    factors : dict of str to array (n_samples, n_neurons)
        What multiplies gradients; a population without one has 1.
    rules : Rules
    nu : dict of str to float64 array (n_neurons,)
        How far each population's neurons rise for a spike; 1 where nu is the sample's own, so that
        deltas are derivatives with respect to counts until their component divides them; None for inputs.
    gradients : dict of int to array
        Sums over the samples.
    cut : list of int
        In how many samples the series of a component with loops was cut as it did not converge.
    """

    parameters: tuple[np.ndarray, ...]
    trains: dict[str, SpikeBatch]
    rules: Rules
    nu: dict[str, np.ndarray | None]
    deltas: dict[str, np.ndarray] = field(default_factory=dict)
    factors: dict[str, np.ndarray] = field(default_factory=dict)
    gradients: dict[int, np.ndarray] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)

    def add_delta(self, name: str, delta: np.ndarray) -> None:
        """Add to what comes back to a population."""
        self.deltas[name] = self.deltas[name] + delta if name in self.deltas else delta

    def factor(self, name: str) -> np.ndarray:
        """What multiplies a population's gradients."""
        return self.factors[name] if name in self.factors else np.ones_like(self.deltas[name])


def backward(network, parameters, record: SpikeRecord, errors: Errors, rules: Rules, kernels=None) -> GradientSum:
    """Sum over a batch of the gradients of the loss with respect to all parameters.

    Parameters
    ----------
    network : SpikingNetwork
    parameters : sequence of arrays
        Those with which the record was made.
    record : SpikeRecord
    errors : Errors
        Of the record's output counts.
    rules : Rules
    kernels : optional
        What takes one component backwards; by default `hm2bp_brian.learning.component.NumpyKernels`.

    Returns
    -------
    GradientSum

    Raises
    ------
    NoSpspError
        If neurons have no S-PSP.
    ConfigurationError
        If a threshold is not positive, or lateral inhibition is too strong for it.

    Warns
    -----
    RuntimeWarning
        If the series of loops does not converge.
    """
    if kernels is None:
        # here, as that module needs the Walk of this one
        from hm2bp_brian.learning.component import NumpyKernels

        kernels = NumpyKernels(network)
    check_thresholds(network, parameters)
    nu = {population.name: divisor(network, population, parameters) for population in network.populations}
    walk = Walk(tuple(parameters), network.trains(record.input, record.layers), rules, nu)
    loss = float(errors.values.sum()) + _add_errors(network, record, errors, walk)
    for component in reversed(network.components):
        for population in component.populations:
            if population.name not in walk.deltas:
                walk.deltas[population.name] = np.zeros((record.n_samples, population.size))
        for lateral in component.lateral:
            if not lateral.target.neuron.nu_is_distance:
                continue  # the factor is of second order, and made for neurons that a spike puts back to rest
            trains = walk.trains[lateral.target.name]
            spsp = kernels.own_spsp(lateral.target, trains)
            nu = uniform(walk.nu[lateral.target.name])
            walk.factors[lateral.target.name] = lateral_factor(spsp, trains.counts, nu, lateral.weight)
        kernels.backward_component(component, walk)
        _warn_of_cuts(component, walk)
    arrays = tuple(walk.gradients[number] for number in range(len(walk.parameters)))
    deltas = tuple(walk.deltas[population.name] for population in network.neural)
    return GradientSum(arrays, loss, record.n_samples, deltas)


def _add_errors(network, record: SpikeRecord, errors: Errors, walk: Walk) -> float:
    """Deltas of readouts, with stand-ins for silent ones, and of rates out of their band, whose loss it returns."""
    output, first, loss = with_stand_ins(record.output, errors.stand_ins), 0, 0.0
    for population in network.neural:
        if population.rate_band is not None:
            values, d_counts = population.rate_band.errors(walk.trains[population.name].counts)
            loss += float(values.sum())
            walk.add_delta(population.name, d_counts / walk.nu[population.name])
    for population in network.readouts:
        walk.trains[population.name] = part_of(output, first, population.shape)
        own = slice(first, first + population.size)
        walk.add_delta(population.name, errors.d_counts[:, own] / walk.nu[population.name])
        first += population.size
    return loss


def with_stand_ins(output: SpikeBatch, stand_ins: StandIns) -> SpikeBatch:
    """The output's spikes, with regular trains in place of the empty ones of silent neurons that are to fire.

    The neuron's error still counts 0 spikes.
    """
    if len(stand_ins.samples) == 0:
        return output
    steps, offsets = output.by_neuron
    rows, n_spikes = np.broadcast_arrays(
        stand_ins.samples * output.n_neurons + stand_ins.neurons, np.asarray(stand_ins.n_spikes)
    )
    order = np.argsort(rows)
    trains = {count: regular_train(int(count), output.n_steps) for count in np.unique(n_spikes)}
    added = [trains[count] for count in n_spikes[order]]
    lengths = np.zeros(len(offsets), dtype=np.int64)
    lengths[rows[order] + 1] = [len(train) for train in added]
    steps = np.insert(steps, np.repeat(offsets[:-1], lengths[1:]), np.concatenate(added))
    return SpikeBatch.from_trains(steps, offsets + lengths.cumsum(), output.n_samples, output.n_steps, output.shape)


def regular_train(n_spikes: int, n_steps: int) -> np.ndarray:
    """Steps of ``n_spikes`` spikes spread evenly over a presentation, at most one a step."""
    return np.unique(np.floor((np.arange(n_spikes) + 0.5) * n_steps / n_spikes).astype(np.int64))


def _warn_of_cuts(component: Component, walk: Walk) -> None:
    if component.loops and walk.cut and walk.cut[-1]:
        names = ", ".join(f"'{projection.name}'" for projection in component.loops)
        warnings.warn(
            f"the series of credit through the loops of {names} does not converge in some samples, and was cut at the "
            "term that grew; smaller recurrent weights, fewer spikes or Rules(recurrent_terms=0) avoid it",
            RuntimeWarning,
            stacklevel=2,
        )

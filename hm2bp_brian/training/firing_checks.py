"""What keeps a network from learning and is seen at once.

Nothing to learn, silence, too many spikes, counts that can't be reached, gradients that are not finite.
"""

from __future__ import annotations

import warnings

import numpy as np

from hm2bp_brian.errors import ConfigurationError, NumericalError
from hm2bp_brian.firing_statistics import SATURATED_FRACTION, most_spikes
from hm2bp_brian.learning.gradient_sum import Gradients
from hm2bp_brian.learning.losses import SpikeCountLoss

FIRST_BATCHES = 10
# Mean spike counts of a layer outside of this range hold back learning: nearly silent, or firing in half of the steps
# or whenever the refractory time lets it.
SILENT_COUNT = 0.01
HIGHEST_FRACTION_OF_STEPS = 0.5


def check_learns(network) -> None:
    """ConfigurationError if there is nothing in a network that training changes."""
    if not network.learns:
        names = ", ".join(f"'{projection.name}'" for projection in network.projections)
        raise ConfigurationError(
            f"there is nothing to train: all weights are fixed (of {names or 'no projection'}), and no delay, "
            "threshold or parameter is hb.Learned(low, high). Connect what is to learn with plastic=True, and "
            "freeze less; of Brian2's Synapses, give on_pre a weight variable. evaluate, predict and hb.simulate run "
            "the network as it is"
        )


def warn_of_rates(network, counts, when: str, silent_readouts: bool = True) -> None:
    """Warn (RuntimeWarning) of populations that are silent, or fire in most of the steps in which they can.

    Parameters
    ----------
    network : SpikingNetwork
    counts : sequence of float
        Mean spikes of a neuron in a presentation, one a population of neurons.
    when : str
        Of the counts, for the message.
    silent_readouts : bool
        Whether to warn of them: at first many are silent, and learn by the stand-ins of the loss.
    """
    for number, (label, count) in enumerate(zip(network.labels, counts, strict=True)):
        most = most_spikes(network.n_steps, network.neurons[number].refractory_steps(network.dt))
        if count < SILENT_COUNT and not silent_readouts and network.neural[number] in network.readouts:
            continue
        if count < SILENT_COUNT:
            advice = "is nearly silent: lower its threshold or start with larger weights; hb.calibrate does so"
        elif count > min(SATURATED_FRACTION * most, HIGHEST_FRACTION_OF_STEPS * network.n_steps):
            advice = (
                "fires too much: raise its threshold or start with smaller weights (hb.calibrate does so); if it did "
                "not at the start, lower the learning rate, or set clip=True in Adam"
            )
        else:
            continue
        warnings.warn(
            f"{when}: {label} {advice} (on average {count:.3g} spikes a neuron in {network.n_steps} steps, of {most} "
            "that its refractory time allows)",
            RuntimeWarning,
            stacklevel=3,
        )


def warn_if_out_of_reach(network, loss) -> None:
    """Warn (UserWarning) if a loss wants more spikes of a readout than fit into a presentation."""
    if not isinstance(loss, SpikeCountLoss):
        return
    for population in network.readouts:
        most = most_spikes(network.n_steps, population.neuron.refractory_steps(network.dt))
        if loss.desired - loss.margin > most:
            warnings.warn(
                f"the loss wants {loss.desired} spikes (give or take {loss.margin:g}) of a neuron of "
                f"'{population.name}', which can fire at most {most} times in {network.n_steps} steps: ask for fewer "
                "(SpikeCountLoss(desired=...)), or take a longer duration or a shorter refractory time",
                UserWarning,
                stacklevel=3,
            )


def check_finite(network, gradient: Gradients, batch: int, epoch: int) -> None:
    """NumericalError if a gradient is not finite; batches count from 0."""
    for number, array in enumerate(gradient):
        if not np.isfinite(array).all():
            raise NumericalError(
                f"the gradient of {network.parameter_name(number)} is not finite in batch {batch} of epoch {epoch} "
                "(layers and batches count from 0). No weight has been changed by it; the weights go back to the last "
                "finished epoch. Try a lower learning rate, clip=True in Adam, or a weaker regularizer"
            )

"""A network, spikes and histories that are quickly drawn."""

import numpy as np
from brian2 import ms

from hm2bp_brian import LIF, Dense, SpikeBatch, SpikeRecord, SpikingNetwork
from hm2bp_brian.training.history import History

N_STEPS = 8
SHAPES = ((2, 3, 1), (5,), (2,))


def make_network(input_shape=SHAPES[0]):
    return SpikingNetwork(
        input_shape,
        [Dense(5, threshold=1), Dense(2, threshold=1)],
        LIF(tau_m=10 * ms, tau_s=3 * ms, refractory=1.5 * ms),
        dt=0.5 * ms,
        duration=4 * ms,
    )


def make_record():
    """Two samples with spikes at random: nothing here needs them to be the network's own."""
    generator = np.random.default_rng(5)
    trains = [SpikeBatch.from_dense(generator.random((2, N_STEPS, *shape)) < 0.3) for shape in SHAPES]
    return SpikeRecord(trains[0], trains[1:])


def make_history(n_epochs, test_accuracy=0.9):
    rows = [
        {"epoch": n, "train_loss": 1.0, "train_accuracy": 1 - 0.5 / n, "test_accuracy": test_accuracy, "seconds": 1.0}
        for n in range(1, n_epochs + 1)
    ]
    return History(rows)

"""A trainer's engine runs the network that it was made for."""

import numpy as np
import pytest
from brian2 import ms

import hm2bp_brian as hb
from hm2bp_brian.errors import ConfigurationError

LIF = hb.LIF(20 * ms, 5 * ms)


@pytest.mark.parametrize(
    "change",
    [
        lambda network: network.freeze("hidden"),
        lambda network: network.connect("in", "out"),
        lambda network: network.population("second", 2, neuron=LIF, threshold=1, readout=True),
    ],
    ids=["frozen", "connected", "grown"],
)
def test_a_network_that_was_changed_needs_a_new_trainer(change):
    network = hb.SpikingNetwork(dt=1 * ms, duration=30 * ms, seed=3)
    network.input("in", 4)
    network.population("hidden", 5, neuron=LIF, threshold=1)
    network.population("out", 2, neuron=LIF, threshold=1, readout=True)
    network.connect("in", "hidden")
    network.connect("hidden", "out")
    X, y = np.random.default_rng(1).random((6, 4)), np.arange(6) % 2
    settings = {"epochs": 1, "batch_size": 3, "progress": False}
    trainer = hb.Trainer(network, hb.SpikeCountLoss(5, 1, 1), engine="brian2")
    trainer.fit((X, y), **settings)
    change(network)
    for use in (lambda: trainer.fit((X, y), **settings), lambda: trainer.predict((X, y))):
        with pytest.raises(ConfigurationError, match="network was changed after this Trainer was made"):
            use()

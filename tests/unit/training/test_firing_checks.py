"""Training warns at once of what keeps it from learning."""

import warnings

import numpy as np
from tiny_training import LAYERS, make_trainer, tiny_dataset, tiny_network

import hm2bp_brian as hb
from hm2bp_brian.training.firing_checks import FIRST_BATCHES


def warned(layers=LAYERS, batch_size=2, sign=None, **settings):
    """The warnings of a training that hardly changes the weights."""
    network = tiny_network(layers=layers)
    if sign:
        network.weights = [sign * np.abs(w) for w in network.weights]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        trainer = make_trainer(network, optimizer=hb.Adam(1e-9), **settings)
        trainer.fit(tiny_dataset(30), epochs=2, batch_size=batch_size, progress=False)
    return [str(warning.message) for warning in found if warning.category in (RuntimeWarning, UserWarning)]


def layers(first_threshold):
    return (hb.Dense(8, threshold=first_threshold, initializer=hb.Uniform(1.5)), LAYERS[1])


def test_nothing_is_said_of_moderate_rates():
    assert warned() == []


def test_dead_populations_once():
    (dead,) = warned(layers(1e3))  # and nothing of the output, which stand-ins would wake
    assert dead.startswith(f"after {FIRST_BATCHES} batches: layer 0 is nearly silent: lower its threshold")
    assert "on average 0 spikes a neuron in 40 steps, of 20 that its refractory time allows" in dead


def test_a_short_epoch_is_enough():
    assert warned(layers(1e3), batch_size=20)[0].startswith("after 2 batches")


def test_saturated_populations():
    saturated = warned(layers(1e-3), sign=1)
    assert "layer 0 fires too much: raise its threshold or start with smaller weights" in saturated[0]


def test_a_count_out_of_reach():
    (message,) = warned(loss=hb.SpikeCountLoss())
    assert "wants 35 spikes (give or take 5)" in message and "at most 20 times in 40 steps: ask for fewer" in message
    assert warned(loss=hb.SpikeCountLoss(25, 1, 5)) == []  # the margin makes up for it

"""Training warns at once of what keeps it from learning."""

import warnings

import pytest
from tiny_training import LAYERS, make_trainer, tiny_dataset, tiny_network

import hm2bp_brian as hb
from hm2bp_brian.training.firing_checks import FIRST_BATCHES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def warned(layers=LAYERS, epochs=2, batch_size=2, n=30, **settings):
    """The warnings of a training that hardly changes the weights."""
    trainer = make_trainer(tiny_network(layers=layers), optimizer=hb.Adam(1e-9), **settings)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        trainer.fit(tiny_dataset(n), epochs=epochs, batch_size=batch_size, progress=False)
    return [str(warning.message) for warning in found if warning.category is RuntimeWarning]


def layers(first_threshold):
    return (hb.Dense(8, threshold=first_threshold, initializer=hb.Uniform(1.5)), LAYERS[1])


def test_nothing_is_said_of_moderate_rates():
    assert warned() == []


def test_dead_populations_once():
    dead, silent_output = warned(layers(1e3))
    assert dead.startswith(f"after {FIRST_BATCHES} batches: layer 0 is nearly silent: lower its threshold")
    assert "on average 0 spikes a neuron in 40 steps, of 20 that its refractory time allows" in dead
    assert "layer 1 is nearly silent" in silent_output


def test_a_short_epoch_is_enough():
    (dead, _) = warned(layers(1e3), batch_size=20)
    assert dead.startswith("after 2 batches")


def test_saturated_populations():
    (saturated,) = warned((hb.Dense(8, 1e-3, initializer=hb.Uniform(60.0)), hb.Dense(3, 5.0)))[:1]
    assert "layer 0 fires too much: raise its threshold or start with smaller weights" in saturated


def test_a_count_out_of_reach():
    with pytest.warns(
        UserWarning, match=r"wants 35 spikes \(give or take 5\) .* at most 20 times in 40 steps: ask for"
    ):
        make_trainer(loss=hb.SpikeCountLoss())
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        make_trainer(loss=hb.SpikeCountLoss(25, 1, 5))  # the margin makes up for it

"""Training warns at once of what keeps it from learning."""

import warnings

import numpy as np
import pytest
from brian2 import ms
from tiny_training import LAYERS, make_trainer, tiny_dataset, tiny_network

import hm2bp_brian as hb
from hm2bp_brian.training.firing_checks import FIRST_BATCHES


def warned(layers=LAYERS, batch_size=2, sign=None, callbacks=(), **settings):
    """The warnings of a training that hardly changes the weights."""
    network = tiny_network(layers=layers)
    if sign:
        network.weights = [sign * np.abs(w) for w in network.weights]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        trainer = make_trainer(network, optimizer=hb.Adam(1e-9), **settings)
        trainer.fit(tiny_dataset(30), epochs=2, batch_size=batch_size, callbacks=callbacks, progress=False)
    return [str(warning.message) for warning in found if warning.category in (RuntimeWarning, UserWarning)]


def layers(first_threshold):
    return (hb.Dense(8, threshold=first_threshold, initializer=hb.Uniform(1.5)), LAYERS[1])


def test_nothing_is_said_of_moderate_rates():
    assert warned() == []


def test_dead_populations_once():
    (dead,) = warned(layers(1e3))  # the output is silent, too, as it gets nothing: the cause is named, once
    assert dead.startswith(f"after {FIRST_BATCHES} batches: layer 0 is nearly silent: lower its threshold")
    assert "on average 0 spikes a neuron in 40 steps, of 20 that its refractory time allows" in dead


def test_a_silent_output_is_no_fault_at_first_and_one_after_an_epoch():
    silent = (LAYERS[0], hb.Dense(3, threshold=1e3, initializer=hb.Uniform(1.5)))
    assert warned(silent) == []
    (message,) = warned(silent, callbacks=[hb.callbacks.RateWarning()])[-1:]
    assert message.startswith("epoch 2: layer 1 is nearly silent")


def test_a_short_epoch_is_enough():
    assert warned(layers(1e3), batch_size=20)[0].startswith("after 2 batches")


def test_saturated_populations():
    saturated = warned(layers(1e-3), sign=1)
    assert "layer 0 fires too much: raise its threshold or start with smaller weights" in saturated[0]


def test_a_count_out_of_reach():
    (message,) = warned(loss=hb.SpikeCountLoss())
    assert "wants 35 spikes (give or take 5)" in message and "at most 20 times in 40 steps: ask for fewer" in message
    assert warned(loss=hb.SpikeCountLoss(25, 1, 5)) == []  # the margin makes up for it


def test_a_network_in_which_nothing_learns_is_refused():
    network = tiny_network()
    network.freeze(network.neural[0].name)
    make_trainer(network).fit(tiny_dataset(6), epochs=1, batch_size=6, progress=False)  # the other layer learns
    network.freeze(network.neural[1].name)
    names = ", ".join(f"'{projection.name}'" for projection in network.projections)
    with pytest.raises(hb.errors.ConfigurationError, match=rf"nothing to train: .* fixed \(of {names}\).*plastic=True"):
        make_trainer(network).fit(tiny_dataset(6), epochs=1, batch_size=6, progress=False)


@pytest.mark.parametrize("learned", ["delay", "threshold"])
def test_delays_and_variables_of_neurons_are_something_to_learn(learned):
    network = hb.SpikingNetwork(dt=1 * ms, duration=20 * ms)
    network.input("in", 2)
    threshold = hb.Learned(0.5, 1.5) if learned == "threshold" else 1
    neuron = hb.NeuronModel("du/dt = (I - u)/(10*ms) : 1\ndI/dt = -I/(5*ms) : 1", method="euler")
    network.population("out", 2, neuron=neuron, threshold=threshold, readout=True)
    delay = hb.Learned(0 * ms, 5 * ms) if learned == "delay" else 0 * ms
    network.connect("in", "out", weights=1.0, plastic=False, delay=delay)
    assert network.learns

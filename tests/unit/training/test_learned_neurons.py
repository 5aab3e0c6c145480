"""Thresholds and time constants in training: they move, are saved, loaded and resumed as weights are."""

import pickle

import numpy as np
import pytest
from brian2 import ms
from tiny_run import RECIPE
from tiny_training import LOSS, assert_same_state, tiny_dataset

import hm2bp_brian as hb
from hm2bp_brian.errors import CheckpointError
from hm2bp_brian.experiments.weights_file import read_weights, save_weights
from hm2bp_brian.training.optimizers import Adam

TRAIN = tiny_dataset(24)


THRESHOLD, ADAM = hb.Learned(0.6, 1.6), Adam(0.02)


def make_trainer(threshold=THRESHOLD, optimizer=ADAM) -> hb.Trainer:
    neuron = hb.NeuronModel(
        "du/dt = -u/tau_m + I/tau_s : 1\ndI/dt = -I/tau_s : 1",
        method="euler",
        **{"tau_m": hb.Learned(5 * ms, 40 * ms), "tau_s": 4 * ms},
    )
    neurons = [neuron, hb.LIF(16 * ms, 4 * ms, 2 * ms)]
    layers = [hb.Dense(8, 1.0, initializer=hb.Uniform(1.5)), hb.Dense(3, threshold, initializer=hb.Uniform(1.5))]
    network = hb.SpikingNetwork((4, 4, 1), layers, neurons, dt=1 * ms, duration=40 * ms, seed=1)
    encoder = hb.encoding.BernoulliEncoder(2.0)
    return hb.Trainer(network, LOSS, optimizer, encoder=encoder, averaging=0.9, dtype="float32", threads=1)


def fit(trainer, epochs):
    trainer.fit(TRAIN, epochs=epochs, batch_size=6, progress=False)
    return trainer


def test_values_move_within_their_limits_and_a_resumed_training_is_the_same(tmp_path):
    whole, first, second = (make_trainer() for _ in range(3))
    before = [array.copy() for array in whole.network.neuron_values]
    fit(whole, 4)
    fit(first, 2).save(tmp_path / "c.npz")
    second.load(tmp_path / "c.npz")
    assert_same_state(fit(second, 2).state.arrays(), whole.state.arrays())
    losses = whole.history.column("train_loss")
    assert losses[-1] < losses[0]
    for variable, old, new in zip(whole.network.learned_variables, before, whole.network.neuron_values, strict=True):
        moved = np.abs(new - old).max() / (variable.range.high - variable.range.low)
        assert 0.01 < moved < 1  # 16 updates of some 0.02 of the range
        assert variable.limits[0] <= new.min() and new.max() <= variable.limits[1]
    other = make_trainer(hb.Learned(0.6, 1.6, shared=True))
    with pytest.raises(CheckpointError, match="'.*_3' should be"):
        other.load(tmp_path / "c.npz")


def test_relative_rates_stay_what_they_were_when_training_is_resumed(tmp_path):
    """The scale of weights is that of neurons as they were declared, not as they have become."""
    whole, first, second = (make_trainer(optimizer=Adam(hb.Relative(0.05))) for _ in range(3))
    fit(first, 2).save(tmp_path / "c.npz")
    second.load(tmp_path / "c.npz")
    assert_same_state(fit(second, 1).state.arrays(), fit(whole, 3).state.arrays())


def test_a_weight_file_and_other_processes_get_them(tmp_path):
    trained = fit(make_trainer(), 1).network
    save_weights(tmp_path / "w.npz", RECIPE, trained.parameters, 1)
    network = make_trainer().network
    read_weights(tmp_path / "w.npz").load_into(network)
    sent = pickle.loads(pickle.dumps(trained))
    for other in (network, sent):
        assert all(np.array_equal(a, b) for a, b in zip(other.parameters, trained.parameters, strict=True))
    assert "learned: tau_m of layer 0, 0.005..0.04; v_th of layer 1, 0.6..1.6" in str(trained)

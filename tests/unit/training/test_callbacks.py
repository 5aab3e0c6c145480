import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_training import assert_same_state, make_trainer, tiny_dataset

from hm2bp_brian.training.callbacks import (
    Callback,
    CheckpointCallback,
    EvaluationCallback,
    HistoryCallback,
    RateWarning,
)
from hm2bp_brian.training.history import History

TRAIN, HOLDOUT = tiny_dataset(12), tiny_dataset(9, seed=3)


def test_files_hold_the_last_epoch_and_the_added_column(tmp_path):
    trainer = make_trainer()
    seen = []

    class Read(Callback):
        def on_epoch_end(self, trainer, row):
            seen.append(History.from_csv(tmp_path / "h.csv").table())
            other = make_trainer()
            other.load(tmp_path / "c.npz")
            assert_same_state(other.state.arrays(), trainer.state.arrays())

    trainer.fit(
        TRAIN,
        epochs=2,
        progress=False,
        callbacks=[
            EvaluationCallback(HOLDOUT, "holdout_accuracy"),
            CheckpointCallback(tmp_path / "c.npz"),
            HistoryCallback(tmp_path / "h.csv"),
            Read(),
        ],
    )
    assert [len(table) for table in seen] == [1, 2]
    np.testing.assert_array_equal(seen[-1], trainer.history.table())
    assert trainer.history.columns[-1] == "holdout_accuracy"
    assert trainer.history[-1]["holdout_accuracy"] == trainer.evaluate(HOLDOUT)


def test_an_interrupt_before_the_first_epoch_ends_leaves_a_checkpoint_of_the_start(tmp_path):
    trainer = make_trainer()
    start = trainer.state.arrays()
    trainer.engine.fail_at = 2
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(TRAIN, batch_size=4, progress=False, callbacks=[CheckpointCallback(tmp_path / "c.npz")])
    other = make_trainer()
    other.load(tmp_path / "c.npz")
    assert_same_state(other.state.arrays(), start)


def warn(rate_0, rate_1):
    neuron = SimpleNamespace(refractory_steps=lambda dt: 0)
    network = SimpleNamespace(neurons=[neuron, neuron], labels=["layer 0", "layer 1"], n_steps=100, dt=1e-3)
    row = {"epoch": 3, "rate_0": rate_0, "rate_1": rate_1}
    RateWarning().on_epoch_end(SimpleNamespace(network=network), row)


def test_rate_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn(0.01, 50.0)
    with pytest.warns(RuntimeWarning, match="epoch 3: layer 0 is nearly silent: .*0.009 spikes"):
        warn(0.009, 5.0)
    with pytest.warns(RuntimeWarning, match="layer 1 fires too much: .*51 spikes a neuron in 100 steps"):
        warn(1.0, 51.0)

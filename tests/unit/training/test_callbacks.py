import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_training import assert_same_state, make_trainer, tiny_dataset, tiny_network

from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.training.callbacks import (
    Callback,
    CheckpointCallback,
    EarlyStopping,
    EvaluationCallback,
    HistoryCallback,
    RateWarning,
    check_callbacks,
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


def test_an_epoch_that_a_callback_ended_is_not_finished_and_is_trained_again(tmp_path):
    class CtrlC(Callback):
        def on_epoch_end(self, trainer, row):
            if row["epoch"] == 2:
                raise KeyboardInterrupt

    files = [HistoryCallback(tmp_path / "h.csv"), CheckpointCallback(tmp_path / "c.npz")]
    whole, broken, other = make_trainer(), make_trainer(), make_trainer()
    fit_with(whole, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        fit_with(broken, *files, CtrlC(), epochs=3)
    other.load(tmp_path / "c.npz")
    assert other.epoch == broken.epoch == len(broken.history) == 1
    assert_same_state(other.state.arrays(), broken.state.arrays())
    fit_with(other, epochs=2)
    assert_same_state(other.state.arrays(), whole.state.arrays())


@pytest.mark.parametrize("value", ["text", np.array([1, 2]), None, 1j])
def test_a_column_that_holds_no_number_is_named_with_its_callback(value):
    trainer = make_trainer()
    with pytest.raises(ConfigurationError, match=r"Script.on_epoch_end: 'score' of the history must be one number"):
        fit_with(trainer, Script(value))
    assert trainer.epoch == len(trainer.history) == 0
    fit_with(trainer, Script(np.float32(0.5), True, np.array(3)), epochs=3)
    assert trainer.history["score"].tolist() == [0.5, 1, 3]


@pytest.mark.parametrize("answer", [np.array([True, False]), "no", 1])
def test_a_callback_that_answers_with_no_truth_value_is_named(answer):
    class Answer(Callback):
        def on_epoch_end(self, trainer, row):
            return answer

    with pytest.raises(ConfigurationError, match=r"Answer.on_epoch_end must return True, .* or None; found"):
        fit_with(make_trainer(), Answer())


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


def fit_with(trainer, *callbacks, epochs=8, **settings):
    return trainer.fit(TRAIN, epochs=epochs, batch_size=4, progress=False, callbacks=callbacks, **settings)


class Script(Callback):
    """Writes a column whose values are given, and keeps the weights of each epoch."""

    def __init__(self, *values, column="score"):
        self.values, self.column, self.weights = values, column, []

    def on_epoch_end(self, trainer, row):
        row[self.column] = self.values[row["epoch"] - 1]
        self.weights.append([w.copy() for w in trainer.evaluation_weights])


@pytest.mark.parametrize("averaging", [None, 0.5])
def test_early_stopping_goes_back_to_the_best_epoch(averaging, tmp_path):
    trainer, script = make_trainer(averaging=averaging), Script(1, 4, 3, 4, 2, 9, 9, 9)
    fit_with(trainer, script, EarlyStopping("score", patience=3), CheckpointCallback(tmp_path / "c.npz"))
    assert trainer.history["score"].tolist() == [1, 4, 3, 4, 2]  # 4 again is no improvement
    other = make_trainer(averaging=averaging)
    other.load(tmp_path / "c.npz")
    for found in (trainer, other):
        assert found.epoch == 5
        for w, best in zip(found.evaluation_weights, script.weights[1], strict=True):
            np.testing.assert_array_equal(w, best)
    assert not np.array_equal(script.weights[1][0], script.weights[4][0])


def test_a_loss_is_to_fall_and_training_may_go_on():
    trainer, stopping = make_trainer(), EarlyStopping("my_loss", patience=2)
    fit_with(trainer, Script(5, 3, 4, 3, 0.1, 7, 8, 9, column="my_loss"), stopping)
    assert trainer.epoch == 4
    fit_with(trainer, Script(*[0] * 4, 0.1, 7, 8, 9, column="my_loss"), stopping)
    assert trainer.epoch == 7


@pytest.mark.parametrize("again", [True, False])
def test_each_fit_has_a_best_epoch_of_its_own(again):
    first, stopping = make_trainer(), EarlyStopping("score", patience=2)
    fit_with(first, Script(9, 8), stopping, epochs=2)
    trainer = first if again else make_trainer(tiny_network(seed=2))
    script = Script(*[0] * trainer.epoch, 3, 4, 2, 1, 9)
    fit_with(trainer, script, stopping)
    assert trainer.history["score"].tolist()[-4:] == [3, 4, 2, 1]
    np.testing.assert_array_equal(trainer.evaluation_weights[0], script.weights[1][0])


def test_early_stopping_needs_numbers():
    with pytest.raises(UnknownNameError, match="unknown column of the history 'validation_accuracy'"):
        fit_with(make_trainer(), EarlyStopping())
    with pytest.raises(ConfigurationError, match="numbers in the column 'score', found NaN"):
        fit_with(make_trainer(), Script(np.nan), EarlyStopping("score"))
    with pytest.raises(ConfigurationError, match="patience must be a positive integer, found 0"):
        EarlyStopping(patience=0)


def test_all_callbacks_are_called_in_the_last_epoch():
    class Stop(Callback):
        def on_epoch_end(self, trainer, row):
            return row["epoch"] == 2

    script = Script(*range(8))
    trainer = make_trainer()
    fit_with(trainer, Stop(), script)
    assert trainer.epoch == len(script.weights) == 2


@pytest.mark.parametrize("shards", [1, 2])
def test_callbacks_see_the_spikes_of_each_batch_before_its_update(shards):
    seen = []

    class Watch(Callback):
        def on_batch(self, trainer, indices, tape):
            spikes = trainer.inputs.spikes(TRAIN, indices, trainer.seed, trainer.epoch + 1)
            expected = trainer.engine.forward(trainer.network.weights, spikes).record
            assert tape.record.input == spikes and tape.record.layers == expected.layers
            np.testing.assert_array_equal(tape.counts, expected.output.counts)
            seen.append(indices)

    watched, plain = make_trainer(shards=shards), make_trainer(shards=shards)
    fit_with(watched, Watch(), epochs=2)
    fit_with(plain, epochs=2)
    assert [len(indices) for indices in seen] == [4 // shards] * 6 * shards
    assert np.sort(np.concatenate(seen)).tolist() == sorted([*range(12)] * 2)
    assert_same_state(watched.state.arrays(), plain.state.arrays())


def test_what_is_no_callback_or_can_not_look_is_refused():
    class Watch(Callback):
        def on_batch(self, trainer, indices, tape):
            pass

    check_callbacks([EarlyStopping(), RateWarning()], on_a_cluster=True)
    check_callbacks([Watch()], on_a_cluster=False)
    with pytest.raises(ConfigurationError, match="Watch looks at each batch, whose spikes stay with the workers"):
        check_callbacks([Watch()], on_a_cluster=True)
    for wrong in (EarlyStopping, print):
        with pytest.raises(ConfigurationError, match="callbacks must be a sequence of Callback objects"):
            fit_with(make_trainer(), wrong)
    with pytest.raises(ConfigurationError, match="callbacks must be a sequence of .* found <.*EarlyStopping object"):
        check_callbacks(EarlyStopping(), on_a_cluster=False)

import dataclasses

import numpy as np
import pytest
from brian2 import ms, mV
from tiny_training import LAYERS, LOSS, NumpyEngine, assert_same_state, make_trainer, tiny_dataset, tiny_network

from hm2bp_brian.datasets import SpikeDataset
from hm2bp_brian.encoding import BernoulliEncoder, bernoulli_spikes, delay_lines, sample_keys
from hm2bp_brian.errors import ConfigurationError, LabelError, NumericalError, ShapeError, UnitError
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.losses import CrossEntropyLoss, SpikeCountLoss
from hm2bp_brian.learning.regularizers import WeightLimit
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.training.callbacks import Callback
from hm2bp_brian.training.optimizers import SGD, Adam
from hm2bp_brian.training.schedules import Cosine, ExponentialDecay

TRAIN, TEST = tiny_dataset(30), tiny_dataset(12, seed=5)


def fit(trainer, epochs=1, **settings):
    return trainer.fit(**({"train": TRAIN, "epochs": epochs, "batch_size": 10, "progress": False} | settings))


def copies(weights):
    return [w.copy() for w in weights]


class KeepWeights(SGD):
    """Plain descent that also keeps what it was given and what came of it."""

    def init(self, weights):
        vars(self).update(after=[], learning_rates=[])
        return super().init(weights)

    def update(self, state, weights, gradient, learning_rate, updater, scales):
        super().update(state, weights, gradient, learning_rate, updater)
        self.after.append(copies(weights))
        self.learning_rates.append(learning_rate)


def test_training_learns():
    trainer = make_trainer(optimizer=Adam(0.05))
    before = trainer.evaluate(TEST)
    history = fit(trainer, epochs=12, validation=TEST)
    assert before < 0.7
    assert history[-1]["validation_accuracy"] == trainer.evaluate(TEST) == 1.0
    assert history[-1]["train_loss"] < 0.3 * history[0]["train_loss"]


def as_spikes(dataset, epoch):
    """The spikes that images become in an epoch, as a data set."""
    keys = sample_keys(0, epoch, np.arange(len(dataset)))
    batch = bernoulli_spikes(BernoulliEncoder(2.0).thresholds(dataset.images), keys, 40, dataset.shape)
    offsets = batch.offsets[:: batch.n_steps]
    return SpikeDataset(batch.steps, batch.neurons, offsets, dataset.labels, dataset.shape, 3, "tiny spikes")


def test_spike_trains_are_trained_on_like_the_images_they_came_from():
    images, spikes = (make_trainer(seed=0, encoder=BernoulliEncoder(2.0)) for _ in range(2))
    fit(images)
    fit(spikes, train=as_spikes(TRAIN, epoch=1))
    assert_same_state(images.state.arrays(), spikes.state.arrays())
    assert images.evaluate(TEST) == spikes.evaluate(as_spikes(TEST, epoch=0))


def test_delayed_input_is_trained_on_like_data_that_come_so():
    def delayed(dataset, epoch):
        spikes = as_spikes(dataset, epoch)
        batch = delay_lines(spikes.batch(np.arange(len(spikes)), 40), (0, 3))
        offsets = batch.offsets[::40]
        return SpikeDataset(batch.steps, batch.neurons, offsets, spikes.labels, batch.shape, 3, "delayed")

    def trainer(**settings):
        return make_trainer(tiny_network(shape=(4, 4, 1, 2)), encoder=BernoulliEncoder(2.0), **settings)

    images, spikes = trainer(seed=0, delays=(0, 3)), trainer(seed=0)
    fit(images)
    fit(spikes, train=delayed(TRAIN, epoch=1))
    assert_same_state(images.state.arrays(), spikes.state.arrays())
    assert images.evaluate(TEST) == spikes.evaluate(delayed(TEST, epoch=0))
    with pytest.raises(ShapeError, match=r"shape \(4, 4, 1, 2\) behind delays=\(0, 3\)"):
        make_trainer(delays=(0, 3)).evaluate(TEST)


def test_two_batches_are_what_the_algorithm_says():
    network, epoch, seed = tiny_network(), 1, 7
    weights = [w.astype(np.float64) for w in network.weights]
    trainer = make_trainer(
        network, seed=seed, optimizer=SGD(0.01, 0.0, ExponentialDecay(0.5)), encoder=BernoulliEncoder(3.0)
    )
    fit(trainer, batch_size=20)

    same, losses, correct = tiny_network(), 0.0, 0
    engine = NumpyEngine(same)
    order = np.random.default_rng((seed, epoch)).permutation(30)
    for indices in (order[:20], order[20:]):
        same.weights = weights
        thresholds = BernoulliEncoder(3.0).thresholds(TRAIN.images[indices])
        batch = bernoulli_spikes(thresholds, sample_keys(seed, epoch, indices), 40, (4, 4, 1))
        record = engine.forward(weights, batch).record
        gradient = gradients(same, record, TRAIN.labels[indices], LOSS)
        weights = [w - 0.01 * g for w, g in zip(weights, gradient, strict=True)]
        losses += LOSS.errors(record.counts(1), TRAIN.labels[indices]).values.sum()
        correct += (record.counts(1).argmax(axis=1) == TRAIN.labels[indices]).sum()
    for found, expected in zip(trainer.network.weights, weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    row = trainer.history[0]
    assert (row["epoch"], row["train_accuracy"]) == (1, correct / 30)
    assert row["train_loss"] == pytest.approx(losses / 30, rel=1e-12)


def test_learning_rate_follows_the_schedule():
    trainer = make_trainer(optimizer=KeepWeights(0.01, schedule=ExponentialDecay(0.5)))
    fit(trainer, epochs=3, batch_size=30)
    assert trainer.optimizer.learning_rates == pytest.approx([0.01, 0.005, 0.0025])


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e-3, None, "0.1", True])
def test_a_rate_that_no_schedule_may_give_is_named_with_its_epoch(value):
    trainer = make_trainer(optimizer=SGD(0.01, schedule=lambda rate, epoch, epochs: rate if epoch == 1 else value))
    with pytest.raises(ConfigurationError, match=r"epoch 2 of 3, by the schedule <.*>, must be finite and >= 0.*found"):
        fit(trainer, epochs=3)
    assert trainer.epoch == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Brian2's, which pytest.warns would repeat as its own
def test_an_epoch_that_can_not_learn_is_told():
    trainer = make_trainer(optimizer=SGD(0.01, schedule=Cosine()))
    fit(trainer)
    with pytest.warns(UserWarning, match="learning rate of epoch 2 of 2 is 0"):
        fit(trainer)


def test_rates_are_mean_counts(monkeypatch):
    trainer = make_trainer()
    tapes, forward = [], trainer.engine.forward
    monkeypatch.setattr(trainer.engine, "forward", lambda *args: tapes.append(forward(*args)) or tapes[-1])
    row = fit(trainer)[0]
    for layer in (0, 1):
        counts = np.concatenate([tape.record.counts(layer) for tape in tapes])
        assert counts.shape[0] == 30
        assert row[f"rate_{layer}"] == pytest.approx(counts.mean(), rel=1e-12)


def test_evaluation_does_not_depend_on_batches_or_the_training_seed():
    results = []
    for seed, batch_size in ((0, 100), (0, 1), (99, 5)):
        trainer = make_trainer(tiny_network(seed=1), seed=seed)
        results.append(trainer.predict(TEST, batch_size))
    assert results[0].dtype == np.int64 and len(set(results[0])) > 1
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert trainer.evaluate(TEST) == pytest.approx(np.mean(results[0] == TEST.labels))


def test_training_spikes_differ_between_epochs_and_from_evaluation():
    class Spy(BernoulliEncoder):
        def encode(self, images, n_steps, seed, epoch, indices):
            keys.append(sample_keys(seed, epoch, indices))
            return super().encode(images, n_steps, seed, epoch, indices)

    keys = []
    trainer = make_trainer(encoder=Spy(2.0))
    fit(trainer, epochs=2)
    trainer.evaluate(TRAIN)
    assert len(np.unique(np.concatenate(keys), axis=0)) == 90


def test_ties_go_to_the_first_output():
    layers = (Dense(3, threshold=1e6, initializer=Uniform(1.0)),)
    trainer = make_trainer(tiny_network(layers=layers))
    np.testing.assert_array_equal(trainer.predict(TEST), 0)


def test_averaged_weights_are_evaluated(monkeypatch):
    trainer = make_trainer(averaging=0.6, optimizer=KeepWeights(0.2))
    assert all(a is b for a, b in zip(trainer.evaluation_weights, trainer.network.weights, strict=True))
    fit(trainer, epochs=2)
    after = trainer.optimizer.after
    n = len(after)
    assert n == 6
    used, forward = [], trainer.engine.forward
    monkeypatch.setattr(
        trainer.engine, "forward", lambda weights, batch: used.append(weights) or forward(weights, batch)
    )
    trainer.evaluate(TEST)
    for layer in (0, 1):
        expected = sum(0.6 ** (n - k) * after[k - 1][layer] for k in range(1, n + 1)) * 0.4 / (1 - 0.6**n)
        np.testing.assert_allclose(used[0][layer], expected, rtol=1e-10)
        assert np.abs(expected - trainer.network.weights[layer]).max() > 1e-4


@pytest.mark.filterwarnings("ignore:.*is nearly silent:RuntimeWarning")  # black images
def test_augmentation_gets_images_and_their_indices():
    calls = []

    def augmentation(images, seed, epoch, indices):
        calls.append((seed, epoch, indices))
        np.testing.assert_array_equal(images, TRAIN.images[indices])
        return np.zeros_like(images)

    trainer = make_trainer(augmentation=augmentation, seed=3)
    history = fit(trainer, epochs=2)
    assert [call[:2] for call in calls] == [(3, 1)] * 3 + [(3, 2)] * 3
    np.testing.assert_array_equal(np.sort(np.concatenate([call[2] for call in calls[:3]])), np.arange(30))
    assert history[0]["rate_0"] == 0  # the images that it returned were black


def test_boosting_raises_the_weight_of_wrong_samples(monkeypatch):
    passed = []
    trainer = make_trainer(boosting=True)
    backward = trainer.engine.backward
    monkeypatch.setattr(
        trainer.engine,
        "backward",
        lambda tape, errors, rules: passed.append((tape.counts, errors.values)) or backward(tape, errors, rules),
    )
    row = fit(trainer, batch_size=30)[0]
    wrong = trainer.state.sample_weights > 1
    assert wrong.mean() == pytest.approx(1 - row["train_accuracy"]) and 0 < wrong.mean() < 1
    np.testing.assert_array_equal(trainer.state.sample_weights[~wrong], 1.0)
    weights = trainer.state.sample_weights.copy()
    fit(trainer, batch_size=30)
    for epoch, of_samples in ((1, np.ones(30)), (2, weights)):
        order = np.random.default_rng((trainer.seed, epoch)).permutation(30)
        counts, values = passed[epoch - 1]
        if epoch == 1:
            np.testing.assert_array_equal(wrong[order], counts.argmax(axis=1) != TRAIN.labels[order])
        unweighted = LOSS.errors(counts, TRAIN.labels[order]).values
        assert unweighted.any()
        np.testing.assert_allclose(values, unweighted * of_samples[order])
    with pytest.raises(ConfigurationError, match="weights of 30, found 12 samples"):
        trainer.fit(TEST, progress=False)


def test_regularizer_reaches_the_weights():
    norms = []
    for regularizer in (None, WeightLimit(strength=50.0, beta=1.0, limit=1.0)):
        trainer = make_trainer(regularizer=regularizer, optimizer=SGD(0.001))
        fit(trainer, epochs=3)
        norms.append(np.abs(trainer.network.weights[0]).mean())
    assert norms[1] < 0.8 * norms[0]


def test_fitting_twice_is_fitting_longer():
    settings = {"averaging": 0.9, "boosting": True, "optimizer": Adam(0.02)}
    one, two = make_trainer(**settings), make_trainer(**settings)
    fit(one, epochs=4, validation=TEST)
    fit(two, epochs=1, validation=TEST)
    fit(two, epochs=3, validation=TEST)
    assert_same_state(one.state.arrays(), two.state.arrays())
    assert [row["epoch"] for row in two.history] == [1, 2, 3, 4]


class Log(Callback):
    def __init__(self):
        self.events = []

    def on_epoch_end(self, trainer, row):
        self.events.append(row["epoch"])

    def on_interrupt(self, trainer):
        self.events.append(("interrupt", trainer.epoch, trainer.state.arrays()))


@pytest.mark.parametrize("run", [5, 9])
def test_interrupted_training_goes_back_to_the_last_finished_epoch(run):
    # an epoch has 3 runs to train and 1 to evaluate: 5 is in training, 8 + 1 before the second batch of the third epoch
    settings = {"averaging": 0.9, "boosting": True, "optimizer": Adam(0.02)}
    whole, broken = make_trainer(**settings), make_trainer(**settings)
    fit(whole, epochs=3, validation=TEST)
    broken.engine.fail_at = run
    log = Log()
    with pytest.raises(KeyboardInterrupt):
        fit(broken, epochs=3, validation=TEST, callbacks=[log])
    finished = (run - 1) // 4
    assert broken.epoch == len(broken.history) == finished
    assert log.events[:-1] == list(range(1, finished + 1))
    assert log.events[-1][:2] == ("interrupt", finished)
    assert_same_state(log.events[-1][2], broken.state.arrays())
    fit(broken, epochs=3 - finished, validation=TEST)
    assert_same_state(broken.state.arrays(), whole.state.arrays())


def test_gradient_that_is_not_finite(monkeypatch):
    trainer, calls = make_trainer(), []
    backward = trainer.engine.backward

    def spoil(tape, errors, rules):
        calls.append(1)
        result = backward(tape, errors, rules)
        if len(calls) < 5:
            return result
        bad = result.arrays[1].copy()
        bad[2, 1] = np.nan
        return dataclasses.replace(result, arrays=(result.arrays[0], bad))

    monkeypatch.setattr(trainer.engine, "backward", spoil)
    fit(trainer)
    before = copies(trainer.network.weights)
    with pytest.raises(NumericalError, match="gradient of weights of layer 1 is not finite in batch 1 of epoch 2"):
        fit(trainer)
    for w, b in zip(trainer.network.weights, before, strict=True):
        np.testing.assert_array_equal(w, b)
    assert trainer.epoch == 1


@pytest.mark.parametrize("where", ["weights/1", "optimizer/velocity_0"])
def test_what_overflows_in_the_last_batch_is_no_finished_epoch(where):
    class Overflow(SGD):
        def update(self, state, weights, gradient, learning_rate, updater, scales):
            super().update(state, weights, gradient, learning_rate, updater, scales)
            if learning_rate == 0.005:  # of epoch 2
                {"weights/1": weights[1], "optimizer/velocity_0": state["velocity_0"]}[where][0, 0] = np.inf

    trainer = make_trainer(optimizer=Overflow(0.01, schedule=ExponentialDecay(0.5)))
    fit(trainer)
    finished = trainer.state.arrays()
    with pytest.raises(NumericalError, match=f"'{where}' of the trainer's state has overflowed in epoch 2"):
        fit(trainer, batch_size=30)
    assert_same_state(trainer.state.arrays(), finished)


def test_weights_that_the_user_assigns_between_epochs_are_trained_on():
    trainer, whole = make_trainer(optimizer=SGD(0.01, 0.0)), make_trainer(optimizer=SGD(0.01, 0.0))
    fit(whole)
    trainer.network.weights = copies(whole.network.weights)
    trainer.state.epoch = 1
    fit(trainer)
    fit(whole)
    for found, expected in zip(trainer.network.weights, whole.network.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_weights_are_cast_once_and_arrays_that_the_user_holds_stay():
    network = tiny_network()
    mine = [w.astype(np.float32) for w in network.weights]
    network.weights = mine
    before = copies(mine)
    trainer = make_trainer(network, dtype="float32")
    arrays = list(network.weights)
    fit(trainer)
    for m, b, array, w in zip(mine, before, arrays, network.weights, strict=True):
        np.testing.assert_array_equal(m, b)
        assert w is array and w.dtype == np.float32 and (w != b).any()


def test_seed_defaults_to_the_network_and_no_global_generator_is_touched():
    trainer = make_trainer(tiny_network(seed=11))
    before = np.random.get_state()[1].copy()
    fit(trainer)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    other = make_trainer(tiny_network(seed=11), seed=11)
    fit(other)
    assert trainer.seed == 11
    assert_same_state(trainer.state.arrays(), other.state.arrays())


def test_progress_bars_only_where_wanted(capsys):
    trainer = make_trainer()
    fit(trainer)
    assert capsys.readouterr() == ("", "")
    fit(trainer, progress=True, validation=TEST)
    shown = capsys.readouterr().err
    assert (
        "training" in shown
        and "epoch 2" in shown
        and f"train_accuracy={trainer.history[-1]['train_accuracy']:.4f}" in shown
    )


def test_record_is_what_evaluation_saw():
    trainer = make_trainer(tiny_network(layers=LAYERS))
    predictions = trainer.predict(TEST)
    for index in (0, 5):
        record = trainer.record(TEST, index)
        assert record.n_samples == 1 and record.output.counts[0].argmax() == predictions[index]


def test_pairs_of_arrays_and_of_spikes_are_trained_on_like_data_sets():
    trained = [make_trainer(seed=0, encoder=BernoulliEncoder(2.0)) for _ in range(4)]
    spikes = as_spikes(TRAIN, epoch=1).batch(np.arange(30), 40)
    data = (TRAIN, (TRAIN.images, TRAIN.labels), (spikes, TRAIN.labels.tolist()), (spikes.dense(), TRAIN.labels))
    for trainer, train in zip(trained, data, strict=True):
        fit(trainer, train=train)
        assert_same_state(trainer.state.arrays(), trained[0].state.arrays())
    pair = (TEST.images, TEST.labels)
    assert trained[0].evaluate(pair) == trained[0].evaluate(TEST)
    assert trained[0].record(pair, 3).layers == trained[0].record(TEST, 3).layers
    with pytest.raises(ShapeError, match=r"train has samples of shape \(4, 4\), but .*; reshape the samples"):
        fit(trained[0], train=(TRAIN.images[..., 0], TRAIN.labels))
    with pytest.raises(ShapeError, match=r"train has samples of shape \(2, 4, 1\), but .* is \(4, 4, 1\)$"):
        fit(trained[0], train=(TRAIN.images[:, :2], TRAIN.labels))
    with pytest.raises(LabelError, match=r"train: labels must lie in 0\.\.2, found 3"):
        fit(trained[0], train=(TRAIN.images, np.arange(30) % 4))


def test_features_in_0_to_1_are_trained_on():
    features = TRAIN.images.reshape(30, 16) / 255
    trainer = make_trainer(tiny_network(shape=(16,)), optimizer=Adam(0.05))
    fit(trainer, epochs=12, train=(features, TRAIN.labels))
    assert trainer.evaluate((features, TRAIN.labels)) > 0.9


def test_wanted_counts_are_learned():
    wanted = np.array([[8.0, 1, 4], [0, 6, 2], [3, 3, 7]])[TRAIN.labels]
    trainer = make_trainer(optimizer=Adam(0.05), loss=SpikeCountLoss(margin=0))
    history = fit(trainer, epochs=30, train=(TRAIN.images, wanted), validation=(TRAIN.images, wanted))
    counts = trainer.evaluator.counts((TRAIN.images, wanted))
    assert history[-1]["validation_loss"] == pytest.approx(0.5 * ((counts - wanted) ** 2).sum(axis=1).mean())
    assert history[-1]["validation_loss"] < 0.15 * history[0]["validation_loss"]
    mean = np.stack([counts[TRAIN.labels == k].mean(axis=0) for k in range(3)])
    assert np.abs(mean - wanted[:3]).max() < 1
    assert np.isnan(history["accuracy"]).all() and np.isnan(history["validation_accuracy"]).all()
    with pytest.raises(LabelError, match="wanted spike counts, which have no accuracy"):
        trainer.evaluate((TRAIN.images, wanted))


def test_cross_entropy_learns():
    layers = (Dense(40, threshold=1.0, initializer=Uniform(1.5)), Dense(3, threshold=1.0, initializer=Uniform(1.0)))
    trainer = make_trainer(tiny_network(layers=layers), optimizer=Adam(0.02), loss=CrossEntropyLoss(0.3, desired=8))
    history = fit(trainer, epochs=15, validation=TEST)
    assert history["validation_accuracy"][-1] == 1.0 and history["loss"][-1] < 0.1 * history["loss"][0]
    counts = trainer.evaluator.counts(TEST)
    p = np.exp(0.3 * counts) / np.exp(0.3 * counts).sum(axis=1, keepdims=True)
    assert history["validation_loss"][-1] == pytest.approx(-np.log(p[np.arange(12), TEST.labels]).mean())


def test_accuracy_until_a_time_counts_the_spikes_before_it():
    trainer = make_trainer(optimizer=Adam(0.05))
    fit(trainer, epochs=6)
    times = np.array([0, 9.9, 10, 10.1, 25, 40])
    dense = trainer.record(TEST, np.arange(12)).output.dense()
    expected = [dense[:, np.arange(40) < time].sum(axis=1) for time in times]
    np.testing.assert_array_equal(trainer.evaluator.counts(TEST, 5, times * ms), expected)
    assert not np.array_equal(expected[2], expected[3])  # a spike of step 10 is at 10 ms
    right = [(counts.argmax(axis=1) == TEST.labels).mean() for counts in expected]
    np.testing.assert_array_equal(trainer.evaluate(TEST, until=times * ms), right)
    assert trainer.evaluate(TEST, until=25 * ms) == right[4] and isinstance(
        trainer.evaluate(TEST, until=25 * ms), float
    )
    assert right[0] == np.mean(TEST.labels == 0) and right[-1] == trainer.evaluate(TEST)
    for wrong in (41 * ms, [1, -1] * ms, np.nan * ms):
        with pytest.raises(ConfigurationError, match="until must lie within the presentation of 40. ms"):
            trainer.evaluate(TEST, until=wrong)
    for wrong in (25, 25 * mV):
        with pytest.raises(UnitError, match="until needs values in second"):
            trainer.evaluate(TEST, until=wrong)

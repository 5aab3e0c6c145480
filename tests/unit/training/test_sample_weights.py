"""Weights of samples: by hand, and as factors of the gradient."""

import numpy as np
import pytest
from brian2 import ms
from tiny_training import LOSS, assert_same_state, make_trainer, tiny_dataset

from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError, UnitError
from hm2bp_brian.training.optimizers import SGD
from hm2bp_brian.training.sample_weights import make_sample_weights, product

LABELS = np.array([0, 0, 2, 0, 2, 0])
TRAIN = tiny_dataset(30)


def test_weights_by_hand():
    assert make_sample_weights(LABELS, 3) is None
    given = [1, 0, 2, 1, 1, 1]
    assert make_sample_weights(LABELS, 3, given).tolist() == given
    assert make_sample_weights(LABELS, 3, None, {2: 4}).tolist() == [1, 1, 4, 1, 4, 1]
    assert make_sample_weights(LABELS, 3, given, {2: 4, 0: 0.5}).tolist() == [0.5, 0, 8, 0.5, 4, 0.5]
    balanced = make_sample_weights(LABELS, 3, class_weight="balanced")
    np.testing.assert_allclose(balanced, [0.75, 0.75, 1.5, 0.75, 1.5, 0.75])  # class 1 is not there
    wanted = np.zeros((6, 3))
    assert make_sample_weights(wanted, 3, given).tolist() == given
    assert product(None, None) is None and product(None, LABELS) is product(LABELS, None) is LABELS
    assert product(LABELS, LABELS).tolist() == [0, 0, 4, 0, 4, 0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sample_weight": [1, 2]}, ShapeError, r"one weight a sample, shape \(6,\), found \(2,\)"),
        ({"sample_weight": [[1, 1, 1, 1, 1, 1]]}, ShapeError, r"found \(1, 6\)"),
        ({"sample_weight": [1, 1, -1, 1, 1, 1]}, ConfigurationError, "finite and >= 0, found -1.0 at sample 2"),
        ({"sample_weight": [1, np.nan, 1, 1, 1, 1]}, ConfigurationError, "found nan at sample 1"),
        ({"sample_weight": np.ones(6) * ms}, UnitError, "sample_weight need no unit"),
        ({"sample_weight": np.zeros(6)}, ConfigurationError, "the weight of every sample is zero"),
        (
            {"sample_weight": [0, 0, 1, 0, 0, 0], "class_weight": {2: 0}},
            ConfigurationError,
            "the weight of every sample is zero",
        ),
        ({"class_weight": "balance"}, ConfigurationError, "must be 'balanced' or a dict .*found 'balance'"),
        ({"class_weight": [1, 2, 3]}, ConfigurationError, "must be 'balanced' or a dict"),
        (
            {"class_weight": {3: 1}},
            ConfigurationError,
            r"a class of class_weight must be an integer in 0\.\.2, found 3",
        ),
        ({"class_weight": {"2": 1}}, ConfigurationError, "found '2'"),
        ({"class_weight": {2: -1}}, ConfigurationError, "class_weight must be finite and >= 0, found -1.0"),
        ({"class_weight": {2: 1 * ms}}, UnitError, r"class_weight\[2\] needs no unit"),
    ],
    ids=range(13),
)
def test_weights_that_can_not_be(arguments, error, message):
    with pytest.raises(error, match=message):
        make_sample_weights(LABELS, 3, **arguments)


def test_classes_have_weights_wanted_counts_have_none():
    with pytest.raises(LabelError, match="one label a sample"):
        make_sample_weights(np.zeros((6, 3)), 3, class_weight="balanced")


def fit(trainer, **settings):
    trainer.fit(TRAIN, batch_size=10, progress=False, **settings)
    return trainer


def test_weights_multiply_the_gradient():
    network = make_trainer().network
    first, weights = make_trainer(network, optimizer=SGD(1.0, 0.0)), np.arange(30) % 4
    before = [w.copy() for w in network.weights]
    order = np.random.default_rng((first.seed, 1)).permutation(30)
    expected = [0.0, 0.0]
    spikes = first.inputs.spikes(TRAIN, order, first.seed, 1)
    tape = first.engine.forward(before, spikes)
    errors = LOSS.errors(tape.counts, TRAIN.labels[order])
    for k, sample in enumerate(order):  # each sample by itself
        one = first.engine.forward(before, spikes.sample(k))
        alone = LOSS.errors(one.counts, TRAIN.labels[[sample]])
        gradient = first.engine.backward(one, alone, first.rules).arrays
        expected = [e + weights[sample] * g / 30 for e, g in zip(expected, gradient, strict=True)]
    first.fit(TRAIN, batch_size=30, progress=False, sample_weight=weights)
    for w, b, e in zip(first.network.weights, before, expected, strict=True):
        np.testing.assert_allclose(b - w, e, rtol=1e-9, atol=1e-12)
    assert first.history["loss"][0] == pytest.approx((weights[order] * errors.values).mean())


def test_weights_of_ones_and_those_of_classes_are_those_of_their_samples():
    plain, ones = fit(make_trainer()), fit(make_trainer(), sample_weight=np.ones(30))
    assert_same_state(plain.state.arrays(), ones.state.arrays())
    by_class = fit(make_trainer(), class_weight={1: 3})
    by_sample = fit(make_trainer(), sample_weight=np.where(TRAIN.labels == 1, 3, 1))
    assert_same_state(by_class.state.arrays(), by_sample.state.arrays())
    assert not np.array_equal(by_class.network.weights[0], plain.network.weights[0])


def test_weights_are_those_of_one_fit_and_go_together_with_boosting():
    boosted, both = fit(make_trainer(boosting=True)), make_trainer(boosting=True)
    fit(both, sample_weight=np.full(30, 2.0))
    assert not np.array_equal(boosted.network.weights[0], both.network.weights[0])
    assert set(both.state.sample_weights) > {1.0}  # what is saved are those of boosting alone
    assert both.state.sample_weights.max() < 1.1
    once = make_trainer()
    fit(once, sample_weight=np.full(30, 2.0))
    other = make_trainer()
    other.state.restore(once.state.arrays())
    fit(once), fit(other)
    assert_same_state(once.state.arrays(), other.state.arrays())

"""The classifier passes scikit-learn's own checks of an estimator, all of them, and learns."""

import gc
import pickle
import sys

import numpy as np
import pytest
from brian2 import ms, mV

import hm2bp_brian as hb
from hm2bp_brian.errors import ConfigurationError, MissingPackageError, ShapeError, UnitError

pytest.importorskip("sklearn", reason="scikit-learn, extra sklearn, is not installed")

from sklearn.datasets import load_iris  # noqa: E402
from sklearn.model_selection import GridSearchCV, train_test_split  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from hm2bp_brian.classifier import _regular_spikes  # noqa: E402

TINY = {"hidden_layers": (10,), "duration": 40 * ms, "epochs": 6}


@pytest.fixture(scope="module", autouse=True)
def small_heap():
    """Brian2 collects garbage in each run, which takes long among scikit-learn's many objects."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


# samples are drawn in batches, in which one of weight 0 still has a place, as with scikit-learn's own SGDClassifier
EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": "a weight of 0 is not the same as to leave the sample out"
}


# no other exceptions
@parametrize_with_checks([hb.SpikingClassifier(**TINY)], expected_failed_checks=lambda estimator: EXPECTED_TO_FAIL)
def test_estimator(estimator, check):
    check(estimator)


def iris():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    return train_test_split(X, names[y], random_state=0, stratify=y)


def test_iris_in_a_pipeline_and_a_search():
    X_train, X_test, y_train, y_test = iris()
    pipeline = make_pipeline(StandardScaler(), hb.SpikingClassifier(duration=60 * ms, epochs=20))
    search = GridSearchCV(pipeline, {"spikingclassifier__hidden_layers": [(30,), (60,)]}, cv=2)
    search.fit(X_train, y_train)
    assert search.score(X_test, y_test) > 0.9
    assert search.best_estimator_[-1].network_.n_steps == 60
    assert set(search.predict(X_test)) == {"setosa", "versicolor", "virginica"}


def test_values_beyond_those_seen_are_cut_off_and_constant_features_do_no_harm():
    generator = np.random.default_rng(0)
    X = np.column_stack([generator.random((40, 2)), np.full(40, 7.0)])
    classifier = hb.SpikingClassifier(**TINY).fit(X, X[:, 0] > 0.5)
    far = (X - 0.5) * 1e3
    least, largest = X.min(axis=0), X.max(axis=0)
    np.testing.assert_array_equal(classifier.predict_proba(far)[:, 0], _clipped(classifier, far, least, largest))


def test_ranges_that_no_float_holds_are_named_and_values_far_away_are_cut_off():
    X = np.array([[0, 1.0], [1, 1e308], [2, 3.0], [1, 4.0]])
    classifier = hb.SpikingClassifier(**TINY | {"epochs": 1}).fit(X, [0, 1, 0, 1])
    far = np.where([True, False], X, -1.7e308)
    np.testing.assert_array_equal(classifier.predict_proba(far), classifier.predict_proba(np.minimum(X, [9, 1.0])))
    with pytest.raises(ConfigurationError, match="feature 1 of X, counted from 0, has a range beyond the largest"):
        classifier.fit(np.vstack([X, far]), [0, 1] * 4)


def _clipped(classifier, X, least, largest):
    # the constant feature has the range 1
    return classifier.predict_proba(np.clip(X, least, np.where(largest > least, largest, least + 1)))[:, 0]


def test_probabilities_are_shares_of_the_output_spikes_of_the_network():
    X_train, X_test, y_train, _ = iris()
    classifier = hb.SpikingClassifier(**TINY).fit(X_train, y_train)
    least, largest = X_train.min(axis=0), X_train.max(axis=0)
    x = np.rint(255 * np.clip((X_test - least) / (largest - least), 0, 1)) / 255
    spikes = _regular_spikes(np.stack([x, 1 - x], axis=-1)[..., np.newaxis] / 2, 40)
    record = hb.simulate(classifier.network_, hb.SpikeBatch.from_dense(spikes))
    counts = record.output.counts + 1
    assert record.output.n_spikes > 0
    np.testing.assert_allclose(classifier.predict_proba(X_test), counts / counts.sum(axis=1, keepdims=True))


def test_regular_spikes_are_even_and_not_in_step():
    probabilities = np.array([[0.0, 0.1, 0.1, 0.25, 0.5]])
    spikes = _regular_spikes(probabilities, 400)[0]
    assert spikes.shape == (400, 5)
    np.testing.assert_allclose(spikes.sum(axis=0), 400 * probabilities[0], atol=1)
    intervals = [np.diff(np.flatnonzero(train)) for train in spikes.T]
    assert [set(i) for i in intervals[1:]] == [{10}, {10}, {4}, {2}]
    assert not (spikes[:, 1] & spikes[:, 2]).any()


def test_the_seed_decides_the_weights():
    X_train, _, y_train, _ = iris()
    first, again, other = (
        hb.SpikingClassifier(**TINY | {"seed": seed, "epochs": 1}).fit(X_train, y_train).network_.weights[0]
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ({"duration": 40}, UnitError, "duration needs a value in second"),
        ({"duration": 40 * mV}, UnitError, "duration needs a value in second"),
        ({"duration": 40.5 * ms}, ConfigurationError, "multiple of dt"),
        ({"hidden_layers": (0,)}, ConfigurationError, "units must be a positive integer"),
        ({"hidden_layers": 8}, ConfigurationError, r"hidden_layers must be a tuple.*such as \(100,\).*found 8"),
        ({"hidden_layers": "88"}, ConfigurationError, "hidden_layers must be a tuple.*found '88'"),
        ({"hidden_layers": (8, 2.5)}, ConfigurationError, r"hidden_layers\[1\]: units must be a positive integer"),
        ({"seed": 0.5}, ConfigurationError, "seed must be an integer"),
        ({"random_state": -1}, ConfigurationError, "random_state must be an integer"),
        ({"random_state": "1"}, ValueError, "cannot be used to seed"),
        ({"n_jobs": 0}, ValueError, "n_jobs == 0"),
        ({"n_jobs": "all"}, ConfigurationError, "n_jobs must be an integer, such as -1 .* found 'all'"),
        ({"layers": [hb.Dense(2, 1)]}, ConfigurationError, "one neuron for each of the 3 classes, found 2"),
        ({"epochs": 0}, ConfigurationError, "epochs"),
    ],
    ids=[
        "no unit",
        "wrong unit",
        "half a step",
        "no neurons",
        "a number",
        "a text",
        "half a neuron",
        "half a seed",
        "negative seed",
        "a text as seed",
        "no jobs",
        "a text as jobs",
        "too few outputs",
        "no epoch",
    ],
)
def test_settings_that_can_not_work_are_named(setting, error, message):
    X_train, _, y_train, _ = iris()
    with pytest.raises(error, match=message):
        hb.SpikingClassifier(**setting).fit(X_train, y_train)


def weights_of(**settings):
    X_train, _, y_train, _ = iris()
    return hb.SpikingClassifier(**TINY | {"epochs": 1} | settings).fit(X_train, y_train).network_.weights[0]


def test_random_states_are_those_of_scikit_learn():
    np.testing.assert_array_equal(weights_of(random_state=3), weights_of(seed=3))
    states = [weights_of(random_state=np.random.RandomState(5)) for _ in range(2)]
    np.testing.assert_array_equal(*states)
    before = np.random.get_state()[1].copy()
    assert not np.array_equal(weights_of(random_state=None), weights_of(random_state=None))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_any_number_of_jobs_gives_the_same():
    np.testing.assert_array_equal(weights_of(n_jobs=1), weights_of(n_jobs=-1))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ConfigurationError])
def test_a_fit_that_does_not_end_leaves_the_old_model_whole(monkeypatch, error):
    X_train, X_test, y_train, _ = iris()
    classifier = hb.SpikingClassifier(**TINY | {"epochs": 1}).fit(X_train, y_train)
    before, fitted = classifier.predict_proba(X_test), dict(vars(classifier))

    def interrupted(*arguments, **settings):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(hb.Trainer, "fit", interrupted)
        with pytest.raises(error):
            classifier.fit(X_train[:, :2] * 100, y_train == "setosa")
    assert vars(classifier) == fitted
    np.testing.assert_array_equal(classifier.predict_proba(X_test), before)


def test_neurons_and_layers_of_ones_own():
    X_train, X_test, y_train, y_test = iris()
    neuron = hb.LIF(tau_m=30 * ms, tau_s=5 * ms)
    layers = [hb.Dense(30, threshold=2.0, initializer=hb.Uniform(1.0)), hb.Dense(3, threshold=1.0)]
    classifier = hb.SpikingClassifier(**TINY | {"neuron": neuron, "layers": layers, "epochs": 20}).fit(X_train, y_train)
    network = classifier.network_
    assert network.neurons[0] is neuron and network.shapes == [(30,), (3,)] and network.thresholds[0] == 2
    assert classifier.score(X_test, y_test) > 0.6


def test_weights_of_samples_and_classes_are_those_of_the_trainer():
    X_train, _, y_train, _ = iris()

    def fitted(sample_weight=None, **settings):
        classifier = hb.SpikingClassifier(**TINY | settings).fit(X_train, y_train, sample_weight)
        return classifier.network_.weights[0]

    by_class = fitted(class_weight={"setosa": 1, "virginica": 3, "versicolor": 1})
    triple = np.where(y_train == "virginica", 3.0, 1.0)
    np.testing.assert_array_equal(by_class, fitted(triple))
    halves = triple * np.where(y_train == "setosa", 1, 0.5)
    np.testing.assert_array_equal(fitted(triple * 0.5, class_weight={"setosa": 2}), fitted(halves))
    assert not np.array_equal(by_class, fitted())


@pytest.mark.parametrize("weights", [2.0, np.array([3.0]), np.ones(3)])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_weights_that_are_not_one_a_sample_are_refused_before_classes_are_weighed(weights, class_weight):
    X_train, _, y_train, _ = iris()
    with pytest.raises(ShapeError, match=r"sample_weight must have one weight a sample, shape \(112,\), found \("):
        hb.SpikingClassifier(**TINY, class_weight=class_weight).fit(X_train, y_train, weights)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.delitem(sys.modules, "hm2bp_brian.classifier")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(MissingPackageError, match=r"needs scikit-learn.*pip install hm2bp_brian\[sklearn\]"):
        _ = hb.SpikingClassifier
    with pytest.raises(AttributeError, match="no attribute 'SpikingClasifier'"):
        _ = hb.SpikingClasifier


def test_pickles_hold_the_weights_and_little_else():
    X_train, X_test, y_train, _ = iris()
    classifier = hb.SpikingClassifier(**TINY | {"hidden_layers": (500,)})
    assert len(pickle.dumps(classifier)) < 1000
    classifier.fit(X_train, y_train)
    content = pickle.dumps(classifier)
    n_weights, n_neurons = sum(w.nbytes for w in classifier.network_.weights), 503
    assert len(content) < n_weights + 100 * n_neurons + 10_000  # a few numbers a neuron
    np.testing.assert_array_equal(pickle.loads(content).predict_proba(X_test), classifier.predict_proba(X_test))

import numpy as np
import pytest
from brian2 import second

from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError, UnitError
from hm2bp_brian.learning.backward import regular_train, with_stand_ins
from hm2bp_brian.learning.losses import CrossEntropyLoss, Errors, Loss, SpikeCountLoss, StandIns, check_labels
from hm2bp_brian.spikes import SpikeBatch


def test_targets_are_desired_for_the_label_and_undesired_elsewhere():
    targets = SpikeCountLoss(desired=35, undesired=5).targets([2, 0], 3)
    np.testing.assert_array_equal(targets, [[5, 5, 35], [35, 5, 5]])
    assert targets.dtype == np.float64


@pytest.mark.parametrize("count, error", [(30, 0), (29, -6), (40, 0), (41, 6), (0, -35)], ids=lambda value: str(value))
def test_a_count_at_the_margin_is_no_error(count, error):
    errors = SpikeCountLoss(desired=35, undesired=5, margin=5).errors([[count, 5]], [0]).d_counts
    np.testing.assert_array_equal(errors, [[error, 0]])


def test_margin_zero_keeps_every_error():
    errors = SpikeCountLoss(desired=3, undesired=0, margin=0).errors([[2, 1, 0]], [0]).d_counts
    np.testing.assert_array_equal(errors, [[-1, 1, 0]])


def test_unsigned_counts_do_not_wrap():
    errors = SpikeCountLoss(desired=9, undesired=2, margin=0).errors(np.array([[1, 0]], dtype=np.uint8), [0]).d_counts
    np.testing.assert_array_equal(errors, [[-8, -2]])


def test_value_is_half_the_squared_norm_of_each_sample():
    loss = SpikeCountLoss(desired=5, undesired=1, margin=1)
    np.testing.assert_array_equal(loss.errors([[5, 1], [1, 4], [2, 2]], [0, 0, 1]).values, [0.0, (16 + 9) / 2, 9 / 2])


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(desired=5, undesired=5), "desired > undesired >= 0, found desired=5, undesired=5"),
        (dict(undesired=-1), "undesired=-1"),
        (dict(desired=7.5), "desired must be a whole number of spikes, found 7.5"),
        (dict(undesired=float("nan")), "undesired must be a whole number"),
        (dict(margin=-0.1), "margin must be finite and >= 0, found -0.1"),
        (dict(margin=float("inf")), "margin must be finite"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        SpikeCountLoss(**settings)


def test_the_first_label_out_of_range_is_named():
    with pytest.raises(LabelError, match=r"0\.\.9.*found 10 at sample 2"):
        check_labels([0, 9, 10, -1], 4, 10)
    with pytest.raises(LabelError, match="found -1 at sample 1"):
        SpikeCountLoss().targets([0, -1], 2)


@pytest.mark.parametrize(
    "labels, message", [([0], r"\(2,\), found shape \(1,\)"), (3, "found shape"), ([0.0, 1.0], "float64")]
)
def test_labels_of_wrong_shape_or_dtype_are_refused(labels, message):
    with pytest.raises(LabelError, match=message):
        SpikeCountLoss().errors(np.zeros((2, 3)), labels)


def test_counts_must_have_a_row_a_sample():
    with pytest.raises(ShapeError, match=r"found shape \(3,\)"):
        SpikeCountLoss().errors(np.zeros(3), [0])


COUNTS = np.array([[3.0, 7.0, 0.0], [5.0, 4.0, 9.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize("loss", [CrossEntropyLoss(0.3), SpikeCountLoss(9, 2, 0)], ids=lambda loss: type(loss).__name__)
def test_d_counts_is_the_slope_of_the_values(loss):
    labels, step = [1, 0, 2], 1e-6 * np.eye(3)
    slope = [(loss.errors(COUNTS + s, labels).values - loss.errors(COUNTS - s, labels).values) / 2e-6 for s in step]
    np.testing.assert_allclose(loss.errors(COUNTS, labels).d_counts, np.transpose(slope), rtol=1e-6, atol=1e-9)


def test_cross_entropy_by_hand_and_without_overflow():
    errors = CrossEntropyLoss(scale=0.5).errors(np.array([[4, 2, 0]], np.uint8), [1])
    e = np.exp([2.0, 1.0, 0.0])
    np.testing.assert_allclose(errors.values, [-np.log(e[1] / e.sum())])
    np.testing.assert_allclose(errors.d_counts, [0.5 * (e / e.sum() - [0, 1, 0])])
    far = CrossEntropyLoss(scale=100).errors([[1000, 0]], [1])
    assert far.values.tolist() == [1e5] and far.d_counts.tolist() == [[100, -100]]


def test_silent_neurons_of_the_class_get_the_desired_train():
    found = CrossEntropyLoss(desired=7).errors(COUNTS, [2, 0, 1]).stand_ins
    assert (found.samples.tolist(), found.neurons.tolist(), found.n_spikes) == ([0, 2], [2, 1], 7)


def test_wanted_counts_take_the_place_of_classes():
    wanted = [[3.5, 2.0, 0.0], [0, 4, 9.5], [0.4, 1.6, 30]]
    errors = SpikeCountLoss(margin=0.5).errors(COUNTS, wanted)
    np.testing.assert_array_equal(errors.d_counts, [[0, 5, 0], [5, 0, 0], [0, -1.6, -30]])
    np.testing.assert_allclose(errors.values, [12.5, 12.5, (1.6**2 + 900) / 2])
    found = errors.stand_ins
    assert found.samples.tolist() == [2, 2] and found.neurons.tolist() == [1, 2] and found.n_spikes.tolist() == [2, 30]
    for wrong in ([[1.0, 2]] * 3, [[1, 2, -1]] * 3, [["a", "b", "c"]] * 3, [[1.0, 2, 3]]):
        with pytest.raises(LabelError, match="wanted spike counts"):
            SpikeCountLoss().errors(COUNTS, wrong)
    with pytest.raises(LabelError, match=r"one label a sample, shape \(3,\), found shape \(3, 3\)"):
        CrossEntropyLoss().errors(COUNTS, wanted)


def test_each_stand_in_has_its_own_number_of_spikes():
    dense = np.zeros((3, 12, 2), dtype=bool)
    dense[0, [2, 5], 0] = True
    stand_ins = StandIns(np.array([2, 1, 0]), np.array([0, 0, 1]), np.array([20, 4, 3]))  # in no order; 20 > 12 steps
    found = with_stand_ins(SpikeBatch.from_dense(dense), stand_ins)
    for sample, neuron, count in ((0, 1, 3), (1, 0, 4), (2, 0, 12)):
        np.testing.assert_array_equal(found.train(sample, neuron), regular_train(count, 12))
        dense[sample, regular_train(count, 12), neuron] = True
    assert found == SpikeBatch.from_dense(dense)  # by time as by neuron


def test_stand_ins_are_for_silent_neurons():
    counts, chosen = np.array([[0, 3], [0, 0]]), StandIns(np.array([1, 0]), np.array([0, 1]), 5)
    with pytest.raises(ConfigurationError, match="neuron 1 fired in sample 0"):
        Errors(np.zeros(2), np.zeros((2, 2)), chosen).check(counts)
    twice = StandIns(np.array([1, 0, 1]), np.array([0, 0, 0]), 5)
    with pytest.raises(ConfigurationError, match="name a neuron of a sample twice"):
        Errors(np.zeros(2), np.zeros((2, 2)), twice).check(counts)


class Hinge(Loss):
    """Two methods, as the documentation says."""

    def values(self, counts, labels):
        return np.maximum(10 - counts[np.arange(len(labels)), labels], 0)

    def d_counts(self, counts, labels):
        return -np.eye(counts.shape[1])[labels] * (counts < 10)


def test_two_methods_make_a_loss():
    errors = Hinge().errors([[4, 12], [0, 3]], [1, 0])
    assert errors.values.tolist() == [0, 10] and errors.d_counts.tolist() == [[0, 0], [-1, 0]]
    assert errors.stand_ins.neurons.tolist() == [0] and errors.stand_ins.n_spikes == 20
    with pytest.raises(LabelError, match="found 2 at sample 1"):
        Hinge().errors([[4, 12], [0, 3]], [1, 2])
    with pytest.raises(TypeError, match="d_counts"):
        type("Half", (Loss,), {"values": Hinge.values})()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"scale": 0}, ConfigurationError, "scale must be finite and above 0, found 0"),
        ({"scale": float("nan")}, ConfigurationError, "scale must be finite"),
        ({"scale": 1 * second}, UnitError, "scale needs no unit"),
        ({"desired": 0}, ConfigurationError, "desired must be a positive integer"),
    ],
    ids=["zero", "nan", "unit", "no spikes"],
)
def test_impossible_settings_of_cross_entropy(settings, error, message):
    with pytest.raises(error, match=message):
        CrossEntropyLoss(**settings)

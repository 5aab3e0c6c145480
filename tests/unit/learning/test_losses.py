import numpy as np
import pytest

from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError
from hm2bp_brian.learning.losses import SpikeCountLoss, check_labels


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

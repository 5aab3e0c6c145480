import numpy as np
import pytest

from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError
from hm2bp_brian.training.boosting import boost_sample_weights


def test_wrong_samples_grow_with_the_weighted_error_rate_of_their_class():
    weights = np.array([1.0, 3.0, 2.0, 2.0, 5.0])
    correct = np.array([True, False, False, True, True])
    labels = np.array([0, 0, 2, 2, 1])
    boosted = boost_sample_weights(weights, correct, labels, n_classes=4)
    np.testing.assert_allclose(boosted, [1, 3 * np.exp((3 / 4) / 20), 2 * np.exp((2 / 4) / 20), 2, 5], rtol=1e-15)
    np.testing.assert_array_equal(weights, [1, 3, 2, 2, 5])


@pytest.mark.parametrize(
    "weights, correct, labels, error, message",
    [
        ([1, 1], [True], [0, 0], ShapeError, r"found \(2,\) and \(1,\)"),
        ([1, 1], [True, False], [0], LabelError, "one label a sample"),
        ([1, 1], [True, False], [0, 3], LabelError, "found 3 at sample 1"),
        ([1, 0], [True, False], [0, 1], ConfigurationError, "found 0.0 at 1"),
        ([1, np.nan], [True, False], [0, 1], ConfigurationError, "found nan at 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(weights, correct, labels, error, message):
    with pytest.raises(error, match=message):
        boost_sample_weights(weights, correct, labels, n_classes=2)

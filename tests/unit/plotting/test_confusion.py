import numpy as np
import pytest

from hm2bp_brian import plotting
from hm2bp_brian.errors import LabelError


def test_rows_are_classes_and_columns_predictions(ax):
    labels, predictions = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 0, 2, 1, 1, 2])
    image = plotting.confusion_matrix(labels, predictions, 3, ax=ax)
    np.testing.assert_array_equal(image.get_array().filled(0), [[2, 0, 1], [0, 1, 0], [0, 1, 1]])
    numbers = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in ax.texts}
    assert numbers == {(0, 0): "2", (0, 2): "1", (1, 1): "1", (2, 1): "1", (2, 2): "1"}
    assert ax.get_title() == "66.67 % of 6 samples correct"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "class")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1", "2"]


@pytest.mark.parametrize("predictions", [[0], [0, 3]])
def test_predictions_must_fit(ax, predictions):
    with pytest.raises(LabelError):
        plotting.confusion_matrix(np.array([0, 1]), np.array(predictions), 3, ax=ax)

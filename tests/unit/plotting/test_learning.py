import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hm2bp_brian import plotting
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.learning.gradient_sum import Gradients
from hm2bp_brian.training.history import History

from .small import make_history


def test_learning_curve_draws_percent_against_epochs(ax):
    training, test = plotting.learning_curve(make_history(3, test_accuracy=0.25), ax=ax)
    np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(training.get_ydata(), [50, 75, 100 - 50 / 3])
    np.testing.assert_allclose(test.get_ydata(), [25, 25, 25])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training, during the epoch", "test"]
    assert training.get_color() != test.get_color()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "accuracy (%)")
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_learning_curve_leaves_out_what_was_not_measured(ax):
    (training,) = plotting.learning_curve(make_history(2, test_accuracy=float("nan")), ax=ax)
    assert training.get_label() == "training, during the epoch"


def test_learning_curve_has_held_out_samples_if_there_are_some(ax):
    history = make_history(2)
    history.rows[1]["holdout_accuracy"] = 0.75
    _, held_out, _ = plotting.learning_curve(history, ax=ax)
    np.testing.assert_allclose(held_out.get_ydata(), [np.nan, 75])
    assert held_out.get_label() == "held-out samples"


def test_learning_curve_of_one_epoch_has_a_tick_at_it(ax):
    plotting.learning_curve(make_history(1), ax=ax)
    assert [float(tick) for tick in ax.get_xticks() if 0.9 < tick < 1.1] == [1]


def test_learning_curve_leaves_a_gap_where_one_epoch_was_not_measured(ax):
    history = make_history(3)
    history.rows[1]["test_accuracy"] = float("nan")
    _, test = plotting.learning_curve(history, ax=ax)
    np.testing.assert_allclose(test.get_ydata(), [90, np.nan, 90])


def test_learning_curve_of_no_epoch_is_empty(ax):
    assert plotting.learning_curve(History(), ax=ax) == []
    assert ax.get_legend() is None


def band_at(band, epoch):
    """Lower and upper edge of a band."""
    vertices = band.get_paths()[0].vertices
    heights = vertices[vertices[:, 0] == epoch, 1]
    return heights.min(), heights.max()


def test_learning_curves_draw_mean_and_standard_deviation(ax):
    groups = {"ours": [make_history(2, accuracy) for accuracy in (0.8, 0.9, 0.85)], "other": [make_history(3, 0.5)]}
    (line, band), (other, no_band) = plotting.learning_curves(groups, ax=ax)
    np.testing.assert_array_equal(line.get_xdata(), [1, 2])
    np.testing.assert_allclose(line.get_ydata(), [85, 85])
    np.testing.assert_allclose(band_at(band, 2), [80, 90])  # the three differ by 5 %: sd 5 by hand
    assert to_rgb(line.get_color()) == to_rgb(band.get_facecolor()[0][:3])
    np.testing.assert_allclose(other.get_ydata(), [50, 50, 50])
    assert no_band is None
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ours (3 runs, mean ± sd)", "other (1 run)"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "test accuracy (%)")


def test_learning_curves_of_another_column(ax):
    ((line, _),) = plotting.learning_curves({"a": [make_history(2)]}, column="train_accuracy", ax=ax)
    np.testing.assert_allclose(line.get_ydata(), [50, 75])
    assert ax.get_ylabel() == "train accuracy (%)"


def test_learning_curves_of_what_fit_was_given_as_validation(ax):
    history = make_history(2, 0.8)
    for row in history.rows:
        row["validation_accuracy"] = row.pop("test_accuracy")
    ((line, _),) = plotting.learning_curves({"a": [history]}, ax=ax)
    np.testing.assert_allclose(line.get_ydata(), [80, 80])
    assert ax.get_ylabel() == "validation accuracy (%)"
    with pytest.raises(UnknownNameError, match="unknown column of the histories 'test_accuracy'.*validation_accuracy"):
        plotting.learning_curves({"a": [history], "b": [make_history(2)]}, ax=ax)


@pytest.mark.parametrize("histories", [[], [make_history(2), make_history(3)]], ids=["none", "different lengths"])
def test_learning_curves_need_equal_lengths(ax, histories):
    with pytest.raises(ConfigurationError, match="group 'a' needs"):
        plotting.learning_curves({"a": histories}, ax=ax)


def make_gradients(factor):
    arrays = (np.array([[3.0, 4.0]]) * factor, np.zeros(0), np.array([[0.0]]))
    return Gradients(arrays, 1.0, (np.array([[factor, -factor]]), np.array([[2.0]]), np.array([[6.0, 8.0]])))


def test_layer_norms_of_gradients_leave_out_pooling_and_zeros(ax):
    first, last = plotting.layer_norms({3: make_gradients(2.0), 1: make_gradients(1.0)}, ax=ax)
    np.testing.assert_array_equal(first.get_xdata(), [1, 3])
    np.testing.assert_allclose(first.get_ydata(), [12.5**0.5, 50**0.5])
    assert np.isnan(last.get_ydata()).all()
    assert (first.get_label(), last.get_label()) == ("layer 0", "layer 2")
    assert ax.get_yscale() == "log"
    assert "gradient" in ax.get_ylabel() and ax.get_xlabel() == "epoch"


def test_layer_norms_of_deltas(ax):
    lines = plotting.layer_norms({1: make_gradients(3.0)}, "delta", ax=ax)
    np.testing.assert_allclose([line.get_ydata()[0] for line in lines], [3, 2, 50**0.5])


def test_layer_norms_of_what_is_not_there(ax):
    with pytest.raises(UnknownNameError, match="quantity 'deltas'"):
        plotting.layer_norms({1: make_gradients(1.0)}, "deltas", ax=ax)
    with pytest.raises(ConfigurationError, match="at least one epoch"):
        plotting.layer_norms({}, ax=ax)


def test_what_is_no_history_is_named():
    with pytest.raises(ConfigurationError, match=r"history must be an object with the method column, .*found \[\]"):
        plotting.learning_curve([])

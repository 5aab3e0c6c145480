import numpy as np
from brian2 import ms
from tiny_training import make_trainer, tiny_dataset

from hm2bp_brian import plotting


def test_accuracy_is_drawn_in_percent_against_milliseconds(ax):
    trainer, data = make_trainer(), tiny_dataset(9)
    line = plotting.accuracy_over_time(trainer.evaluator, data, until=[10, 40] * ms, ax=ax)
    np.testing.assert_allclose(line.get_xdata(), [10, 40])
    np.testing.assert_allclose(line.get_ydata(), 100 * trainer.evaluate(data, until=[10, 40] * ms))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time since the presentation began (ms)", "accuracy (%)")


def test_by_default_it_goes_to_the_end(ax):
    trainer, data = make_trainer(), tiny_dataset(9)
    line = plotting.accuracy_over_time(trainer.evaluator, data, ax=ax)
    np.testing.assert_allclose(line.get_xdata(), np.linspace(0.8, 40, 50))
    assert line.get_ydata()[-1] == 100 * trainer.evaluate(data)

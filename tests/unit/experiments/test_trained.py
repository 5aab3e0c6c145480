import numpy as np
import pytest
from tiny_run import RECIPE, make_run, use_tiny_data_and_engine

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.experiments.trained import load_trained


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    use_tiny_data_and_engine(monkeypatch)


def test_the_network_has_the_weights_that_are_evaluated(tmp_path):
    trainer = make_run(tmp_path)
    run = load_trained(tmp_path)
    assert run.recipe == RECIPE
    assert run.epoch == 4
    for found, average, last in zip(
        run.network.weights, trainer.evaluation_weights, trainer.network.weights, strict=True
    ):
        np.testing.assert_allclose(found, average)
        assert not np.allclose(found, last)
    assert run.evaluator.accuracy(run.test) == trainer.history[-1]["test_accuracy"]


def test_records_are_those_of_the_evaluation(tmp_path):
    make_run(tmp_path)
    run = load_trained(tmp_path, test_samples=7)
    assert len(run.test) == 7
    record = run.record(5)
    assert record.n_samples == 5
    np.testing.assert_array_equal(record.output.counts.argmax(axis=1), run.evaluator.predict(run.test)[:5])
    alone = run.evaluator.record(run.test, 3)
    np.testing.assert_array_equal(alone.output.counts[0], record.output.counts[3])
    for samples in (0, 8):
        with pytest.raises(ConfigurationError, match=f"there are 7 test samples, found a request for {samples}"):
            run.record(samples)


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no run"):
        load_trained(tmp_path)

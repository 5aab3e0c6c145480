"""The table of the paper's other data, and the linear classifier it is compared with."""

import shutil

import numpy as np
import pytest
from scripts import PAPER, ROOT, import_from

from hm2bp_brian.datasets.labelled import ImageDataset, SpikeDataset
from hm2bp_brian.errors import ConfigurationError, DatasetNotFoundError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.experiments.recipe import DATASETS, Recipe

HISTORY = "epoch,train_loss,train_accuracy,test_accuracy,seconds\n1,9.0,0.5,0.9,1.0\n2,8.0,0.6,{last},1.0\n"


@pytest.fixture
def baseline(monkeypatch):
    yield from import_from(ROOT / "analysis", "linear_baseline", monkeypatch)


@pytest.fixture
def image_baselines(monkeypatch):
    yield from import_from(ROOT / "analysis", "image_baselines", monkeypatch)


@pytest.fixture
def table(monkeypatch):
    yield from import_from(PAPER, "table_other_data", monkeypatch)


@pytest.fixture
def two_classes(monkeypatch):
    """Two neurons; a sample's class is which of them fires more in the second half of 10 steps."""
    generator = np.random.default_rng(3)

    def samples(count):
        labels = generator.integers(0, 2, count)
        events = [
            [(0, 0), (1, 1), *((step, label) for step in range(5, 9)), (12, 1 - label)] for label in labels
        ]  # what comes at step 12 is beyond the presentation
        steps, neurons = np.array([event for sample in events for event in sample]).T
        offsets = np.arange(count + 1) * len(events[0])
        return SpikeDataset(steps, neurons, offsets, labels, (2,), 2, "two")

    monkeypatch.setitem(DATASETS, "two", lambda data: (samples(40), samples(20)))
    recipe = Recipe(
        name="two", dataset="two", layers=recipes.get("fsdd-mlp").layers, optimizer=recipes.Adam(), duration_ms=10.0
    )
    monkeypatch.setattr(recipes, "RECIPES", [*recipes.RECIPES, recipe])


def test_counts_in_parts_of_the_presentation(baseline):
    generator = np.random.default_rng(5)
    dense = generator.random((4, 13, 3)) < 0.4
    sample, steps, neurons = np.nonzero(dense)
    offsets = np.searchsorted(sample, np.arange(5))
    dataset = SpikeDataset(steps, neurons, offsets, np.zeros(4, int), (3,), 1, "random")
    found = baseline.counts(dataset, n_steps=10, bins=3)
    expected = np.zeros((4, 9))
    for s in range(4):
        for step in range(10):
            for neuron in range(3):
                expected[s, neuron * 3 + step * 3 // 10] += dense[s, step, neuron]
    np.testing.assert_allclose(found**2, expected)


def test_linear_baseline_learns_what_is_linear(baseline, two_classes, capsys):
    row = baseline.main("two", bins=2)
    assert (row["train_samples"], row["test_samples"], row["test_accuracy"]) == (40, 20, 1.0)
    assert "| two |  | 2 | 40 | 20 | 1 |" in capsys.readouterr().out
    with pytest.raises(ConfigurationError, match=r"bins must be in 1\.\.10, .* found 11"):
        baseline.main("two", bins=11)
    with pytest.raises(ConfigurationError, match="mnist-mlp trains on images"):
        baseline.main("mnist-mlp", data=ROOT / "examples" / "data")


def test_image_baselines(image_baselines, monkeypatch, capsys):
    """The nearest neighbour of the last test image, alone, is of the other class."""

    def images(pixels, labels):
        return ImageDataset(np.array(pixels, np.uint8).reshape(-1, 1, 2, 1), np.array(labels), 2, "two pixels")

    train = images([[0, 0], [20, 200], [40, 100], [200, 0], [220, 100], [250, 200]], [0, 0, 0, 1, 1, 1])
    test = images([[10, 10], [90, 255], [240, 190], [130, 0]], [0, 0, 1, 0])
    monkeypatch.setitem(DATASETS, "two", lambda data: (train, test))
    recipe = Recipe(name="two", dataset="two", layers=recipes.get("mnist-mlp").layers, optimizer=recipes.Adam())
    monkeypatch.setattr(recipes, "RECIPES", [*recipes.RECIPES, recipe])
    nearest, logistic = image_baselines.main("two")
    assert nearest["test_accuracy"] == 0.75 and logistic["test_accuracy"] >= 0.75
    assert "| two | 1 nearest neighbour | 6 | 4 | 0.75 |" in capsys.readouterr().out
    np.testing.assert_allclose(image_baselines.pixels(test)[3], [130 / 255, 0])


def test_image_baselines_need_images(image_baselines, two_classes):
    with pytest.raises(ConfigurationError, match="recipe two trains on spikes"):
        image_baselines.main("two")


def test_table_of_other_data(table, tmp_path, capsys):
    (tmp_path / "histories").mkdir()
    shutil.copy(PAPER / "other_data.csv", tmp_path)
    with pytest.raises(DatasetNotFoundError, match="no history of a row of other_data.csv"):
        table.main(tmp_path)
    for name, last in (("fsdd-mlp-seed1", 0.8), ("fsdd-mlp-seed2", 0.82), ("fsdd-mlp-without-theo-seed1", 0.7)):
        (tmp_path / "histories" / f"{name}.csv").write_text(HISTORY.format(last=last))
    seeds, speakers = table.main(tmp_path)
    assert (seeds["runs"], seeds["last epoch (%)"], seeds["best on the test set (%)"]) == (
        "seeds: 2",
        "81.00 ± 1.41",
        "90.00 ± 0.00",
    )
    assert (speakers["runs"], speakers["last epoch (%)"]) == ("speakers: 1", "70.00")
    assert "81.00 ± 1.41" in capsys.readouterr().out

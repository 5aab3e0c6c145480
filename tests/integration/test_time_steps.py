"""analysis/time_steps.py with measurements that are made up, and the committed table and picture."""

import csv
import statistics

import numpy as np
import pytest
from scripts import ROOT, import_from

from hm2bp_brian.training.history import History

FOUND = {"encode_ms": 0.5, "forward_ms": 1.5}


@pytest.fixture
def time_steps(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "analysis")
    yield from import_from(ROOT / "analysis", "time_steps", monkeypatch)


def test_rows_have_the_last_epochs_accuracy_and_the_fastest_round(time_steps, tmp_path, monkeypatch):
    for name, runs in {
        "mnist-cnn": ((0.99, 0.98), (0.99, 0.96)),
        "mnist-cnn-200": ((0.5,),),
        "mnist-cnn-100": ((0.7,),),
    }.items():
        for seed, accuracies in enumerate(runs):
            rows = [{"epoch": k + 1, "test_accuracy": accuracy} for k, accuracy in enumerate(accuracies)]
            History(rows).to_csv(tmp_path / f"{name}-seed{seed}.csv")
    speeds, asked = iter([100.0, 200.0, 400.0, 150.0, 100.0, 300.0]), []

    def measure(settings):
        asked.append((settings["recipe"], settings["batch_size"]))
        return FOUND | {"train_samples_per_second": next(speeds)}

    monkeypatch.setattr(time_steps, "measure", measure)
    found = time_steps.main(tmp_path / "new", rounds=2, histories=tmp_path)
    assert asked == 2 * [(name, 50) for name in time_steps.RECIPES]
    assert [row["steps"] for row in found] == [400, 200, 100]
    assert [row["test_accuracy_percent"] for row in found] == [97, 50, 70]
    assert [row["sd"] for row in found] == [round(100 * statistics.stdev((0.98, 0.96)), 2), "", ""]
    assert [row["train_samples_per_second"] for row in found] == [150, 200, 400]
    assert all(row["forward_samples_per_second"] == 500 for row in found)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"time_steps.csv", "time_steps.png"}


def test_the_committed_table_has_the_committed_histories(time_steps):
    with open(ROOT / "docs" / "benchmark" / "time_steps.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(row["recipe"] for row in rows) == time_steps.RECIPES
    for row in rows:
        runs = [History.from_csv(path) for path in time_steps.HISTORIES.glob(f"{row['recipe']}-seed*.csv")]
        assert int(row["seeds"]) == len(runs)
        mean = 100 * np.mean([run.column("test_accuracy")[-1] for run in runs])
        assert float(row["test_accuracy_percent"]) == pytest.approx(mean, abs=0.006)

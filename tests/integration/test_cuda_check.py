"""analysis/cuda_check.py with a stand-in for CuPy, on a tiny network."""

import csv
from types import SimpleNamespace

import pytest
from cupy_on_host import CupyOnHost
from scripts import ROOT, import_from
from tiny_run import RECIPE
from tiny_training import tiny_dataset

from hm2bp_brian.engines.cuda.card import Card
from hm2bp_brian.experiments import recipes
from hm2bp_brian.experiments.recipe import DATASETS


@pytest.fixture
def cuda_check(monkeypatch):
    yield from import_from(ROOT / "analysis", "cuda_check", monkeypatch)


def test_tables_of_a_tiny_recipe(cuda_check, tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, "get", lambda name: RECIPE)
    monkeypatch.setitem(DATASETS, "mnist", lambda data: (tiny_dataset(20), tiny_dataset(18, seed=1)))
    cupy = CupyOnHost()
    cupy.cuda.Event = lambda: SimpleNamespace(record=lambda: None)
    cupy.cuda.get_elapsed_time = lambda begin, end: 0.5
    tables = cuda_check.main(tmp_path, names=("tiny",), batch_sizes=(4, 20, 50), epochs=2, card=Card(cupy))
    assert {path.stem for path in tmp_path.iterdir()} == tables.keys()
    with open(tmp_path / "agreement.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["dtype"], row["layer"]) for row in rows] == [
        (dtype, f"layer {layer}") for dtype in ("float64", "float32") for layer in (0, 1)
    ]
    assert all(row["different_spikes"] == "0" and int(row["spikes"]) > 0 for row in rows)
    assert all(float(row["gradient_error"]) < (1e-9 if row["dtype"] == "float64" else 1e-4) for row in rows)
    forward = {row["batch_size"]: row for row in tables["kernels"] if row["kernel"] == "forward_dense"}
    assert {size: row["us_a_sample"] for size, row in forward.items()} == {4: 2 * 500 / 4, 20: 2 * 500 / 20}
    assert [row["batch_size"] for row in tables["speed"]] == [4, 20]
    assert all(row["samples_per_second"] > 0 and row["samples"] == 20 for row in tables["speed"])
    (row,) = tables["training"]
    assert row["epochs"] == 2 and 0 < row["test_accuracy"] <= 1

"""What the page on neurons says of accuracies is what the committed table of runs says."""

import csv

import pytest
from scripts import ROOT, import_from

from hm2bp_brian.tables import to_markdown


@pytest.fixture
def neuron_accuracy(monkeypatch):
    yield from import_from(ROOT / "analysis", "neuron_accuracy", monkeypatch)


def test_the_table_of_accuracies_is_that_of_the_runs(neuron_accuracy):
    with open(ROOT / "analysis" / "neuron_accuracy.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["neuron"] for row in rows} == set(neuron_accuracy.NEURONS)
    assert {(row["epochs"], row["train_samples"], row["test_samples"]) for row in rows} == {("5", "60000", "10000")}
    assert to_markdown(neuron_accuracy.summary(rows)) in (ROOT / "docs" / "neurons.md").read_text()


def test_summary(neuron_accuracy):
    rows = [
        {"neuron": name, "seed": seed, "test_accuracy": accuracy, "hidden_spikes": 2.0 + seed}
        for name, seed, accuracy in (("LIF", 0, 0.98), ("ALIF", 0, "0.97"), ("LIF", 1, 0.99))
    ]
    assert neuron_accuracy.summary(rows) == [
        {"neuron": "LIF", "seeds": 2, "test accuracy (%)": "98.50 ± 0.71", "hidden spikes": 2.5},
        {"neuron": "ALIF", "seeds": 1, "test accuracy (%)": "97.00", "hidden spikes": 2.0},
    ]

"""The script analysis/cluster_scaling.py: its formula by hand, and a quick round."""

import csv

import pytest
from scripts import ROOT, import_from

pytest.importorskip("distributed", reason="dask.distributed, extra cluster, is not installed")


@pytest.fixture
def scaling(monkeypatch):
    yield from import_from(ROOT / "analysis", "cluster_scaling", monkeypatch)


def test_efficiency_by_hand(scaling):
    # 100 samples of 1 ms on 4 machines: 25 ms; 4 x 1 MB there and back at 100 MB/s: 80 ms; 1 ms of latency
    row = scaling.on_paper(1e-3, 10**6, 100, 4, 1e8)
    assert row["samples_per_second"] == pytest.approx(100 / 0.106)
    assert row["efficiency"] == pytest.approx(25 / 106)


def test_a_quick_round_writes_both_tables(scaling, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scaling, "available_cores", lambda: 1)
    measured, paper = scaling.main(tmp_path, ROOT / "examples" / "data" / "mnist", quick=True)
    assert [(row["workers"], row["threads"]) for row in measured] == [(0, 1), (1, 1)]
    assert measured[1]["relative"] == measured[1]["samples_per_second"] / measured[0]["samples_per_second"]
    with open(tmp_path / "cluster_scaling_on_paper_quick.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(paper) == 36 and {row["machines"] for row in rows} >= {"1", "256"}
    printed = capsys.readouterr()
    assert (tmp_path / "cluster_scaling_quick.csv").exists() and "| machines |" in printed.out
    assert "training with batches of" in printed.err

"""The scripts that measure: analysis/benchmark.py and analysis/gpu_check.py, on small networks."""

import csv

import numpy as np
import pytest
from scripts import ROOT, import_from

from hm2bp_brian.engines.registry import simulate
from hm2bp_brian.errors import EngineError


@pytest.fixture
def speed(monkeypatch):
    yield from import_from(ROOT / "analysis", "benchmark", monkeypatch)


@pytest.fixture
def gpu_check(monkeypatch):
    yield from import_from(ROOT / "analysis", "gpu_check", monkeypatch)


def test_gpu_check_compares_spikes_and_keeps_a_table(gpu_check, tmp_path, capsys, monkeypatch):
    rows = gpu_check.main(tmp_path / "new", device="runtime", batch_sizes=(1, 3), n_hidden=30, n_steps=40)
    with open(tmp_path / "new" / "gpu_check.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [int(row["batch_size"]) for row in table] == [1, 3]
    assert [row["different_spikes"] for row in table] == ["0", "0"]
    assert [row["percent_outside"] for row in table] == ["100.0", "100.0"]  # of a compiled program
    assert [float(row["ms_a_sample"]) for row in table] == [row["ms_a_sample"] for row in rows]
    assert all(row["ms_a_sample"] > 0 and row["spikes"] > 0 for row in rows)
    assert "'batch_size': 3" in capsys.readouterr().out

    def half(network, batch, engine, dtype):  # spikes of the first half of the presentation only
        dense = batch.dense()
        dense[:, 20:] = False
        return simulate(network, type(batch).from_dense(dense), engine, dtype)

    monkeypatch.setattr(gpu_check.hb, "simulate", half)
    rows = gpu_check.main(tmp_path / "new", device="runtime", batch_sizes=(3,), n_hidden=30, n_steps=40)
    assert 0 < rows[0]["different_spikes"] < rows[0]["spikes"]


def test_benchmark_plan_varies_one_thing_at_a_time(speed):
    (_, base), *varied, convolutional = speed.plan(quick=False, cores=6)
    assert convolutional == ("recipe", {"recipe": "mnist-cnn", "duration_ms": 400, "batch_size": 50, "threads": 6})
    assert base == {"duration_ms": 400, "batch_size": 100, "width": 800, "threads": 6}
    values = {name: {base[name]} for name in base}
    for name, settings in varied:
        assert [key for key in base if settings[key] != base[key]] == [name]
        values[name].add(settings[name])
    assert values == {
        "duration_ms": {100, 200, 400, 1000},
        "batch_size": {1, 10, 50, 100, 200},
        "width": {200, 400, 800, 1600},
        "threads": {1, 2, 4, 6},
    }
    assert len(varied) == sum(len(v) - 1 for v in values.values())


def test_benchmark_on_one_core_does_not_vary_threads(speed):
    assert "threads" not in [name for name, _ in speed.plan(quick=True, cores=1)]


def test_benchmark_measures_in_a_process_with_the_settings(speed):
    found = speed.measure({"duration_ms": 20, "batch_size": 10, "width": 30, "threads": 1})
    assert (found["steps"], found["batch_size"], found["threads"]) == (20, 10, 1)
    assert found["recipe"] == "mnist-mlp"
    assert found["train_samples_per_second"] > 0
    assert 20 < found["peak_memory_mib"] < 2000
    assert len(found["spikes"]) == 3


def test_benchmark_that_fails_says_what_the_process_said(speed):
    settings = {"duration_ms": 20, "batch_size": 0, "width": 30, "threads": 1}
    with pytest.raises(EngineError, match=r"exit code 2:\n.*batch_size must be a positive integer, found 0"):
        speed.measure(settings)


def fake_result(settings):
    return {
        "recipe": "mnist-mlp",
        "engine": "fused",
        "dtype": "float32",
        "threads": settings["threads"],
        "batch_size": settings["batch_size"],
        "train_samples_per_second": settings["duration_ms"] + settings.get("width", 0) + settings["batch_size"] / 1000,
        "peak_memory_mib": 10 * settings["threads"] + settings["batch_size"],
        "spikes": [7000.5, 20.0, 3.0],
    }


def test_benchmark_keeps_a_table_and_draws_it(speed, figures, tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "measure", fake_result)
    monkeypatch.setattr(speed, "available_cores", lambda: 4)
    out = tmp_path / "new" / "folder"
    path = speed.main(out)
    assert sorted(file.name for file in out.iterdir()) == ["benchmark.csv", "benchmark.png"]
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(speed.plan(False, 4))
    assert rows[0]["varied"] == "nothing"
    for row in rows:
        assert row["spikes"] == "7000.5 20.0 3.0"
        assert row["cores"] == "4"
        assert row["processor"]
        settings = {name: int(row[name] or 0) for name in ("duration_ms", "batch_size", "width", "threads")}
        expected = fake_result(settings)
        assert float(row["train_samples_per_second"]) == expected["train_samples_per_second"]
        assert float(row["peak_memory_mib"]) == expected["peak_memory_mib"]

    axes = np.reshape(figures[0].axes, (2, 4))
    assert [ax.get_xlabel() for ax in axes[1]] == ["duration (ms)", "batch size", "hidden neurons", "threads"]
    curves = [[ax.get_lines()[0] for ax in row] for row in axes]
    np.testing.assert_allclose(curves[0][0].get_xdata(), [100, 200, 400, 1000])
    np.testing.assert_allclose(curves[0][0].get_ydata(), [900.1, 1000.1, 1200.1, 1800.1])
    np.testing.assert_allclose(curves[0][2].get_ydata(), [600.1, 800.1, 1200.1, 2000.1])
    np.testing.assert_allclose(curves[1][1].get_xdata(), [1, 10, 50, 100, 200])
    np.testing.assert_allclose(curves[1][1].get_ydata(), [41, 50, 90, 140, 240])
    np.testing.assert_allclose(curves[1][3].get_ydata(), [110, 120, 140])
    for ax in axes[:, 0]:
        assert ax.get_ylim()[0] == 0
        np.testing.assert_allclose(ax.get_lines()[1].get_xdata(), 400)  # the ring


def test_benchmark_draws_nothing_but_the_table(speed, figures, tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "measure", fake_result)
    committed = tmp_path / "benchmark.csv", tmp_path / "benchmark.png"
    for file in committed:
        file.write_text("measured for days")
    path = speed.main(tmp_path, quick=True)
    assert [file.read_text() for file in committed] == ["measured for days"] * 2
    assert {file.name for file in tmp_path.iterdir()} == {"benchmark_quick.csv", "benchmark_quick.png"} | {
        file.name for file in committed
    }
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    (other,) = (row for row in rows if row["varied"] == "width")
    other["width"] = "500"
    path.write_bytes(speed.to_csv(rows))
    speed.draw(path, tmp_path / "again.png")
    assert list(figures[1].axes[2].get_lines()[0].get_xdata()) == [50, 500]
    assert (tmp_path / "again.png").exists()

"""analysis/compare_packages, with this package in the others' place: those are installed nowhere in the tests."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from scripts import ROOT, import_from

import hm2bp_brian as hb
from hm2bp_brian.errors import ConfigurationError, EngineError, MissingPackageError
from hm2bp_brian.tables import cell

FOLDER = ROOT / "analysis" / "compare_packages"


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "analysis")
    monkeypatch.setattr(sys, "path", sys.path)
    yield from import_from(FOLDER, "compare", monkeypatch)


@pytest.fixture
def task(monkeypatch):
    yield from import_from(FOLDER, "task", monkeypatch)


@pytest.fixture
def images():
    generator = np.random.default_rng(3)
    return hb.datasets.ImageDataset(
        generator.integers(0, 256, (20, 28, 28, 1), dtype=np.uint8), generator.integers(0, 10, 20), 10, "noise"
    )


def found(package, speed, memory):
    """What a worker prints."""
    return {
        "versions": f"{package} 1",
        "samples_per_second": speed,
        "first_batch_seconds": 1.0,
        "peak_memory_mib": memory,
        "loss_first": 2.0,
        "loss_last": 1.0,
        "hidden_spikes": 3.0,
        "layers_trained": 2,
    }


def test_all_packages_have_an_environment_with_versions_and_a_network(compare):
    assert compare.PACKAGES == ("norse", "snntorch", "spikingjelly", "spyx")
    for package in compare.PACKAGES:
        pins = (FOLDER / "environments" / f"{package}.txt").read_text().split()
        assert all("==" in pin for pin in pins) and pins[0].startswith(f"{package}==")
        assert (FOLDER / "networks" / f"{package}.py").exists()


def test_task_has_the_encoder_s_spikes_and_labels(compare, task, images, tmp_path):
    path = compare.write_task(tmp_path / "task.npz", images, 30, 8, 2)
    read = task.Task(path)
    first, second = read.batches()
    expected = hb.encoding.BernoulliEncoder().encode(images.images[8:16], 30, compare.SEED, indices=np.arange(8, 16))
    dense = second.dense()
    assert dense.dtype == np.float32
    np.testing.assert_array_equal(dense, expected.dense().reshape(8, 30, 784).swapaxes(0, 1))
    assert not np.array_equal(first.dense(), dense)
    np.testing.assert_array_equal(second.labels, images.labels[8:16])
    assert [weights.shape for weights in read.weights] == [(784, 800), (800, 10)]
    for weights, limit in zip(read.weights, (0.5 / 80, 0.5 / 64), strict=True):
        assert 0.98 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)


def test_worker_trains_in_a_process(compare, images, tmp_path):
    path = compare.write_task(tmp_path / "task.npz", images, 30, 2, 8)
    result = compare.measure("hm2bp_brian", path, threads=1)
    assert result["versions"].startswith(f"hm2bp_brian {hb.__version__}, brian2 ")
    assert result["layers_trained"] == 2
    assert result["samples_per_second"] > 0 and result["first_batch_seconds"] > 0
    assert 20 < result["peak_memory_mib"] < 2000
    assert np.isfinite([result["loss_first"], result["loss_last"]]).all()
    assert 0 < result["hidden_spikes"] < 800 * 30


def test_worker_that_fails_says_what_the_process_said(compare, tmp_path):
    with pytest.raises(EngineError, match=r"training with hm2bp_brian failed with exit code 1:\n(.*\n)*.*missing.npz"):
        compare.measure("hm2bp_brian", tmp_path / "missing.npz", threads=1)


def test_quick_writes_a_table_and_draws_it(compare, figures, tmp_path, capsys):
    (tmp_path / "comparison.csv").write_text("measured for days")
    summary = compare.main(tmp_path, quick=True)
    assert (tmp_path / "comparison.csv").read_text() == "measured for days"
    assert (tmp_path / "comparison_quick.png").exists()
    with open(tmp_path / "comparison_quick.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["package"] for row in rows] == ["hm2bp_brian"] * 2
    assert all(float(row["loss_last"]) < float(row["loss_first"]) and row["layers_trained"] == "2" for row in rows)
    assert rows[0]["loss_last"] == rows[1]["loss_last"]  # the same training
    assert (rows[0]["times_as_long"], rows[0]["times_the_memory"]) == ("1.0", "1.0")
    speeds = [float(row["samples_per_second"]) for row in rows]
    assert float(rows[1]["times_as_long"]) == pytest.approx(speeds[0] / speeds[1], abs=1e-3)
    assert summary[0]["samples_per_second"] == pytest.approx(np.median(speeds))
    assert "| 50 | hm2bp_brian |" in capsys.readouterr().out
    speed, memory = figures[0].axes
    assert (speed.get_ylabel(), memory.get_ylabel()) == ("training samples/s", "peak memory (MiB)")
    assert [bar.get_height() for bar in speed.patches] == [summary[0]["samples_per_second"]]


@pytest.fixture
def pretend(compare, images, monkeypatch):
    """Let measurements be found in a list."""
    monkeypatch.setattr(compare.hb.datasets, "mnist", lambda data: (images, images))
    monkeypatch.setattr(compare, "write_task", lambda path, *settings: path)
    monkeypatch.setattr(compare, "interpreter", lambda package: "python")

    def use(*measurements):
        left = iter(measurements)

        def measure(package, task, threads):
            measurement = next(left)
            assert measurement["versions"] == f"{package} 1"
            return measurement

        monkeypatch.setattr(compare, "measure", measure)

    return use


def test_each_run_adds_pairs_and_ratios_are_of_pairs(compare, pretend, tmp_path, monkeypatch):
    this = [found("hm2bp_brian", speed, 200.0) for speed in (1000.0, 500.0, 800.0)]
    other = [found("norse", speed, memory) for speed, memory in ((100.0, 800.0), (100.0, 1000.0), (40.0, 900.0))]
    monkeypatch.setattr(compare, "available_cores", lambda: 4)
    pretend(this[0], other[0], this[1], other[1])
    compare.main(tmp_path, packages=("norse",), steps=(100,), repeats=2)
    pretend(this[2], other[2])
    summary = compare.main(tmp_path, packages=("norse",), steps=(100,), repeats=1)
    with open(tmp_path / "comparison.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["times_as_long"] for row in rows] == ["1.0", "10.0", "1.0", "5.0", "1.0", "20.0"]
    assert [row["times_the_memory"] for row in rows] == ["1.0", "4.0", "1.0", "5.0", "1.0", "4.5"]
    assert {row["beside"] for row in rows} == {"norse"}
    assert [row["package"] for row in summary] == ["hm2bp_brian", "norse"]
    assert [row["times_as_long"] for row in summary] == [1.0, 10.0]
    assert [row["samples_per_second"] for row in summary] == [800.0, 100.0]
    assert [row["times_the_memory"] for row in summary] == [1.0, 4.5]
    rows = compare.read(tmp_path / "comparison.csv", {})
    newer = compare.summary([*rows, rows[1] | {"versions": "norse 2", "times_as_long": 7.0}])
    assert {row["versions"]: row["times_as_long"] for row in newer if row["package"] == "norse"} == {
        "norse 1": 10.0,
        "norse 2": 7.0,
    }
    monkeypatch.setattr(compare, "available_cores", lambda: 1)
    with pytest.raises(ConfigurationError, match=r"has rows of \{'threads': .*\}, found .*'threads': 1"):
        compare.main(tmp_path, packages=("norse",), steps=(100,))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"repeats": 0}, "repeats must be a positive integer, found 0"),
        ({"threads": 0}, "threads must be a positive integer, found 0"),
        ({"threads": 999}, r"may use \d+ cores, found threads = 999"),
    ],
)
def test_impossible_settings_are_refused(compare, pretend, tmp_path, settings, message):
    with pytest.raises(ConfigurationError, match=message):
        compare.main(tmp_path, packages=("norse",), **settings)


@pytest.mark.parametrize(
    "fault", [{"loss_last": 2.0}, {"layers_trained": 1}, {"hidden_spikes": 0.0}, {"loss_last": float("nan")}]
)
def test_a_network_that_does_not_learn_is_an_error(compare, pretend, tmp_path, fault):
    pretend(found("hm2bp_brian", 1000.0, 200.0), found("norse", 100.0, 800.0) | fault)
    with pytest.raises(EngineError, match="norse does not learn"):
        compare.main(tmp_path, packages=("norse",), steps=(100,), repeats=1)


def test_missing_environment_is_named_before_anything_is_measured(compare, tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "ENVIRONMENTS", tmp_path)
    with pytest.raises(MissingPackageError, match="no environment for spyx in .*: make it with --make"):
        compare.main(tmp_path / "out", packages=("spyx",))
    assert not (tmp_path / "out").exists()


def test_environments_are_made_once_and_anew_for_other_versions(compare, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(compare, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(compare.venv, "create", lambda home, **settings: home.mkdir(exist_ok=True))
    monkeypatch.setattr(
        compare.subprocess, "run", lambda command, **how: made.append(command) or subprocess.CompletedProcess([], 0)
    )
    compare.make_environments(("norse",))
    compare.make_environments(("norse",))
    assert len(made) == 1 and made[0][-1] == FOLDER / "environments" / "norse.txt"
    (tmp_path / "norse" / "installed.txt").write_text("norse==0.0.7")
    compare.make_environments(("norse",))
    assert len(made) == 2
    assert compare.interpreter("norse") == str(tmp_path / "norse" / "bin" / "python")
    monkeypatch.setattr(
        compare.subprocess, "run", lambda command, **how: subprocess.CompletedProcess([], 1, stderr="no such version")
    )
    with pytest.raises(MissingPackageError, match="pip can't install spyx, exit code 1:\nno such version"):
        compare.make_environments(("spyx",))
    assert not (tmp_path / "spyx" / "installed.txt").exists()


def test_page_has_the_figures_of_the_table(compare):
    page = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    rows = compare.read(ROOT / "docs" / "benchmark" / "comparison.csv", {})
    for row in compare.summary(rows):
        names = ("samples_per_second", "times_as_long", "peak_memory_mib", "times_the_memory", "first_batch_seconds")
        line = [str(row["steps"]), row["package"], *(cell(row[name]) for name in names)]
        assert f"| {' | '.join(line)} |" in page
        assert all(version in page.replace("\n", " ") for version in row["versions"].split(", "))
    for row in rows:
        assert row["date"] in page and row["processor"] in page.replace("\n", " ")
        assert (row["threads"], row["batch_size"], row["batches"]) == (2, 100, 20)

"""Sweeps of the tiny task: what is planned, skipped, resumed, tabulated, and what goes wrong."""

import csv
import dataclasses
import hashlib
import importlib
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from tiny_run import RECIPE, make_run, use_tiny_data_and_engine
from tiny_training import tiny_dataset

from hm2bp_brian.errors import ConfigurationError, SweepError, UnknownNameError
from hm2bp_brian.experiments import cli, recipes
from hm2bp_brian.experiments.recipe import DATASETS
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.experiments.sweep import plan, sweep
from hm2bp_brian.experiments.sweep_command import parse_seeds
from hm2bp_brian.experiments.sweep_run import SweepToken, train_in_sweep
from hm2bp_brian.training.history import History

sweep_module = importlib.import_module("hm2bp_brian.experiments.sweep")
SHORT = dataclasses.replace(RECIPE, epochs=2)


class Speakers:
    """Tiny data, in thirds of three speakers."""

    def __init__(self, leave_out=()):
        data = tiny_dataset(30)
        speakers = np.array(["ann", "bob", "cid"])[np.arange(30) // 10]
        test = np.isin(speakers, leave_out) if leave_out else np.arange(30) % 5 == 0
        self.parts = data.subset(np.flatnonzero(~test)), data.subset(np.flatnonzero(test))
        for part, chosen in zip(self.parts, (~test, test), strict=True):
            object.__setattr__(part, "speakers", speakers[chosen])


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """Tiny data, an engine in numpy, and threads in place of processes, which would not know of them."""
    use_tiny_data_and_engine(monkeypatch)
    monkeypatch.setitem(DATASETS, "fsdd", lambda data, leave_out=(): Speakers(leave_out).parts)
    monkeypatch.setattr(sweep_module, "LocalWorkers", lambda workers: ThreadPoolExecutor(1))
    monkeypatch.setattr(recipes, "RECIPES", [*recipes.RECIPES, SHORT])
    monkeypatch.chdir(tmp_path)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_is_what_train_makes_of_the_recipe(tmp_path):
    sweep(SHORT, tmp_path / "sweep", seeds=[3], settings={"optimizer.learning_rate": [0.01, 0.02]}, progress=False)
    folder = RunFolder(tmp_path / "sweep" / "optimizer.learning_rate=0.02,seed=3")
    recipe = dataclasses.replace(SHORT, seed=3, optimizer=dataclasses.replace(SHORT.optimizer, learning_rate=0.02))
    assert folder.read_recipe() == recipe
    make_run(tmp_path / "alone", recipe)
    found, expected = History.from_csv(folder.history), History.from_csv(tmp_path / "alone" / "history.csv")
    for name in ("epoch", "train_loss", "test_accuracy"):
        np.testing.assert_array_equal(found.column(name), expected.column(name))
    assert folder.weights.exists() and (folder.figures / "learning_curve.png").exists()
    assert {path.name for path in (tmp_path / "sweep").iterdir()} == {
        "optimizer.learning_rate=0.01,seed=3",
        "optimizer.learning_rate=0.02,seed=3",
        "table.csv",
        "table.md",
        "learning_curves.png",
    }


def test_tables_have_the_runs_and_their_means(tmp_path):
    rows = sweep(SHORT, tmp_path, seeds=[1, 2], settings={"loss.margin": [0, 2]}, progress=False)
    assert [(row["loss.margin"], row["seed"]) for row in rows] == [(0, 1), (0, 2), (2, 1), (2, 2)]
    histories = [History.from_csv(tmp_path / row["run"] / "history.csv") for row in rows]
    for row, history, written in zip(rows, histories, rows_of(tmp_path / "table.csv"), strict=True):
        assert row["test_accuracy"] == history[-1]["test_accuracy"] == float(written["test_accuracy"])
        assert row["best_test_accuracy"] == history.column("test_accuracy").max()
        assert (row["epochs"], row["error"], written["error"]) == (2, "", "")
    a, b = (100 * history[-1]["test_accuracy"] for history in histories[:2])
    first = (tmp_path / "table.md").read_text().splitlines()[2].split("|")
    assert [cell.strip() for cell in first[1:4]] == ["0", "2", "0"]
    assert float(first[4]) == pytest.approx((a + b) / 2, rel=1e-3)
    assert float(first[5]) == pytest.approx(abs(a - b) / 2**0.5, rel=1e-3)
    assert (tmp_path / "learning_curves.png").read_bytes()[:4] == b"\x89PNG"


def test_finished_runs_are_skipped_and_broken_ones_resumed(tmp_path, monkeypatch):
    sweep(SHORT, tmp_path, seeds=[1, 2, 3], progress=False)
    first, second, third = (RunFolder(tmp_path / f"seed={seed}") for seed in (1, 2, 3))
    whole = History.from_csv(second.history).column("train_loss")
    second.weights.unlink()  # as if killed before the weights were written
    checkpoint = third.checkpoint.read_bytes()
    third.weights.write_bytes(b"damaged")
    trained = []
    monkeypatch.setattr(sweep_module, "train_in_sweep", lambda run, *more: trained.append(run.name))
    sweep(SHORT, tmp_path, seeds=[1, 2, 3], progress=False)
    assert trained == ["seed=2", "seed=3"]
    monkeypatch.undo()
    use_tiny_data_and_engine(monkeypatch)
    monkeypatch.setattr(sweep_module, "LocalWorkers", lambda workers: ThreadPoolExecutor(1))
    sweep(SHORT, tmp_path, seeds=[1, 2, 3], progress=False)
    assert second.weights.exists() and third.checkpoint.read_bytes() == checkpoint
    np.testing.assert_array_equal(History.from_csv(second.history).column("train_loss"), whole)
    longer = dataclasses.replace(SHORT, epochs=3)
    assert [row["epochs"] for row in sweep(longer, tmp_path, seeds=[1, 2, 3], progress=False)] == [3, 3, 3]
    assert len(History.from_csv(first.history)) == 3


@pytest.mark.parametrize("damage", ["", "epoch,train_loss\n1", None, "a row less"])
def test_a_history_that_is_lost_or_damaged_is_written_again(tmp_path, damage):
    rows = sweep(SHORT, tmp_path, seeds=[1, 2], progress=False)
    history = RunFolder(tmp_path / "seed=1").history
    whole = history.read_text()
    if damage is None:
        history.unlink()
    else:
        history.write_text("".join(whole.splitlines(keepends=True)[:-1]) if damage == "a row less" else damage)
    assert sweep(SHORT, tmp_path, seeds=[1, 2], progress=False) == rows
    assert history.read_text() == whole


def test_a_damaged_history_of_a_run_that_fails_keeps_no_other_from_the_tables(tmp_path):
    sweep(SHORT, tmp_path, seeds=[1, 2], progress=False)
    folder = RunFolder(tmp_path / "seed=1")
    folder.history.write_text("damaged")
    folder.checkpoint.write_text("damaged")
    with pytest.raises(SweepError, match="1 of 2 runs failed .*checkpoint"):
        sweep(SHORT, tmp_path, seeds=[1, 2], progress=False)
    assert [(row["epochs"], row["error"] == "") for row in rows_of(tmp_path / "table.csv")] == [
        ("0", False),
        ("2", True),
    ]


def test_a_setting_that_fails_is_named_and_the_others_go_on(tmp_path):
    settings = {"train_samples": [12, 31, 20]}
    with pytest.raises(
        SweepError, match="1 of 3 runs failed .*there are 30 training samples.*table.md names"
    ) as caught:
        sweep(SHORT, tmp_path, settings=settings, progress=False)
    assert "train_samples=31,seed=1" in str(caught.value)
    errors = {row["train_samples"]: row["error"] for row in rows_of(tmp_path / "table.csv")}
    assert errors["12"] == errors["20"] == "" and errors["31"].startswith("ConfigurationError: there are 30")
    table = (tmp_path / "table.md").read_text()
    assert "* `train_samples=31,seed=1`: ConfigurationError: there are 30 training samples" in table
    assert [line.split("|")[1:4] for line in table.splitlines()[2:5]] == [
        [" 12 ", " 1 ", " 0 "],
        [" 31 ", " 0 ", " 1 "],
        [" 20 ", " 1 ", " 0 "],
    ]


def test_speakers_are_left_out_in_turn(tmp_path):
    recipe = dataclasses.replace(SHORT, dataset="fsdd")
    rows = sweep(recipe, tmp_path, leave_one_out="speakers", progress=False)
    assert [(row["run"], row["leave_out"]) for row in rows] == [
        (f"leave_out={name},seed=1", (name,)) for name in ("ann", "bob", "cid")
    ]
    assert RunFolder(tmp_path / "leave_out=bob,seed=1").read_recipe().leave_out == ("bob",)
    mean = (tmp_path / "table.md").read_text().split("Over all that was left out:\n\n")[1].splitlines()[2].split("|")
    assert int(mean[1]) == 3
    assert float(mean[3]) == pytest.approx(100 * np.mean([row["test_accuracy"] for row in rows]), rel=1e-3)


def test_names_are_safe_unique_and_stable(tmp_path):
    runs = plan(SHORT, tmp_path, [1], {"layers.0.threshold": ["2*mV", "2/mV", 1.0]})
    assert runs[2].name == "layers.0.threshold=1.0,seed=1"
    label = "layers.0.threshold=2*mV,seed=1"
    assert runs[0].name == f"layers.0.threshold=2_mV,seed=1-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
    assert runs[1].name != runs[0].name
    long = plan(SHORT, tmp_path, [1], {"optimizer": [SHORT.optimizer, dataclasses.replace(SHORT.optimizer, clip=True)]})
    assert len({run.name for run in long}) == 2 and all(len(run.name) < 150 for run in long)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"settings": {"optimizer.learning_rat": [1]}}, UnknownNameError, "Did you mean 'optimizer.learning_rate'"),
        ({"settings": {"epochs": [1, 0]}}, ConfigurationError, "epochs must be a positive integer, found 0"),
        ({"settings": {"epochs": []}}, ConfigurationError, "epochs needs at least one value"),
        ({"settings": {"epochs": [2, 2]}}, ConfigurationError, "epochs has the value 2 twice"),
        ({"settings": {"seed": [1]}}, ConfigurationError, "give seed by seeds"),
        ({"settings": {"dataset": ["mnits"]}}, UnknownNameError, "unknown dataset 'mnits'. Did you mean 'mnist'"),
        ({"seeds": [1, -1]}, ConfigurationError, "seed must be an integer in"),
        ({"seeds": []}, ConfigurationError, "seeds needs at least one"),
        ({"engine": "fussed"}, UnknownNameError, "Did you mean 'fused'"),
        ({"workers": 0}, ConfigurationError, "workers must be a positive integer"),
        ({"threads": 0}, ConfigurationError, "threads must be a positive integer"),
        ({"workers": 1, "scheduler": "tcp://127.0.0.1:1"}, ConfigurationError, "not both"),
        ({"leave_one_out": "words"}, UnknownNameError, "Known: speakers"),
        ({"leave_one_out": "speakers"}, ConfigurationError, "speakers can be left out of fsdd.*found mnist"),
    ],
)
def test_nothing_starts_unless_all_can(tmp_path, monkeypatch, arguments, error, message):
    monkeypatch.setattr(sweep_module, "train_in_sweep", None)
    with pytest.raises(error, match=message):
        sweep(SHORT, tmp_path / "out", progress=False, **arguments)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_another_sweep_is_refused_before_anything_starts(tmp_path):
    sweep(SHORT, tmp_path, seeds=[2], progress=False)
    with pytest.raises(ConfigurationError, match="can't resume .*seed=2: its run has batch_size = 5, this one 6"):
        sweep(dataclasses.replace(SHORT, batch_size=6), tmp_path, seeds=[1, 2], progress=False)
    assert not (tmp_path / "seed=1").exists()


def test_a_worker_that_does_not_see_the_folder_says_so(tmp_path):
    (run,) = plan(SHORT, tmp_path / "elsewhere", None, None)
    error = train_in_sweep(run, SweepToken(tmp_path / "elsewhere" / ".sweep", "text"), "0.1.0", None, "fused", 1)
    assert "does not see the sweep in" in error and "a disk that they share" in error
    assert not (tmp_path / "elsewhere").exists()
    with SweepToken.of(tmp_path / "elsewhere") as token:
        error = train_in_sweep(run, token, "0.0.7", None, "fused", 1)
    assert error == (
        "ClusterError: the process that sent this has hm2bp_brian 0.0.7, this worker 0.1.0; install the same version "
        "for all"
    )


def test_a_run_that_nobody_waits_for_ends_after_its_epoch(tmp_path):
    (run,) = plan(SHORT, tmp_path, None, None)
    with SweepToken.of(tmp_path) as old, SweepToken.of(tmp_path):
        assert "does not see" in train_in_sweep(run, old, "0.1.0", None, "fused", 1)
    with SweepToken.of(tmp_path) as token:
        seen = iter([True, False, False])
        leaving = type("Leaving", (), {"path": token.path, "is_there": lambda self: next(seen)})()
        error = train_in_sweep(run, leaving, "0.1.0", None, "fused", 1)
    assert error == f"RunFolderError: the sweep into {tmp_path} has ended; epoch 1 is kept"
    assert len(History.from_csv(run.folder.history)) == 1
    assert sweep(SHORT, tmp_path, progress=False)[0]["epochs"] == 2


def test_faults_of_the_package_are_told_with_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(DATASETS, "mnist", lambda data: 1 / 0)
    with pytest.raises(SweepError, match="ZeroDivisionError: division by zero"):
        sweep(SHORT, tmp_path, progress=False)
    assert "Traceback" in capsys.readouterr().err


def test_lost_futures_are_told(tmp_path, monkeypatch):
    class Executor(ThreadPoolExecutor):
        def submit(self, task, run, *arguments):
            future = Future()
            if run.recipe.seed == 1:
                future.cancel()
                future.set_running_or_notify_cancel()
            else:
                future.set_exception(OSError("lost\nat sea"))
            return future

    monkeypatch.setattr(sweep_module, "LocalWorkers", Executor)
    with pytest.raises(SweepError, match="2 of 2"):
        sweep(SHORT, tmp_path, seeds=[1, 2], progress=False)
    errors = [row["error"] for row in rows_of(tmp_path / "table.csv")]
    assert errors == ["cancelled: the scheduler or the connection to it has ended", "OSError: lost at sea"]


def test_what_all_runs_say_is_told_once(tmp_path):
    with pytest.raises(SweepError, match="3 of 3 runs failed") as caught:
        sweep(SHORT, tmp_path, seeds=[1, 2, 3], settings={"train_samples": [31]}, progress=False)
    assert str(caught.value).count("there are 30 training samples") == 1
    assert len(rows_of(tmp_path / "table.csv")) == 3


def test_progress_counts_epochs_runs_and_the_best(tmp_path, capsys):
    sweep(SHORT, tmp_path, seeds=[1], progress=False)
    best = max(row["test_accuracy"] for row in sweep(SHORT, tmp_path, seeds=[1, 2], progress=True))
    last = capsys.readouterr().err.replace("\n", "\r").rstrip("\r").split("\r")[-1]
    assert "4/4" in last and f"2/2 runs, best {best:.4f} (seed=" in last


def test_the_command_line(tmp_path, capsys):
    arguments = "sweep tiny --seeds 1-2 --set loss.margin=0,2 --epochs 1 --out here --workers 1".split()
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith("| loss.margin | runs |") and "here/table.csv has the runs" in out
    assert {(row["seed"], row["epochs"]) for row in rows_of("here/table.csv")} == {("1", "1"), ("2", "1")}
    assert cli.main(["sweep", "tiny", "--set", "loss.margni=1"]) == 2
    assert "Did you mean 'loss.margin'" in capsys.readouterr().err
    assert cli.main(["sweep", "tiny", "--set", "epochs=1", "--set", "epochs=2"]) == 2
    assert "--set epochs is given twice" in capsys.readouterr().err
    assert cli.main(["sweep", "tiny", "--set", "train_samples=31", "--out", "there"]) == 2
    assert "1 of 1 runs failed" in capsys.readouterr().err


def test_ctrl_c_is_told_with_what_to_do(monkeypatch, capsys):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep_module, "_wait_for", interrupt)
    assert cli.main(["sweep", "tiny"]) == 130
    assert capsys.readouterr().err == "hm2bp: interrupted; finished epochs are kept, the same command goes on\n"


@pytest.mark.parametrize(("text", "seeds"), [("1-3", [1, 2, 3]), ("7", [7]), ("1, 4-5,9", [1, 4, 5, 9])])
def test_seeds_are_read(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "3-1", "a", "1-", "-1", "1..3"])
def test_what_are_no_seeds_is_refused(text):
    with pytest.raises(ConfigurationError, match=r"seeds are written as in 1-5 or 1,2,7; found"):
        parse_seeds(text)

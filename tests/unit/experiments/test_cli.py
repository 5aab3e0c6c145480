import json
import os
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from brian2 import get_device

from hm2bp_brian.datasets import ImageDataset
from hm2bp_brian.engines.protocol import HostTape
from hm2bp_brian.engines.registry import ENGINES
from hm2bp_brian.engines.updates import NumpyUpdater
from hm2bp_brian.errors import DatasetNotFoundError
from hm2bp_brian.experiments import cli, recipes
from hm2bp_brian.experiments.neuron_settings import LIFSettings
from hm2bp_brian.experiments.recipe import DATASETS, Recipe
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.experiments.trained import load_trained
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.training.history import History
from hm2bp_brian.training.optimizers import Adam

TINY = Recipe(
    name="tiny",
    layers=(Dense(16, threshold=1.0, initializer=Uniform(3.0)), Dense(2, threshold=1.0, initializer=Uniform(3.0))),
    duration_ms=20.0,
    neuron=LIFSettings(tau_m_ms=16.0, tau_s_ms=4.0),
    loss=SpikeCountLoss(5, 1, 1),
    optimizer=Adam(0.05),
    batch_size=5,
    epochs=2,
)


def two_classes(n):
    """Upper or lower half bright."""
    images = np.full((n, 2, 2, 1), 20, np.uint8)
    labels = np.arange(n) % 2
    images[np.arange(n), labels] = 250
    return ImageDataset(images, labels, 2, "tiny")


class MemorylessEngine:
    """A neuron fires whenever its input in the same step passes 1: no neuron model, but quick."""

    interrupt_at = None
    updater = NumpyUpdater

    def __init__(self, network, dtype, threads):
        self.network = network
        self.threads = threads or 1
        self.runs = 0

    def encoder(self, encoder):
        return encoder

    def backward(self, tape, errors, rules):
        return backward(self.network, tape.parameters, tape.record, errors, rules)

    def forward(self, weights, batch):
        self.runs += 1
        if self.runs == self.interrupt_at:
            raise KeyboardInterrupt
        layers, spikes = [], batch.dense().reshape(batch.n_samples, batch.n_steps, -1)
        for w in weights:
            spikes = spikes @ w > 1
            layers.append(SpikeBatch.from_dense(spikes))
        return HostTape(weights, SpikeRecord(batch, tuple(layers)))


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """A recipe "tiny", small data in place of MNIST, a quick engine, and an empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recipes, "RECIPES", [*recipes.RECIPES, TINY])
    monkeypatch.setitem(DATASETS, "mnist", lambda data: (two_classes(20), two_classes(6)))
    monkeypatch.setitem(ENGINES, "fused", MemorylessEngine)


def run(*arguments) -> int:
    return cli.main([str(a) for a in arguments])


def last_error(capsys) -> str:
    """What went to stderr: one line."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("hm2bp: error: ")
    return lines[0]


def test_recipes_are_listed(capsys):
    assert run("recipes") == 0
    assert capsys.readouterr().out.split() == recipes.names()


def test_train_makes_a_run_folder(tmp_path, capsys):
    assert run("train", "tiny") == 0
    folder = tmp_path / "runs" / "tiny-seed0"
    assert {str(p.relative_to(folder)) for p in folder.rglob("*")} == {
        "recipe.toml",
        "history.csv",
        "checkpoint.npz",
        "weights.npz",
        "figures",
        "figures/learning_curve.png",
        "figures/raster.png",
        "figures/spsp_map.png",
    }
    history = History.from_csv(folder / "history.csv")
    assert [row["epoch"] for row in history] == [1, 2]
    out = capsys.readouterr()
    assert f"test accuracy {history[-1]['test_accuracy']:.4f} after epoch 2" in out.out
    assert out.err == ""


def test_arguments_override_the_recipe_and_are_written_down(tmp_path):
    arguments = (
        "--epochs 1 --train-samples 8 --test-samples 4 --batch-size 3 --learning-rate 0.25 --seed 7 --hold-out 5"
    )
    assert run("train", "tiny", *arguments.split(), "--hold-out", 5, "--threads", 2, "--out", "here") == 0
    table = tomllib.loads((tmp_path / "here" / "recipe.toml").read_text())
    found = {k: table[k] for k in ("epochs", "train_samples", "test_samples", "batch_size", "seed", "hold_out")}
    assert list(found.values()) == [1, 8, 4, 3, 7, 5]
    assert table["optimizer"]["learning_rate"] == 0.25
    assert {k: v for k, v in table["run"].items() if k != "versions"} == {
        "engine": "fused",
        "threads": 2,
        "train_samples": 8,
        "holdout_samples": 5,
        "test_samples": 4,
    }
    history = History.from_csv(tmp_path / "here" / "history.csv")
    assert len(history) == 1 and 0 <= history[0]["holdout_accuracy"] <= 1


def test_speakers_to_leave_out_come_into_the_recipe(capsys):
    assert run("train", "tiny", "--leave-out", "jackson", "theo", "--out", "here") == 2
    assert "found leave_out=('jackson', 'theo') for mnist" in capsys.readouterr().err


def test_the_data_folder_is_passed_on(monkeypatch, capsys):
    def not_there(data):
        raise DatasetNotFoundError(f"nothing in {data}")

    monkeypatch.setitem(DATASETS, "mnist", not_there)
    assert run("train", "tiny", "--data", "elsewhere") == 2
    assert last_error(capsys) == "hm2bp: error: nothing in elsewhere"


def test_a_failed_start_leaves_no_folder(tmp_path, capsys):
    assert run("train", "tiny", "--train-samples", 99) == 2
    assert "99" in last_error(capsys)
    assert list(tmp_path.iterdir()) == []


def test_resume_equals_an_uninterrupted_run(tmp_path):
    assert run("train", "tiny", "--epochs", 4, "--out", "whole", "--hold-out", 4) == 0
    assert run("train", "tiny", "--epochs", 2, "--out", "parts", "--hold-out", 4) == 0
    assert run("train", "tiny", "--epochs", 4, "--out", "parts", "--hold-out", 4, "--resume") == 0
    whole, parts = (History.from_csv(tmp_path / name / "history.csv") for name in ("whole", "parts"))
    assert whole.columns == parts.columns
    for name in set(whole.columns) - {"seconds"}:
        np.testing.assert_array_equal(whole.column(name), parts.column(name))
    with np.load("whole/checkpoint.npz") as a, np.load("parts/checkpoint.npz") as b:
        np.testing.assert_array_equal(a["weights/0"], b["weights/0"])


def test_resume_with_nothing_left_to_do(tmp_path):
    assert run("train", "tiny", "--out", "a") == 0
    before = (tmp_path / "a" / "history.csv").read_text()
    assert run("train", "tiny", "--out", "a", "--resume") == 0
    assert (tmp_path / "a" / "history.csv").read_text() == before


def test_a_taken_folder_is_refused_and_stays(tmp_path, capsys):
    assert run("train", "tiny", "--out", "a") == 0
    before = {p: p.read_bytes() for p in (tmp_path / "a").rglob("*.*")}
    capsys.readouterr()
    assert run("train", "tiny", "--out", "a") == 2
    assert "already holds a run" in last_error(capsys)
    assert run("train", "tiny", "--out", "a", "--resume", "--batch-size", 4) == 2
    assert "batch_size = 5, this one 4" in last_error(capsys)
    assert run("train", "tiny", "--out", "b", "--resume") == 2
    assert "b holds no run" in last_error(capsys)
    assert {p: p.read_bytes() for p in (tmp_path / "a").rglob("*.*")} == before


def test_interrupted_training_can_be_resumed(monkeypatch, tmp_path, capsys):
    # an epoch has 4 runs to train and 1 to evaluate
    monkeypatch.setattr(MemorylessEngine, "interrupt_at", 8)
    assert run("train", "tiny", "--out", "a") == 130
    assert capsys.readouterr().err == "hm2bp: interrupted; finished epochs are kept, go on with --resume\n"
    assert len(History.from_csv(tmp_path / "a" / "history.csv")) == 1
    monkeypatch.setattr(MemorylessEngine, "interrupt_at", None)
    assert run("train", "tiny", "--out", "a", "--resume") == 0
    assert len(History.from_csv(tmp_path / "a" / "history.csv")) == 2


def test_interrupted_in_the_first_epoch(monkeypatch, tmp_path):
    monkeypatch.setattr(MemorylessEngine, "interrupt_at", 2)
    assert run("train", "tiny", "--out", "a") == 130
    monkeypatch.setattr(MemorylessEngine, "interrupt_at", None)
    assert run("train", "tiny", "--out", "a", "--resume") == 0


def test_evaluate_prints_json(tmp_path, capsys):
    assert run("train", "tiny", "--out", "a", "--seed", 3) == 0
    capsys.readouterr()
    assert run("evaluate", "a") == 0
    accuracy = History.from_csv(tmp_path / "a" / "history.csv")[-1]["test_accuracy"]
    assert json.loads(capsys.readouterr().out) == {
        "accuracy": accuracy,
        "samples": 6,
        "dataset": "mnist",
        "recipe": "tiny",
        "seed": 3,
        "epochs": 2,
    }
    assert run("evaluate", "a", "--test-samples", 2) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 2
    assert run("evaluate", "a/weights.npz") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["accuracy"], found["seed"], found["epochs"]) == (accuracy, 3, 2)


def test_evaluate_what_is_no_run_or_broken(tmp_path, capsys):
    assert run("evaluate", "nowhere") == 2
    assert "nowhere holds no run" in last_error(capsys)
    assert run("train", "tiny", "--out", "a") == 0
    capsys.readouterr()
    (tmp_path / "a" / "checkpoint.npz").write_bytes(b"PK")
    assert run("evaluate", "a") == 2
    assert "is no checkpoint, or corrupt" in last_error(capsys)
    (tmp_path / "a" / "checkpoint.npz").unlink()
    assert run("evaluate", "a") == 2
    assert "checkpoint.npz" in last_error(capsys)


def test_the_device_is_set_while_training(tmp_path, monkeypatch):
    devices = []

    class Watched(MemorylessEngine):
        def __init__(self, *args, **kwds):
            devices.append(type(get_device()).__name__)
            super().__init__(*args, **kwds)

    monkeypatch.setitem(ENGINES, "brian2", Watched)
    before = get_device()
    assert run("train", "tiny", "--engine", "brian2", "--device", "cpp_standalone", "--out", "a") == 0
    assert get_device() is before
    assert tomllib.loads((tmp_path / "a" / "recipe.toml").read_text())["run"]["device"] == "cpp_standalone"
    assert run("evaluate", "a", "--engine", "brian2", "--device", "runtime") == 0
    assert run("evaluate", "a", "--engine", "brian2") == 0
    assert devices == ["CPPStandaloneDevice", "RuntimeDevice", "RuntimeDevice"]


def test_devices_that_can_not_be_used(capsys):
    assert run("train", "tiny", "--device", "cpp_standalone") == 2
    assert "--device cpp_standalone goes with --engine brian2, found engine 'fused'" in last_error(capsys)
    assert run("train", "tiny", "--device", "gpu") == 2
    assert "unknown device 'gpu'. Known: cpu, cuda." in last_error(capsys)
    assert run("train", "tiny", "--engine", "brian2", "--device", "gpu") == 2
    assert "unknown device 'gpu'" in last_error(capsys)


def test_a_width_for_layers_that_have_none_is_named(capsys):
    assert run("bench", "--recipe", "mnist-cnn", "--width", 4) == 2
    assert "unknown setting 'layers.0.units'. Did you mean" in last_error(capsys)


def test_a_weight_file_without_an_ending_has_its_report_beside_it(tmp_path, capsys):
    assert run("train", "tiny", "--out", "a", "--epochs", 1) == 0
    (tmp_path / "a" / "weights.npz").rename(tmp_path / "mine")
    folder = load_trained("mine").folder
    assert folder.path.parent == load_trained("a").folder.path.parent
    folder.path.mkdir()


def test_export_brian(tmp_path, capsys):
    assert run("train", "tiny", "--out", "a", "--epochs", 1) == 0
    capsys.readouterr()
    assert run("export-brian", "a", "--out", "plain", "--test-samples", 4) == 0
    assert capsys.readouterr().out.startswith("plain/network.py: classes of its samples [")
    assert sorted(p.name for p in (tmp_path / "plain").iterdir()) == ["network.npz", "network.py"]
    with np.load("plain/network.npz") as exported, np.load("a/weights.npz") as trained:
        assert exported["n_samples"] == 4
        np.testing.assert_array_equal(exported["weights_synapses_0"], trained["weights/0"].ravel())
    assert run("export-brian", "a/weights.npz", "--out", "plain") == 2
    assert "choose another folder" in last_error(capsys)


def test_unknown_recipe(capsys):
    assert run("train", "mnist-mpl") == 2
    assert "unknown recipe 'mnist-mpl'. Did you mean 'mnist-mlp'" in last_error(capsys)


@pytest.mark.parametrize("arguments", [[], ["tain"], ["train"], ["train", "tiny", "--epochs", "many"]])
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    assert "usage: hm2bp" in capsys.readouterr().err


def test_wrong_numbers(tmp_path, capsys):
    for option, value in (("--epochs", 0), ("--batch-size", 0), ("--learning-rate", -1), ("--seed", -1)):
        assert run("train", "tiny", option, value, "--out", "a") == 2
        assert f"found {float(value) if 'rate' in option else value}" in last_error(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be(tmp_path, capsys):
    (tmp_path / "a").write_text("")
    assert run("train", "tiny", "--out", "a") == 2
    assert "a is a file, but a run makes a folder; choose another name with --out" in last_error(capsys)


def test_a_folder_that_another_run_holds_is_refused(tmp_path, capsys):
    with RunFolder("a").locked():
        assert run("train", "tiny", "--out", "a") == 2
        assert "another process is training into a;" in last_error(capsys)
        assert not (tmp_path / "a" / "recipe.toml").exists()
    assert run("train", "tiny", "--out", "a") == 0


def test_resuming_a_run_that_goes_on_is_refused(tmp_path, capsys):
    assert run("train", "tiny", "--out", "a") == 0
    before = {p: p.read_bytes() for p in (tmp_path / "a").rglob("*.*")}
    capsys.readouterr()
    with RunFolder("a").locked():
        assert run("train", "tiny", "--out", "a", "--resume", "--epochs", 3) == 2
    assert "another process is training into a;" in last_error(capsys)
    assert {p: p.read_bytes() for p in (tmp_path / "a").rglob("*.*")} == before


def test_a_run_that_came_while_the_data_were_read_is_not_overwritten(monkeypatch, tmp_path, capsys):
    def load(data):
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "recipe.toml").write_text("another run")
        return two_classes(20), two_classes(6)

    monkeypatch.setitem(DATASETS, "mnist", load)
    assert run("train", "tiny", "--out", "a") == 2
    assert "already holds a run (recipe.toml)" in last_error(capsys)
    assert (tmp_path / "a" / "recipe.toml").read_text() == "another run"


@pytest.mark.parametrize("epochs", [2, 3])
def test_a_row_that_a_kill_kept_from_the_history_is_written(tmp_path, epochs):
    assert run("train", "tiny", "--out", "a") == 0
    history = tmp_path / "a" / "history.csv"
    whole = history.read_text()
    history.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    assert run("train", "tiny", "--out", "a", "--epochs", epochs, "--resume") == 0
    assert history.read_text().startswith(whole)
    assert len(History.from_csv(history)) == epochs


def test_a_fault_of_the_package_says_so(monkeypatch, capsys):
    def broken(args):
        raise KeyError("neurons.hpp")

    monkeypatch.setattr(cli, "run_recipes", broken)
    assert run("recipes") == 1
    said = capsys.readouterr().err
    assert "hm2bp: internal error: KeyError: 'neurons.hpp'" in said and "report" in said
    assert "in broken" in said and said.endswith("\nhm2bp recipes\n") and "hm2bp_brian 0.1.0" in said


def test_without_memory(monkeypatch, capsys):
    def too_large(args):
        np.empty(2**60, dtype=np.uint8)

    monkeypatch.setattr(cli, "run_recipes", too_large)
    assert run("recipes") == 1
    assert "not enough memory; take a smaller batch or network. Unable to allocate 1.00 EiB" in last_error(capsys)


def test_a_pipe_that_nobody_reads_ends_it_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "hm2bp_brian.experiments.cli", "recipes"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "hm2bp_brian.experiments.cli", "recipes"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "mnist-mlp" in done.stdout.split()

"""The report of a run, and the scripts that analyse one, on the tiny task."""

import base64
import csv
import dataclasses
import importlib
import io
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "unit" / "training"))

from oracle import _pair  # noqa: E402
from tiny_run import RECIPE, make_run, use_tiny_data_and_engine  # noqa: E402

from hm2bp_brian.errors import ConfigurationError  # noqa: E402
from hm2bp_brian.experiments import cli, report  # noqa: E402
from hm2bp_brian.experiments.run_folder import RunFolder  # noqa: E402
from hm2bp_brian.experiments.trained import load_trained  # noqa: E402
from hm2bp_brian.experiments.training_run import train_run  # noqa: E402
from hm2bp_brian.experiments.weights_file import save_weights  # noqa: E402
from hm2bp_brian.learning.backward import Walk  # noqa: E402
from hm2bp_brian.learning.rules import Rules  # noqa: E402
from hm2bp_brian.model.delays import Learned  # noqa: E402
from hm2bp_brian.model.initializers import Uniform  # noqa: E402
from hm2bp_brian.model.layers import Dense, Recurrent  # noqa: E402
from hm2bp_brian.training.history import History  # noqa: E402

VOID = {"meta", "img", "br", "link", "input", "hr"}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    use_tiny_data_and_engine(monkeypatch)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained run folder, made once."""
    path = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_tiny_data_and_engine(monkeypatch)
        make_run(path)
    return path


@pytest.fixture
def run_dir(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def script(monkeypatch):
    """Import a script of the folder analysis."""
    monkeypatch.syspath_prepend(ROOT / "analysis")
    yield importlib.import_module
    for path in (ROOT / "analysis").glob("*.py"):
        sys.modules.pop(path.stem, None)


class Page(HTMLParser):
    """Tags must nest; attributes, text and pictures are collected."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    @property
    def pictures(self):
        return [value for tag, name, value in self.attributes if (tag, name) == ("img", "src")]


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_inspect_writes_a_self_contained_page(run_dir, capsys):
    settings = matplotlib.rcParams.copy()
    assert cli.main(["inspect", str(run_dir), "--sample", "2"]) == 0
    assert capsys.readouterr().out == f"{run_dir / 'report.html'}\n"
    assert matplotlib.rcParams == settings and plt.get_fignums() == []
    source = (run_dir / "report.html").read_text(encoding="utf-8")
    page = Page(source)
    text = "".join(page.text)
    accuracy = History.from_csv(run_dir / "history.csv")[-1]["test_accuracy"]
    assert f"{100 * accuracy:.2f} % ({18 - round(18 * accuracy)} of 18 samples wrong)" in text
    assert "What test sample 2 does" in text and "Class 2, taken for" in text
    assert (run_dir / "recipe.toml").read_text() in text
    for heading in ("History", "Weights", "Confusion matrix", "Worst mistakes", "Firing statistics"):
        assert heading in text
    # history, raster, at least one attribution, receptive fields, confusion matrix, firing
    assert len(page.pictures) >= 6
    for picture in page.pictures:
        assert picture.startswith("data:image/png;base64,")
        assert plt.imread(io.BytesIO(base64.b64decode(picture.partition(",")[2]))).std() > 0
    assert {tag for tag, _, _ in page.attributes}.isdisjoint({"link", "script", "iframe", "object"})
    assert not re.search(r"https?:|//|url\(|@import", re.sub(r"base64,[A-Za-z0-9+/=]+", "", source))
    descriptions = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(descriptions) == len(page.pictures) == len(set(descriptions)) and all(descriptions)
    assert "input spikes of each pixel: class 2" in descriptions
    assert any(words.startswith("answers of the neurons of layer 0") for words in descriptions)
    for heading in ("training time (s)", "spikes a neuron, layer 1", "mean rate (Hz)", "median ISI (ms)"):
        assert heading in text
    assert "_" not in text.partition("Recipe and versions")[0].replace("tau_m", "").replace("tau_s", "")


def test_inspect_of_a_weight_file(run_dir, capsys):
    run = load_trained(run_dir)
    save_weights(run_dir / "weights.npz", RECIPE, run.network.weights, run.epoch)
    assert cli.main(["inspect", str(run_dir / "weights.npz")]) == 0
    path = run_dir / "weights" / "report.html"
    assert capsys.readouterr().out == f"{path}\n"
    text = "".join(Page(path.read_text(encoding="utf-8")).text)
    assert "None is known" in text and 'name = "tiny"' in text
    accuracy = History.from_csv(run_dir / "history.csv")[-1]["test_accuracy"]
    assert f"{100 * accuracy:.2f} %" in text


def test_the_report_goes_where_it_is_told_to(run_dir, tmp_path, capsys):
    path = tmp_path / "new" / "mine.html"
    assert cli.main(["inspect", str(run_dir), "--out", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n" and path.read_text(encoding="utf-8").startswith("<!")
    assert not (run_dir / "report.html").exists()


def test_inspect_of_a_sample_that_is_not_there(run_dir, capsys):
    assert cli.main(["inspect", str(run_dir), "--sample", "18"]) == 2
    assert "sample must be a test sample in 0..17, found 18" in capsys.readouterr().err
    assert not (run_dir / "report.html").exists()


def test_worst_mistakes_come_first():
    counts = np.array([[5, 4, 0], [0, 9, 1], [3, 3, 3], [0, 0, 7], [2, 0, 0]])
    labels = np.array([1, 2, 1, 2, 1])
    assert report.worst_mistakes(counts, labels).tolist() == [1, 4, 0, 2]
    assert report.worst_mistakes(counts, labels, most=2).tolist() == [1, 4]


def test_strongest_chain_goes_from_the_output_to_the_input(run_dir):
    run = load_trained(run_dir)
    record = run.evaluator.record(run.test, 1)
    output, hidden = report.strongest_chain(run.network, record)
    assert output[0] == 1 and hidden[0] == 0
    counts = record.output.counts[0]
    assert counts[output[1]] == counts.max() and output[2] == counts.max() // 2
    train = record.output.train(0, output[1])
    until, after = (set(train[:n].tolist()) for n in (output[2], output[2] + 1))
    potentials = []
    for j in range(8):
        pre = set(record.layers[0].train(0, j).tolist())
        grown = [_pair(run.network.linear_map(1), output[1], pre, post, record.n_steps) for post in (after, until)]
        potentials.append(run.network.weights[1][j, output[1]] * (grown[0] - grown[1]))
    assert hidden[1] == np.argmax(potentials)
    steps = record.layers[0].train(0, hidden[1])
    assert steps[hidden[2]] < train[output[2]]
    assert hidden[2] == len(steps) - 1 or steps[hidden[2] + 1] >= train[output[2]]


def test_a_network_with_delays_and_loops_is_trained_into_a_folder_and_inspected(tmp_path):
    late = Learned("0*ms", "9*ms")
    hidden = Dense(
        8, threshold=0.5, initializer=Uniform(1.5), delay=late, recurrent=Recurrent(Uniform(0.1), delay=late)
    )
    output = Dense(RECIPE.layers[-1].units, threshold=0.5, initializer=Uniform(1.5), delay=late)
    recipe = dataclasses.replace(RECIPE, layers=(hidden, output))
    train_run(recipe, RunFolder(tmp_path / "run"), engine="brian2")
    run = load_trained(tmp_path / "run", engine="brian2")
    network, record = run.network, run.evaluator.record(run.test, 0)
    page = report.write_report(run).read_text(encoding="utf-8")
    assert "what the inputs of neuron" in page
    (_, output, spike), (_, hidden, sent) = report.strongest_chain(network, record)
    delay = network.delays_of(network.chain[1], network.parameters)[hidden, output]
    arrived = record.layers[0].train(0, hidden) + delay <= record.output.train(0, output)[spike]
    assert delay and sent == np.flatnonzero(arrived)[-1]


def test_firing_statistics(run_dir, script, capsys):
    rows = script("firing_statistics").main(run_dir, samples=10)
    run = load_trained(run_dir)
    record = run.record(10)
    for row, spikes in zip(rows, record.layers, strict=True):
        dense = spikes.dense().reshape(10, 40, -1)
        assert row["spikes_per_sample"] == pytest.approx(dense.sum() / 10)
        assert row["mean_rate_hz"] == pytest.approx(dense.mean() / 1e-3)
        assert row["silent_percent"] == pytest.approx(100 * (~dense.any(axis=(0, 1))).mean())
    found = read_csv(run_dir / "analysis" / "firing_statistics.csv")
    assert [float(row["mean_rate_hz"]) for row in found] == [row["mean_rate_hz"] for row in rows]
    assert plt.imread(run_dir / "analysis" / "firing_statistics.png").min() < 0.5
    assert capsys.readouterr().out.startswith("| layer | neurons |")


def test_spsp_accuracy_shows_the_order_of_each_method(run_dir, script, monkeypatch):
    accuracy = script("spsp_accuracy")
    monkeypatch.setattr(accuracy, "METHODS", ("euler", "rk4", "exact"))
    monkeypatch.setattr(accuracy, "REFINEMENTS", (1, 2))
    rows = {(row["method"], row["dt_ms"]): row for row in accuracy.main(run_dir, samples=2)}
    assert set(rows) == {(method, dt) for method in ("euler", "rk4", "exact") for dt in (1.0, 0.5)}
    for row in rows.values():
        assert row["adjoint_against_simulated"] < 1e-12
        assert row["simulated_error"] == pytest.approx(row["adjoint_error"], rel=1e-3, abs=1e-12)
    for method, order in (("euler", 1), ("rk4", 4)):
        errors = [rows[method, dt]["adjoint_error"] for dt in (1.0, 0.5)]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)
    assert rows["exact", 1.0]["adjoint_error"] < 1e-12
    assert len(read_csv(run_dir / "analysis" / "spsp_accuracy.csv")) == 6


def test_decoupling_check(run_dir, script):
    check = script("decoupling_check")
    rows = check.main(run_dir, samples=4)
    run = load_trained(run_dir)
    record, network = run.record(4), run.network
    e, products, o, a = [], [], [], []
    for n in range(4):
        for i in range(3):
            post = set(record.layers[1].train(n, i).tolist())
            total = 0.0
            for j in range(8):
                pre = set(record.layers[0].train(n, j).tolist())
                pair = _pair(network.linear_map(1), i, pre, post, 40)
                total += network.weights[1][j, i] * pair / network.thresholds[1]
                if pre and post:
                    e.append(pair)
                    products.append(len(pre) * len(post))
            if post:
                o.append(len(post))
                a.append(total)
    e, products, o, a = map(np.array, (e, products, o, a))
    last = rows[1]
    assert (last["pairs"], last["neurons"]) == (len(e), len(o))
    assert last["e_per_o_o"] == pytest.approx((e * products).sum() / (products**2).sum())
    assert last["e_correlation"] == pytest.approx(np.corrcoef(e, products)[0, 1])
    assert last["e_variation"] == pytest.approx(np.std(e / products) / np.mean(e / products))
    assert last["o_per_a"] == pytest.approx((o * a).sum() / (a**2).sum())
    assert last["o_error"] == pytest.approx(np.mean(np.abs(o - a) / o))
    assert plt.imread(run_dir / "analysis" / "decoupling_check.png").min() < 0.5


def test_decoupling_check_of_exact_relations(script):
    check = script("decoupling_check")
    products, a = np.array([1.0, 2.0, 6.0]), np.array([2.0, 4.0])
    found = check.figures(0.5 * products, products, a, a)
    assert found["e_per_o_o"] == 0.5 and found["o_per_a"] == 1 and found["o_error"] == 0
    assert found["e_correlation"] == pytest.approx(1) and found["e_variation"] == 0


def test_gradient_quality(run_dir, script, monkeypatch):
    quality = script("gradient_quality")
    monkeypatch.setattr(quality, "DIRECTIONS", 6)
    rows = quality.main(run_dir, samples=18)
    assert [(row["layer"], row["neurons"]) for row in rows] == [(0, "all"), (0, "fired"), (1, "all"), (1, "fired")]
    for row in rows:
        assert -1 <= row["correlation"] <= 1 and 0 <= row["same_sign"] <= 1
    assert len(read_csv(run_dir / "analysis" / "gradient_quality.csv")) == 4


def test_derivatives_of_a_known_loss(script):
    quality = script("gradient_quality")
    weights = [np.array([1.0, 2.0]), np.array([3.0])]

    def loss(w):
        return float((w[0] ** 2).sum() + 5 * w[1][0])

    assert quality.derivative(loss, weights, 0, 0.1, np.array([1.0, -1.0])) == pytest.approx(2 * 1 - 2 * 2)
    assert quality.derivative(loss, weights, 1, 0.1, np.array([2.0])) == pytest.approx(10)
    assert weights[0].tolist() == [1.0, 2.0]
    found = quality.figures(np.array([1.0, -2.0, 3.0, 4.0]), np.array([2.0, -4.0, 6.0, 2.0]))
    assert found == {
        "correlation": pytest.approx(1),
        "slope": pytest.approx(2),
        "same_sign": 1.0,
        "along_gradient": 0.5,
    }


def test_silent_neurons_have_no_delta_in_the_fired_gradient(run_dir, script):
    quality = script("gradient_quality")
    run = load_trained(run_dir)
    record = run.record(18)
    passed = []

    class Spy:
        own_spsp = None

        def backward_component(self, component, walk):
            passed.append(walk.deltas["layer_0"])

    delta = np.ones((18, 8))
    walk = Walk((), {"layer_0": record.layers[0]}, Rules(), {}, {"layer_0": delta})
    quality.FiredOnly(Spy()).backward_component(run.network.components[0], walk)
    np.testing.assert_array_equal(passed[0], record.layers[0].counts > 0)
    assert (delta == 1).all()


def write_run(path, recipe, test, holdout=None):
    make = History(
        {"epoch": n, "train_loss": 1.0, "train_accuracy": 0.5, "test_accuracy": t, "seconds": 10.0 + n}
        | ({"holdout_accuracy": holdout[n - 1]} if holdout else {})
        for n, t in enumerate(test, start=1)
    )
    folder = RunFolder(path)
    folder.write_recipe(recipe)
    make.to_csv(folder.history)
    return path


def test_compare_runs_groups_seeds(tmp_path, script, capsys):
    other = dataclasses.replace(RECIPE, batch_size=7)
    paths = [
        write_run(tmp_path / "a", RECIPE, [0.9, 0.8], [0.5, 0.4]),
        write_run(tmp_path / "b", dataclasses.replace(RECIPE, seed=2), [0.6, 0.7], [0.5, 0.6]),
        write_run(tmp_path / "c", other, [0.5]),
    ]
    rows = script("compare_runs").main(paths, tmp_path / "out")
    assert [(row["recipe"], row["seeds"], row["epochs"]) for row in rows] == [("tiny", 2, 2), ("tiny (2)", 1, 1)]
    first, second = rows
    # by hand: last 80 and 70, best 90 and 70, chosen by held-out samples 90 and 70
    assert first["last_test_percent"] == pytest.approx(75)
    assert first["last_test_percent_sd"] == pytest.approx(50**0.5)
    assert first["best_test_percent"] == first["chosen_test_percent"] == pytest.approx(80)
    assert first["seconds_per_epoch"] == pytest.approx(11.5)
    assert np.isnan(second["last_test_percent_sd"]) and np.isnan(second["chosen_test_percent"])
    out = capsys.readouterr().out
    assert (tmp_path / "out" / "compare_runs.md").read_text() == out and "| tiny (2) | 1 | 1 | 50 |" in out
    assert float(read_csv(tmp_path / "out" / "compare_runs.csv")[0]["last_test_percent"]) == pytest.approx(75)
    assert plt.imread(tmp_path / "out" / "compare_runs.png").min() < 0.5


def test_compare_runs_of_different_lengths_or_none(tmp_path, script):
    paths = [write_run(tmp_path / name, RECIPE, [0.5] * n) for name, n in (("a", 1), ("b", 2))]
    with pytest.raises(ConfigurationError, match=r"found \[1, 2\]"):
        script("compare_runs").main(paths)
    with pytest.raises(ConfigurationError, match="no run to compare"):
        script("compare_runs").main([])


@pytest.mark.parametrize("name", ["firing_statistics", "compare_runs"])  # the others share the first one's command line
def test_scripts_say_what_is_wrong(name, tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "analysis" / f"{name}.py", tmp_path / "nothing"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: {tmp_path / 'nothing'} holds no run: there is no recipe.toml"

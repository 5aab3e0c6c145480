"""The Python samples on the pages of the documentation run, in the order in which they stand."""

import contextlib
import re
from pathlib import Path

import numpy as np
import pytest
from brian2 import ms

import hm2bp_brian as hb
from hm2bp_brian.errors import DatasetNotFoundError, ShapeError
from hm2bp_brian.model.connections import AllPairs

DOCS = Path(__file__).parents[2] / "docs"


def run_samples(page, folder):
    text = (DOCS / page).read_text(encoding="utf-8")
    scope = {}
    with contextlib.chdir(folder):
        for sample in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
            exec(sample, scope)
    return scope


def test_two_pages_name_every_analysis_script():
    folder = DOCS.parent / "analysis"
    scripts = {path.stem for path in folder.glob("*.py")} - {"command_line"} | {"compare_packages/compare"}
    named = re.findall(r"^\| `([\w/]+)\.py", (DOCS / "command_line.md").read_text(encoding="utf-8"), re.MULTILINE)
    shown = re.findall(r"automodule:: ([\w.]+)", (DOCS / "api" / "analysis.rst").read_text(encoding="utf-8"))
    assert set(named) == {module.replace(".", "/") for module in shown} == scripts


@pytest.fixture(scope="module")
def extending(tmp_path_factory):
    return run_samples("extending.md", tmp_path_factory.mktemp("extending"))


def test_what_is_added_learns(extending):
    assert extending["accuracy"] > 0.9


def test_added_layer_is_a_pool_over_the_map(extending):
    network, test = extending["network"], extending["test"]
    assert network.shapes == [(8, 8, 8), (1, 1, 8), (2,)]
    assert [w.size for w in network.weights] == [200, 0, 16]
    spikes = hb.encoding.BernoulliEncoder().encode(test.images[:2], network.n_steps)
    fused, brian = (hb.simulate(network, spikes, engine, dtype="float64") for engine in ("fused", "brian2"))
    assert fused.layers[1] == brian.layers[1] and fused.layers[1].n_spikes > 0
    with pytest.raises(ShapeError, match="square map"):
        extending["GlobalSumPool2D"](threshold=1).connect((3, 4, 2))


def test_added_connection_is_the_diagonal_of_all_to_all(extending):
    relay, dense = extending["Relay"](threshold=2), hb.Dense(5, threshold=2)
    neuron, axis = hb.LIF(20 * ms, 5 * ms), {"dt": 1 * ms, "duration": 100 * ms}
    one_to_one = hb.SpikingNetwork((5,), [relay, hb.Dense(2, threshold=1)], neuron, **axis)
    one_to_one.weights[0] = np.linspace(4, 8, 5)
    all_to_all = hb.SpikingNetwork((5,), [dense, hb.Dense(2, threshold=1)], neuron, **axis)
    all_to_all.weights = [np.diag(one_to_one.weights[0]), one_to_one.weights[1]]
    assert isinstance(all_to_all.connections[0], AllPairs)
    spikes = hb.SpikeBatch.from_dense(np.random.default_rng(1).random((2, 100, 5)) < 0.3)
    record = hb.simulate(one_to_one, spikes, engine="brian2", dtype="float64")
    expected = hb.simulate(all_to_all, spikes, engine="brian2", dtype="float64")
    assert record.layers == expected.layers and record.layers[0].n_spikes > 0
    labels = np.array([0, 1])
    gradient = hb.gradients(one_to_one, record, labels)[0]
    assert np.abs(gradient).min() > 0
    np.testing.assert_allclose(gradient, np.diag(hb.gradients(all_to_all, expected, labels)[0]))
    assert hb.simulate(one_to_one, spikes, dtype="float64").layers == expected.layers


def test_errors_of_the_added_loss_are_its_derivative(extending):
    loss = extending["CrossEntropy"](scale=0.3)
    counts, labels = np.array([[3.0, 7.0, 0.0], [5.0, 4.0, 9.0]]), np.array([1, 0])
    step = 1e-6 * np.eye(3)
    slope = [(loss.errors(counts + s, labels).values - loss.errors(counts - s, labels).values) / 2e-6 for s in step]
    np.testing.assert_allclose(loss.errors(counts, labels).d_counts, np.transpose(slope), rtol=1e-6, atol=1e-9)


def test_added_encoder_fires_bright_pixels_in_every_so_many_steps(extending):
    images = np.array([[0, 200, 90], [255, 128, 127]], dtype=np.uint8)
    spikes = extending["Binary"](period=4).encode(images, n_steps=10)
    assert [spikes.train(sample, neuron).tolist() for sample, neuron in np.ndindex(2, 3)] == [
        [],
        [0, 4, 8],
        [],
        [0, 4, 8],
        [0, 4, 8],
        [],
    ]


def test_added_engine_measures_and_changes_nothing(extending):
    scope = extending
    assert min(scope["engine"].seconds.values()) > 0
    trained = []
    for timed in (False, True):
        network = hb.SpikingNetwork(
            (12, 12, 1), [hb.Dense(2, threshold=2)], hb.LIF(20 * ms, 5 * ms), dt=1 * ms, duration=50 * ms
        )
        engine = scope["make_engine"](network, threads=1)
        engine = scope["Timed"](engine) if timed else engine
        trainer = hb.Trainer(network, scope["CrossEntropy"](), encoder=scope["Binary"](), engine=engine)
        trainer.fit(scope["test"], epochs=1, batch_size=20, progress=False)
        trained.append(network.weights[0])
        initial = hb.SpikingNetwork((12, 12, 1), network.layers, network.neurons, dt=1 * ms, duration=50 * ms)
        assert not np.array_equal(network.weights[0], initial.weights[0])
    np.testing.assert_array_equal(*trained)


def test_added_data_set_says_what_is_missing(extending, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="found no train.npz"):
        extending["stripes"](tmp_path)


def test_choosing_page(tmp_path):
    scope = run_samples("choosing.md", tmp_path)
    assert scope["history"][0]["validation_accuracy"] > 0.6
    assert all(5 <= float(rate) <= 20 for rate in scope["rates"].values())
    assert [round(percent, 1) for percent in scope["percent"]] == [1.4, 1.8]


def test_exchange(tmp_path, capsys):
    for package in ("neo", "nir", "pandas", "sklearn"):
        pytest.importorskip(package)
    scope = run_samples("exchange.md", tmp_path)
    record = scope["record"]
    n_spikes = record.input.n_spikes + sum(layer.n_spikes for layer in record.layers)
    assert len((tmp_path / "spikes.csv").read_text().splitlines()) == 1 + len(scope["table"]) == 1 + n_spikes
    counts = record.counts(0).sum(axis=0)
    assert scope["rates"].to_dict() == {j: n / 0.8 for j, n in enumerate(counts) if n}
    assert scope["last_spike"].rescale("ms").item() == pytest.approx(record.layers[0].train(0, 3)[-1])
    assert scope["again"].layers == record.layers
    assert scope["score"] > 0.8
    assert len(scope["indices"]) == record.input.sample(0).n_spikes
    assert "@article{stimberg2019brian" in capsys.readouterr().out


@pytest.fixture
def clock():
    """Brian2's time step, which the samples set, is put back."""
    from brian2 import defaultclock

    before = defaultclock.dt
    yield
    defaultclock.dt = before


def test_graphs_page(tmp_path):
    network = run_samples("graphs.md", tmp_path)["network"]
    assert (tmp_path / "network.png").exists()
    assert [p.connection.n_post for p in network.projections] == [100, 100, 4, 20, 20]  # and the page's second network


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_from_brian_page(tmp_path, clock):
    scope = run_samples("from_brian.md", tmp_path)
    network, wires, loop = scope["network"], scope["wires"], scope["loop"]
    assert sorted(p.connection.n_post for p in network.projections) == [2, 30, 30]
    assert all(projection.plastic for projection in network.projections)
    # the weights are back in the objects, in mV there
    assert sorted(wires.w) == pytest.approx(sorted(network.weights["wires"] * 1e3))
    assert sorted(np.round(network.delays["loop"])) == pytest.approx(sorted(loop.delay / ms))
    assert scope["trainer"].evaluate(scope["halves"]) > 0.9  # 0.5 by chance


def test_ei_networks_page(tmp_path, monkeypatch):
    monkeypatch.setenv("HM2BP_DATA", str(DOCS.parent / "examples" / "data" / "mnist"))
    scope = run_samples("ei_networks.md", tmp_path)
    ei = scope["ei"]
    assert [p.name for p in ei.readouts] == ["digit"]
    assert {path.name for path in tmp_path.iterdir()} == {"ei.png", "raster.png"}
    for name, sign in (("image_to_inh", 1), ("exc_to_exc", 1), ("inh_to_inh", -1), ("inh_to_digit", -1)):
        assert (sign * ei.weights[name] >= 0).all() and np.abs(ei.weights[name]).max() > 0, name


def test_neurons_page(tmp_path, capsys):
    run_samples("neurons.md", tmp_path)
    # as the page says
    assert capsys.readouterr().out.startswith("[-0.07] [0.02]\n")


@pytest.mark.parametrize("page", ["../README.md", "from_brian.md", "ei_networks.md", "graphs.md", "neurons.md"])
def test_code_fits_its_box(page):
    """88 characters are as wide as the text beside them."""
    text = (DOCS / page).read_text(encoding="utf-8")
    # between every other pair of fences there is code
    lines = [line for block in re.split(r"^```.*$", text, flags=re.MULTILINE)[1::2] for line in block.splitlines()]
    lines += re.findall(r"^    .*", text, flags=re.MULTILINE)
    assert len(lines) > 10
    assert [line for line in lines if len(line) > 88] == []

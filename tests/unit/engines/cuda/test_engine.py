"""The engine on a GPU, with a stand-in for CuPy: training, evaluation, checkpoints, and what it refuses."""

import dataclasses
import json

import numpy as np
import pytest
from brian2 import ms
from networks import NEURONS, make_input, make_network
from tiny_run import RECIPE
from tiny_training import LAYERS, LOSS, tiny_dataset, tiny_network

import hm2bp_brian as hb
from hm2bp_brian.engines.cuda.engine import CudaEngine
from hm2bp_brian.engines.cuda.spikes import CardSpikes
from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.errors import ConfigurationError, EngineError, NumericalError, UnknownNameError
from hm2bp_brian.experiments import cli, recipes
from hm2bp_brian.experiments.benchmark import benchmark
from hm2bp_brian.experiments.recipe import DATASETS
from hm2bp_brian.training.optimizers import SGD, Adam

pytestmark = pytest.mark.usefixtures("found_card")
IMAGES = hb.encoding.BernoulliEncoder(2.0)


def trainer_on(device, network=None, **settings):
    settings = {"optimizer": Adam(0.05, clip=True), "averaging": 0.9, "dtype": "float64", "threads": 1} | settings
    return hb.Trainer(network or tiny_network(), LOSS, encoder=IMAGES, device=device, **settings)


def train(trainer, epochs=1):
    trainer.fit(tiny_dataset(20), tiny_dataset(9, seed=2), epochs=epochs, batch_size=8, progress=False)
    return trainer


def assert_close_states(state, other, tolerance):
    assert state.keys() == other.keys()
    for name, expected in other.items():
        found = state[name]
        assert type(found) is np.ndarray and found.dtype == expected.dtype
        if name == "history/table":
            seconds = list(other["history/columns"]).index("seconds")
            found, expected = (np.delete(table, seconds, 1) for table in (found, expected))
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=name)
        else:
            np.testing.assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"threads": 2, "shards": 2},
        {"optimizer": Adam(0.05), "boosting": True, "regularizer": hb.WeightLimit(0.1)},
        {"optimizer": SGD(0.01, momentum=0.5), "averaging": None},
        {"dtype": "float32", "optimizer": Adam(0.001)},
    ],
    ids=["clipped, averaged", "shards", "boosting, limit", "SGD", "float32"],
)
def test_trains_as_on_the_processor(settings):
    here, there = (train(trainer_on(device, **settings), epochs=2) for device in ("cuda", "cpu"))
    assert_close_states(here.state.arrays(), there.state.arrays(), 1e-3 if "dtype" in settings else 1e-8)
    before = tiny_network().weights[0]
    assert np.abs(there.network.weights[0] - before).max() > 0.003
    for own, state in zip(here.network.parameters, here.state.parameters, strict=True):
        assert own is state


def test_trains_maps_as_on_the_processor():
    layers = [hb.Conv2D(2, 3, threshold=0.6), hb.SumPool2D(2, threshold=0.6), *LAYERS[1:]]
    here, there = (train(trainer_on(device, tiny_network(layers=layers))) for device in ("cuda", "cpu"))
    assert_close_states(here.state.arrays(), there.state.arrays(), 1e-8)


def test_two_runs_have_the_same_bits():
    first, second = (train(trainer_on("cuda", dtype="float32"), epochs=2).state.arrays() for _ in range(2))
    for name in first:
        if name != "history/table":
            np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("devices", [("cpu", "cuda"), ("cuda", "cpu")])
def test_a_checkpoint_goes_on_on_the_other_device(tmp_path, devices):
    first = train(trainer_on(devices[0]))
    first.save(tmp_path / "checkpoint.npz")
    second = trainer_on(devices[1])
    second.load(tmp_path / "checkpoint.npz")
    assert_close_states(train(second).state.arrays(), train(first).state.arrays(), 1e-8)


def test_what_ends_an_epoch_early_leaves_arrays_of_the_host(monkeypatch):
    trainer = train(trainer_on("cuda"))
    before = trainer.state.arrays()
    steps = iter(range(9))

    def interrupted(*_):
        if next(steps) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer.network, "constrain", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(trainer)
    assert_close_states(trainer.state.arrays(), before, 0.0)


def test_spikes_and_gradients_stay_on_the_card_while_weights_do(found_card):
    trainer = trainer_on("cuda")
    data = tiny_dataset(6)
    spikes = trainer.inputs.spikes(data, np.arange(6), 1, 1)
    assert isinstance(spikes, CardSpikes)
    assert spikes == IMAGES.encode(data.images, 40, 1, 1, np.arange(6))
    errors = LOSS.errors
    with trainer.state.held_by(trainer.engine):
        tape = trainer.engine.forward(trainer.state.parameters, spikes)
        on_card = trainer.engine.backward(tape, errors(tape.counts, data.labels), trainer.rules).arrays
        assert all(map(found_card.holds, [*on_card, *trainer.state.parameters]))
    tape = trainer.engine.forward(trainer.state.parameters, spikes)
    total = trainer.engine.backward(tape, errors(tape.counts, data.labels), trainer.rules)
    assert {type(array) for array in (*total.arrays, *total.deltas)} == {np.ndarray}
    for mine, theirs in zip(total.arrays, on_card, strict=True):
        np.testing.assert_array_equal(mine, theirs.get())
    trainer.update(total.mean(), 0.1)  # of arrays of the host


def branches(neuron):
    """One population to two readouts, and a rate that is kept in a band."""
    network = hb.SpikingNetwork(dt=1 * ms, duration=40 * ms, seed=4)
    network.input("in", 8)
    network.population("hidden", 12, neuron=neuron, threshold=0.5, rate=hb.RateBand(0.5, 3, 0.1))
    for name, size in (("one", 3), ("two", 2)):
        network.population(name, size, neuron=neuron, threshold=0.6, readout=True)
    network.connect("in", "hidden", hb.AllToAll(), weights=hb.Uniform(1.5))
    for name in ("one", "two"):
        network.connect("hidden", name, hb.AllToAll(), weights=hb.Uniform(1.2), plastic=name == "one")
    return network


@pytest.mark.parametrize("neuron", ["exact", "soft reset"])
def test_branches_readouts_rates_and_fixed_weights(neuron):
    network = branches(NEURONS[neuron](12))
    batch, labels = make_input(network, 5), np.arange(5)
    loss = hb.SpikeCountLoss(6, 1, 0)
    sums = []
    for device in ("cuda", "cpu"):
        engine = make_engine(network, "fused", "float64", 1, device)
        tape = engine.forward(network.parameters, batch)
        sums.append(engine.backward(tape, loss.errors(tape.counts, labels), hb.Rules()))
    assert not sums[1].arrays[2].any() and sums[1].arrays[0].any()
    for mine, reference in zip(sums[0].arrays, sums[1].arrays, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-9, atol=1e-9)
    assert sums[0].loss == sums[1].loss


def test_what_the_kernels_can_not_run_is_refused_by_name():
    noisy = hb.NeuronModel("du/dt = (I - u)/(9*ms) + 0.1*xi*(9*ms)**-0.5 : 1\ndI/dt = -I/(5*ms) : 1", method="euler")
    with pytest.raises(EngineError, match="can't run noise"):
        make_engine(hb.SpikingNetwork(4, [hb.Dense(3, 1.0)], noisy, dt=1 * ms, duration=20 * ms), device="cuda")


@pytest.mark.parametrize("lateral", [0.0, 0.1])
def test_infinite_states_are_named_as_on_the_processor(lateral):
    network = make_network("soft reset", (40, 5), lateral=lateral)
    batch = make_input(network, 3).dense()
    batch[:2] = False
    weights = [w.astype(np.float64) for w in network.weights]
    weights[lateral > 0][:, 1:] = 1e308
    messages = []
    for device in ("cpu", "cuda"):
        with pytest.raises(NumericalError, match=r"layer \d has a state that is NaN or infinite in sample 2") as error:
            make_engine(network, dtype="float64", device=device).forward(weights, hb.SpikeBatch.from_dense(batch))
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_a_batch_that_is_too_large_is_told_how_large_it_may_be(found_card, monkeypatch):
    network = make_network()
    engine = CudaEngine(network, "float32", 1, found_card)

    def no_memory(*_):
        raise MemoryError("out of memory")

    monkeypatch.setattr(found_card, "empty", no_memory)
    # 600 MiB are free, of which 512 stay for scratch; 91 neurons with 2 words of spikes, a count, and two numbers
    fits = 88 * 2**20 // (91 * 20)
    advice = rf"batch of 5 samples needs some 512 MiB .* 600 MiB are free; batches of {fits} would fit"
    with pytest.raises(MemoryError, match=advice):
        engine.forward(network.parameters, make_input(network, 5))


def test_devices_that_do_not_go():
    network = tiny_network()
    with pytest.raises(UnknownNameError, match="unknown device 'gpu'.*Known: cpu, cuda"):
        hb.Trainer(network, device="gpu")
    for engine in ("brian2", make_engine(network)):
        with pytest.raises(ConfigurationError, match="device='cuda' goes with engine 'fused'"):
            simulate(network, make_input(network, 1), engine, device="cuda")
    with pytest.raises(ConfigurationError, match="cluster's workers train on their processors"):
        hb.Trainer(network, device="cuda", cluster=object())


def test_simulate_takes_a_device():
    network = make_network()
    batch = make_input(network)
    assert simulate(network, batch, device="cuda").layers == simulate(network, batch, device="cpu").layers


def test_benchmark_measures_a_device(monkeypatch):
    monkeypatch.setitem(DATASETS, "mnist", lambda data: (tiny_dataset(10), tiny_dataset(9)))
    found = benchmark(RECIPE, threads=1, device="cuda")
    assert (found["device"], found["samples"]) == ("cuda", 10)
    assert found["forward_ms"] > 0 and found["spikes"] == benchmark(RECIPE, threads=1)["spikes"]


def test_the_command_line_takes_a_device(tmp_path, monkeypatch, capsys, found_card):
    monkeypatch.setattr(recipes, "RECIPES", [dataclasses.replace(RECIPE, epochs=1)])
    monkeypatch.setitem(DATASETS, "mnist", lambda data: (tiny_dataset(20), tiny_dataset(18, seed=1)))
    monkeypatch.chdir(tmp_path)
    accuracies = []
    for device in ("cuda", "cpu"):
        out = str(tmp_path / device)
        assert cli.main(["train", "tiny", "--device", device, "--threads", "1", "--out", out]) == 0
        assert f'device = "{device}"' in (tmp_path / device / "recipe.toml").read_text()
        capsys.readouterr()
        assert cli.main(["evaluate", out, "--device", device]) == 0
        accuracies.append(json.loads(capsys.readouterr().out)["accuracy"])
    assert accuracies[0] == accuracies[1]
    assert "forward_dense" in found_card.cupy.launched
    assert cli.main(["train", "tiny", "--engine", "brian2", "--device", "cuda"]) == 2
    assert (
        "unknown device 'cuda'. Did you mean 'cuda_standalone'? Known: cpp_standalone, cuda_standalone, runtime."
        in capsys.readouterr().err
    )

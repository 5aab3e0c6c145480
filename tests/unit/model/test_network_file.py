"""Networks that are written and read again are the same, bit for bit; other files are refused."""

import json

import numpy as np
import pytest
from brian2 import TimedArray, ms, mV
from graph_of_all_kinds import graph_of_all_kinds
from learned_neurons import learned_maps
from nonlinear_neurons import nonlinear_network

import hm2bp_brian as hb
from hm2bp_brian.errors import CheckpointError, ConfigurationError


def images():
    layers = [
        hb.Conv2D(2, 3, threshold=0.5, padding=1),
        hb.SumPool2D(2, threshold=0.5),
        hb.Dense(5, 1.0, recurrent=hb.Recurrent(), delay=3 * ms, rate=hb.RateBand(1, 2)),
        hb.Dense(3, threshold=np.float32(0.5), lateral_inhibition=0.2),
    ]
    neuron = hb.LIF(20 * ms, 5 * ms, refractory=2 * ms, method="exact")
    return hb.SpikingNetwork((6, 6, 1), layers, neuron, dt=0.5 * ms, duration=15 * ms, seed=3)


def distances():
    network = hb.SpikingNetwork(dt=1 * ms, duration=20 * ms, seed=1)
    network.input("in", 4, positions=np.arange(4.0), sign="excitatory")
    network.population("out", 3, neuron=hb.neurons.ALIF(beta=[1, 2, 3] * mV), threshold=-60 * mV, readout=True)
    network.connect("in", "out", weights=hb.Normal(5 * mV, 1 * mV))
    network.freeze("out")
    return network


def learned():
    tau_s = hb.Learned(3 * ms, 9 * ms, shared=True)
    tau_m = hb.Learned(20 * ms, 80 * ms)
    upswing = {"initial": {"v": hb.Learned(-1.0, 0.5)}, "threshold": "v > v_th", "reset": "v = 0", "tau_m": tau_m}
    neurons = [
        hb.LIF(hb.Learned(5 * ms, 80 * ms), tau_s, refractory=2 * ms),
        hb.NeuronModel("dv/dt = (I - v)/tau_m : 1\ndI/dt = -I/tau_m : 1", **upswing),
        hb.LIF(9 * ms, 5 * ms),
    ]
    layers = [
        hb.Dense(n, threshold, initializer=hb.Uniform(3)) for n, threshold in ((5, hb.Learned(1, 2)), (4, 1), (3, 1))
    ]
    return hb.SpikingNetwork(4, layers, neurons, dt=1 * ms, duration=30 * ms, seed=3)


NETWORKS = {
    "learned": learned,
    "maps that learn": learned_maps,
    "chain": images,
    "graph": graph_of_all_kinds,
    "nonlinear": lambda: nonlinear_network("AdEx"),
    "shares": lambda: nonlinear_network("Izhikevich, shares"),
    "distances": distances,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_all_is_there_again(name, tmp_path):
    network = NETWORKS[name]()
    network.save(tmp_path / "one.npz")
    again = hb.load(tmp_path / "one.npz")
    assert str(again) == str(network) or name in (
        "nonlinear",
        "shares",
        "distances",
    )  # a neuron of the library by its equations
    assert (again.dt, again.n_steps, again.seed, again.is_chain) == (
        *(network.dt, network.n_steps, network.seed),
        network.is_chain,
    )
    for one, other in zip(network.parameters, again.parameters, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert [neuron.spsp for neuron in network.neurons] == [neuron.spsp for neuron in again.neurons]
    assert [p.plastic for p in network.projections] == [p.plastic for p in again.projections]
    assert again.generator.random() == network.generator.random()  # what is added later is drawn on
    spikes = np.random.default_rng(0).random((2, network.n_steps, *network.input_shape)) < 0.3
    batch = hb.SpikeBatch.from_dense(spikes)
    one, other = (hb.simulate(n, batch, "brian2", "float64") for n in (network, again))
    assert one.layers == other.layers and one.names == other.names and one.readouts == other.readouts
    assert sum(layer.n_spikes for layer in one.layers) > 0


def test_what_training_reads_is_there_again(tmp_path):
    network = images()
    network.save(tmp_path / "one.npz")
    again = hb.load(tmp_path / "one.npz")
    assert again.layers == network.layers
    assert again.neural[2].rate_band == hb.RateBand(1, 2)
    assert isinstance(again.neurons[0], hb.LIF) and again.neurons[0] is again.neurons[3]
    batch = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((2, 30, 6, 6, 1)) < 0.3)
    record, labels = hb.simulate(network, batch, "brian2", "float64"), np.array([0, 2])
    for one, other in zip(*(hb.gradients(n, record, labels) for n in (network, again)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_no_number_can_not_be_saved(tmp_path):
    drive = TimedArray([1.0, 2.0], dt=1 * ms)
    neuron = hb.NeuronModel("du/dt = (I - u)/tau + f(1*ms)/tau : 1\ndI/dt = -I/tau : 1", tau=9 * ms, f=drive)
    network = hb.SpikingNetwork(2, [hb.Dense(1, 5.0)], neuron, dt=1 * ms, duration=9 * ms)
    with pytest.raises(
        ConfigurationError, match=r"neurons/0/parameters/f of the network can't be saved: it is a Timed"
    ):
        network.save(tmp_path / "one.npz")
    assert list(tmp_path.iterdir()) == []


def changed(path, **description):
    with np.load(path) as file:
        arrays = dict(file)
    table = json.loads(str(arrays["network"])) | description
    np.savez(path, **arrays | {"network": np.array(json.dumps(table))})


def test_files_that_hold_no_network(tmp_path):
    path = tmp_path / "one.npz"
    with pytest.raises(FileNotFoundError):
        hb.load(path)
    np.savez(path, weights=np.ones(3))
    with pytest.raises(CheckpointError, match="holds no network that SpikingNetwork.save wrote"):
        hb.load(path)
    path.write_bytes(b"spikes")
    with pytest.raises(CheckpointError, match="is no saved network, or corrupt"):
        hb.load(path)
    for wrong, message in (
        ({"version": 2}, "was written in format 2, and this version of hm2bp_brian reads format 1; update it"),
        ({"neurons": [{"kind": "Astrocyte"}]}, "is corrupt, or its network can't be made here"),
        ({"weights": []}, "is corrupt, or its network can't be made here"),
        ({"dt": "soon"}, "is corrupt, or its network can't be made here"),
    ):
        images().save(path)
        changed(path, **wrong)
        with pytest.raises(CheckpointError, match=message):
            hb.load(path)


def test_damaged_files_are_told(tmp_path):
    distances().save(tmp_path / "one.npz")
    content, generator = (tmp_path / "one.npz").read_bytes(), np.random.default_rng(0)
    for _ in range(30):
        cut = generator.integers(1, len(content))
        (tmp_path / "two.npz").write_bytes(content[:cut])
        with pytest.raises(CheckpointError):
            hb.load(tmp_path / "two.npz")

"""Exported scripts, run as a stranger would: by Python, without this package."""

import os
import subprocess
import sys

import numpy as np
import pytest
from brian2 import TimedArray, ms, mV
from graph_of_all_kinds import graph_of_all_kinds
from networks import ADAPTIVE, make_input, make_network

from hm2bp_brian.brian.export import export_brian
from hm2bp_brian.engines.registry import simulate
from hm2bp_brian.errors import ConfigurationError, RunFolderError, ShapeError
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, Recurrent, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel
from hm2bp_brian.spikes import SpikeBatch

# numpy only, as compiling would take a minute; and this package can't be imported
STRANGER = """
import runpy, sys
sys.modules["hm2bp_brian"] = None
import brian2
brian2.prefs.codegen.target = "numpy"
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def maps():
    """Convolution, pooling, volts, one value a neuron, learned thresholds, a reset of two lines, lateral inhibition."""
    in_volts = NeuronModel(
        """
        dv/dt = (j - v)/tau_m : volt (unless refractory)
        dj/dt = -j/(5*ms) : volt
        """,
        threshold="v > v_th",
        reset="v = 0*mV",
        refractory=2 * ms,
        method="euler",
        synaptic_variable="j",
        tau_m=np.linspace(5, 30, 8) * ms,
    )
    adaptive = NeuronModel(
        ADAPTIVE,
        reset="u = 0\nw += b",
        refractory=1 * ms,
        method="rk2",
        tau_m=15 * ms,
        tau_s=5 * ms,
        tau_w=0.1 * 800 * ms,
        a=0.1,
        b=0.3,
    )
    return SpikingNetwork(
        (4, 4, 1),
        [
            Conv2D(2, 3, padding=1, threshold=0.5, initializer=Uniform(1.5)),
            SumPool2D(2, threshold=1.5 * mV),
            Dense(5, threshold=Learned(0.3, 0.5), lateral_inhibition=0.3, initializer=Uniform(1.5)),
        ],
        [LIF(20 * ms, 5 * ms, 3 * ms), in_volts, adaptive],
        dt=0.5 * ms,
        duration=30 * ms,
        seed=2,
    )


def recurrent_chain():
    """A loop within a layer, one delay, and learned ones."""
    late = Learned(0 * ms, 9 * ms)
    layers = [
        Dense(9, threshold=0.5, initializer=Uniform(1.5), delay=2 * ms, recurrent=Recurrent(Uniform(0.3), delay=late)),
        Dense(4, threshold=0.5, initializer=Uniform(1.5), delay=late, lateral_inhibition=0.1),
    ]
    return SpikingNetwork((8,), layers, LIF(20 * ms, 5 * ms), dt=1 * ms, duration=60 * ms, seed=5)


def run_as_stranger(script):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", STRANGER, script]
    done = subprocess.run(command, cwd=script.parent.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_script_gives_the_same_spikes_without_this_package(tmp_path):
    network = maps()
    network.weights[0] = network.weights[0] + 0.1
    batch = make_input(network, 3, rate=0.2)
    script = export_brian(network, tmp_path / "new" / "folder", batch)
    output = run_as_stranger(script)
    expected = simulate(network, batch, engine="brian2", dtype="float64")
    with np.load(script.with_name("spikes.npz")) as found:
        for layer, spikes in enumerate(expected.layers):
            assert spikes.n_spikes > 10
            for name in ("samples", "steps", "neurons"):
                np.testing.assert_array_equal(found[f"{name[:-1]}_layer_{layer}"], getattr(spikes, name))
    for sample, counts in enumerate(expected.counts(2)):
        assert f"sample {sample}: spikes of layer_2 {counts}" in output


def test_script_starts_each_neuron_at_its_rest(tmp_path):
    network = make_network("resting potentials, one a neuron", (5,))
    batch = make_input(network, 2)
    script = export_brian(network, tmp_path / "rest", batch)
    run_as_stranger(script)
    spikes = simulate(network, batch, engine="brian2", dtype="float64").output
    assert spikes.n_spikes > 10
    with np.load(script.with_name("network.npz")) as arrays:
        np.testing.assert_allclose(arrays["start_u_layer_0"], np.linspace(-0.1, 0.5, 5), rtol=1e-12)
    with np.load(script.with_name("spikes.npz")) as found:
        np.testing.assert_array_equal(found["step_layer_0"], spikes.steps)
        np.testing.assert_array_equal(found["neuron_layer_0"], spikes.neurons)


def test_script_of_float32(tmp_path):
    network = make_network(sizes=(3,))
    batch = make_input(network, 1)
    script = export_brian(network, tmp_path / "plain", batch, "float32")
    assert "dtype = np.float32" in script.read_text()
    with np.load(script.with_name("network.npz")) as arrays:
        (weights,) = (arrays[f"weights_{projection.name}"] for projection in network.weighted)
        assert weights.dtype == np.float32
        np.testing.assert_array_equal(weights, network.weights[0].ravel())
    run_as_stranger(script)  # and Brian2 doesn't warn
    spikes = simulate(network, batch, engine="brian2", dtype="float32").layers[0]
    with np.load(script.with_name("spikes.npz")) as found:
        np.testing.assert_array_equal(found["step_layer_0"], spikes.steps)
        np.testing.assert_array_equal(found["neuron_layer_0"], spikes.neurons)


@pytest.mark.parametrize("array", [False, True])
def test_truth_values_and_whole_numbers_stay_what_they_are(tmp_path, array):
    neuron = NeuronModel(
        "du/dt = (I - u)/(9*ms) : 1\ndI/dt = -I/(5*ms) : 1",
        threshold="u > v_th and enabled and i % every == 0",
        method="euler",
        enabled=np.array([True, False, True, True]) if array else True,
        every=2,
    )
    network = SpikingNetwork(12, [Dense(4, 0.3, initializer=Uniform(1.5))], neuron, dt=1 * ms, duration=60 * ms)
    network.weights[0] = np.abs(network.weights[0])
    batch = make_input(network, 1)
    script = export_brian(network, tmp_path / "plain", batch)
    assert "'every': 2" in script.read_text()
    run_as_stranger(script)
    for engine in ("brian2", "fused"):
        spikes = simulate(network, batch, engine=engine, dtype="float64").output
        assert set(spikes.neurons) == {0, 2}
        with np.load(script.with_name("spikes.npz")) as found:
            np.testing.assert_array_equal(found["step_layer_0"], spikes.steps)
            np.testing.assert_array_equal(found["neuron_layer_0"], spikes.neurons)


def test_what_is_not_exported(tmp_path):
    network = make_network(sizes=(3,))
    batch = make_input(network, 1)
    script = export_brian(network, tmp_path, batch)
    script.write_text("# edited")
    with pytest.raises(RunFolderError, match="may have been edited; choose another folder"):
        export_brian(network, tmp_path, batch)
    assert script.read_text() == "# edited"
    with pytest.raises(ShapeError, match="expects input of shape"):
        export_brian(network, tmp_path / "a", make_input(make_network(n_inputs=7), 1))
    drive = TimedArray([1.0, 2.0], dt=1 * ms)
    own = NeuronModel("du/dt = (I - u + drive(u*ms))/(9*ms) : 1\ndI/dt = -I/(5*ms) : 1", method="euler", drive=drive)
    network = SpikingNetwork(12, [Dense(2, threshold=1)], own, dt=1 * ms, duration=60 * ms)
    with pytest.raises(ConfigurationError, match="parameter 'drive' is a function"):
        export_brian(network, tmp_path / "a", batch)
    assert not (tmp_path / "a").exists()


def test_comments_in_equations_stay_comments(tmp_path):
    neuron = NeuronModel(
        """
        du/dt = (I - u)/(9*ms) : 1  # the "membrane" \""" + quit() + \"""
        dI/dt = -I/(5*ms) : 1  # not \\x41, \\ nor a 'line'
        """,
        reset='u = 0  # """',
        method="euler",
    )
    network = SpikingNetwork(3, [Dense(2, threshold=0.5, initializer=Uniform(2))], neuron, dt=1 * ms, duration=30 * ms)
    batch = make_input(network, 2, rate=0.5)
    script = export_brian(network, tmp_path, batch)
    run_as_stranger(script)
    expected = simulate(network, batch, engine="brian2", dtype="float64").output
    assert expected.n_spikes > 2
    with np.load(script.with_name("spikes.npz")) as found:
        np.testing.assert_array_equal(found["step_layer_0"], expected.steps)
        np.testing.assert_array_equal(found["neuron_layer_0"], expected.neurons)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("make", [graph_of_all_kinds, recurrent_chain])
def test_delays_and_loops_are_in_the_script(tmp_path, dtype, make):
    network = make()
    dense = np.random.default_rng(1).random((3, network.n_steps, *network.input_shape)) < 0.25
    dense[0, -6:] = True  # spikes on their way when the first presentation ends
    batch = SpikeBatch.from_dense(dense)
    script = export_brian(network, tmp_path / "folder", batch, dtype)
    output = run_as_stranger(script)
    record = simulate(network, batch, "brian2", dtype)
    found = np.load(script.with_name("spikes.npz"))
    for population, layer in zip(network.neural, record.layers, strict=True):
        own = SpikeBatch.from_events(
            *(found[f"{kind}_{population.name}"] for kind in ("sample", "step", "neuron")),
            n_samples=3,
            n_steps=network.n_steps,
            shape=population.shape,
        )
        assert own == layer and own.n_spikes > 20
    last = network.readouts[-1]
    assert f"sample 2: spikes of {last.name} {record.counts(network.neural.index(last))[2]}" in output

"""The user's device is looked at and left alone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from brian2 import get_device, ms, prefs
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from networks import make_input, make_network

from hm2bp_brian.brian.network import build_brian_network
from hm2bp_brian.brian.state_traces import record_state_traces
from hm2bp_brian.devices import is_runtime, named_device, preferences, runtime_device, using_device
from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.learning.spsp import spsp
from hm2bp_brian.model.neurons import LIF


@pytest.fixture
def users_device():
    """As after set_device("cpp_standalone", build_on_run=False), but with a device of its own."""
    device = CPPStandaloneDevice()
    with using_device(device):
        device.activate(build_on_run=False)
        yield device


def contents(device):
    held = (device.main_queue, device.arrays, device.static_arrays, device.code_objects, device.networks)
    return [len(part) for part in held], device.build_on_run, device.build_options, float(device.defaultclock.dt)


def test_probes_of_a_model_leave_no_trace(users_device):
    before = contents(users_device)
    LIF(20 * ms, 5 * ms, refractory=3 * ms, method="exact")
    network = make_network(sizes=(5, 3), n_inputs=4, n_steps=20)
    assert network.linear_map(0).active.shape == (5, 2, 2)
    record = simulate(network, make_input(network, 2, rate=0.5), dtype="float64")
    traces = spsp(network, record, layer=0, method="traces")
    np.testing.assert_allclose(traces, spsp(network, record, layer=0, method="adjoint"), atol=1e-9)
    record_state_traces(network, record.input, layer=0, neurons=[1])
    make_engine(network, "brian2")
    assert get_device() is users_device
    assert contents(users_device) == before


def test_a_device_set_after_the_objects_were_made():
    network = make_network(sizes=(3,), n_inputs=2, n_steps=10)
    batch = make_input(network, 1)
    engine, built = make_engine(network, "brian2"), build_brian_network(network)
    with using_device(CPPStandaloneDevice()):
        with pytest.raises(ConfigurationError, match="made for RuntimeDevice, but the device is now CPPStandalone"):
            engine.forward(network.weights, batch)
        with pytest.raises(ConfigurationError, match="call set_device before making"):
            built.run(batch)
    assert engine.forward(network.weights, batch).record.n_samples == 1


def test_objects_made_on_a_standalone_device_are_the_users_to_run(users_device):
    network = make_network(sizes=(3,), n_inputs=2, n_steps=10)
    built = build_brian_network(network)
    with pytest.raises(ConfigurationError, match=r"set_input\(batch\), network.run\(...\), device.build\(\)"):
        built.run(make_input(network, 1))


def test_device_and_preferences_are_put_back_after_errors():
    runtime, name = get_device(), "codegen.target"
    before = prefs[name]
    with pytest.raises(ZeroDivisionError), using_device(CPPStandaloneDevice()), preferences({name: "numpy"}):
        assert not is_runtime() and prefs[name] == "numpy"
        with runtime_device():
            assert is_runtime()
        assert not is_runtime()
        raise ZeroDivisionError
    assert get_device() is runtime
    assert prefs[name] == before


def test_names_of_devices(monkeypatch):
    assert type(named_device("cpp_standalone")) is CPPStandaloneDevice
    with pytest.raises(UnknownNameError, match="unknown device 'standalone'. Did you mean 'cpp_standalone'"):
        named_device("standalone")
    monkeypatch.setitem(__import__("sys").modules, "brian2cuda", None)
    with pytest.raises(ConfigurationError, match=r"Python >= 3.12, install the extra 'cuda'"):
        named_device("cuda_standalone")


def test_brian2_may_be_used_from_several_threads():
    before = prefs["core.default_float_dtype"]

    def spikes(number):
        engine, dtype = (("fused", "float32"), ("brian2", "float64"), ("fused", "float64"))[number % 3]
        network = make_network(sizes=(5, 3), n_inputs=4, n_steps=20)
        network.linear_map(0)
        return simulate(network, make_input(network, 2, rate=0.5), engine=engine, dtype=dtype).layers

    expected = [spikes(number) for number in range(3)]
    with ThreadPoolExecutor(8) as executor:
        for number, found in enumerate(executor.map(spikes, range(48))):
            assert found == expected[number % 3]
    assert prefs["core.default_float_dtype"] is before

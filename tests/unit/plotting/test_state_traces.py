import numpy as np
import pytest
from brian2 import ms, mV
from matplotlib.colors import to_rgb

from hm2bp_brian import LIF, Dense, NeuronModel, SpikeBatch, SpikingNetwork, Uniform, plotting
from hm2bp_brian.brian.state_traces import record_state_traces
from hm2bp_brian.errors import ConfigurationError, UnknownNameError

from .small import make_network


@pytest.fixture(scope="module")
def traces():
    network = make_network()
    network.weights[0] = np.full((6, 5), 2.0) * np.array([1, 0, 0, -1, 2])
    inputs = SpikeBatch.from_dense(np.ones((2, 8, 2, 3, 1), dtype=bool))
    return record_state_traces(network, inputs, 0, [4, 3], sample=1)


def euler_steps(weight_sum):
    """Potential as the threshold sees it, and spike steps, of a neuron that gets all inputs in every step."""
    dt, tau_m, tau_s, refractory_steps = 0.5, 10.0, 3.0, 2
    u = current = 0.0
    blocked, potentials, spikes = 0, [], []
    for t in range(8):
        if blocked == 0:
            u += dt * (current / tau_s - u / tau_m)
        current -= dt * current / tau_s
        potentials.append(u)
        fires = blocked == 0 and u > 1
        blocked = max(blocked - 1, 0)
        current += weight_sum
        if fires:
            spikes.append(t)
            u, blocked = 0.0, refractory_steps
    return potentials, spikes


def test_membrane_traces_with_threshold_and_spikes(traces, ax):
    first, second, first_spikes, second_spikes, threshold = plotting.state_traces(traces, ax=ax)
    np.testing.assert_allclose(first.get_xdata(), np.arange(8) * 0.5)
    for line, marks, weight_sum in ((first, first_spikes, 24.0), (second, second_spikes, -12.0)):
        potentials, spikes = euler_steps(weight_sum)
        np.testing.assert_allclose(line.get_ydata(), potentials, rtol=1e-5)
        np.testing.assert_allclose(marks.get_xdata(), 0.5 * np.array(spikes))
        np.testing.assert_allclose(marks.get_ydata(), np.array(potentials)[spikes], rtol=1e-5)
        assert marks.get_color() == line.get_color()
    assert len(first_spikes.get_xdata()) >= 2 and len(second_spikes.get_xdata()) == 0
    assert to_rgb(first.get_color()) != to_rgb(second.get_color())
    np.testing.assert_allclose(threshold.get_ydata(), 1)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["neuron 4", "neuron 3", "threshold"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "membrane potential u (1)")


def test_synaptic_traces_have_no_threshold(traces, ax):
    lines = plotting.state_traces(traces, "I", ax=ax)
    assert len(lines) == 2
    expected, current = [], 0.0
    for _ in range(8):
        current -= 0.5 * current / 3
        expected.append(current)
        current += 24
    np.testing.assert_allclose(lines[0].get_ydata(), expected, rtol=1e-5)
    assert ax.get_ylabel() == "synaptic variable I (1)"


def test_a_variable_that_is_not_there(traces, ax):
    with pytest.raises(UnknownNameError, match="state variable 'v'"):
        plotting.state_traces(traces, "v", ax=ax)


def test_units_and_thresholds_on_several_variables(ax):
    neuron = NeuronModel(
        "du/dt = (I - u)/(10*ms) : volt\ndI/dt = -I/(5*ms) : volt\nraised : volt",
        threshold="u > v_th + raised",
        method="euler",
        reset="u = 0*volt\nraised += 1*mV",
    )
    network = SpikingNetwork(
        2, [Dense(2, threshold=5 * mV, initializer=Uniform(9 * mV))], neuron, dt=1 * ms, duration=5 * ms
    )
    inputs = SpikeBatch.from_dense(np.ones((1, 5, 2), dtype=bool))
    recorded = record_state_traces(network, inputs, 0, [0])
    with pytest.raises(ConfigurationError, match="threshold of layer 0 is not on one variable; name one of I, u"):
        plotting.state_traces(recorded, ax=ax)
    (line,) = plotting.state_traces(recorded, "u", ax=ax)
    assert ax.get_ylabel() == "u (mV)"
    assert np.abs(line.get_ydata()).max() > 0
    np.testing.assert_allclose(line.get_ydata(), 1e3 * recorded.values["u"][0])
    assert recorded.units == {"I": "V", "u": "V"}


@pytest.mark.parametrize(("layer", "neurons"), [(2, [0]), (0, [5]), (0, [-1]), (0, [])])
def test_recording_what_is_not_there(network, record, layer, neurons):
    with pytest.raises(ConfigurationError, match="layer"):
        record_state_traces(network, record.input, layer, neurons)


def test_traces_of_a_population_of_a_graph():
    network = SpikingNetwork(dt=0.5 * ms, duration=20 * ms, seed=1)
    network.input("in", 6)
    for name in ("first", "second"):
        network.population(name, 4, neuron=LIF(10 * ms, 3 * ms), threshold=0.5, readout=name == "second")
    network.connect("in", "first", weights=2.0)
    network.connect("first", "second", weights=2.0)
    inputs = SpikeBatch.from_dense(np.ones((1, 40, 6), dtype=bool))
    found = record_state_traces(network, inputs, 1, [2])
    (train,) = found.spikes
    assert len(train) > 2 and (found.values["u"][0, train] > 0.5).all()

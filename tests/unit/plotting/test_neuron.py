import numpy as np
import pytest
from brian2 import Mohm, ms, mV
from matplotlib.figure import Figure

from hm2bp_brian import LIF, Learned, NeuronModel, neurons, plotting, spsp
from hm2bp_brian.errors import ConfigurationError, UnitError
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


@pytest.fixture
def axes():
    return Figure().subplots(2, 2)


def test_lif(axes):
    """By Euler's method; with w in each step, I tends to w tau_s/dt, and u to I tau_m/tau_s."""
    step, ramp, kernel, rates = plotting.neuron(
        LIF(20 * ms, 5 * ms), 1.0, 0.03, dt=0.5 * ms, duration=200 * ms, axes=axes
    )
    inputs = {"step": np.where((np.arange(400) >= 80) & (np.arange(400) < 320), 0.015, 0.0)}
    inputs["ramp"] = 0.03 * np.arange(400) / 400
    for line, drive in ((step, inputs["step"]), (ramp, inputs["ramp"])):
        u = current = 0.0
        expected = []
        for added in drive:
            u, current = u + 0.5 * (-u / 20 + current / 5), current * (1 - 0.5 / 5)
            expected.append(u)
            current += added
            u = 0.0 if u > 1 else u
        np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-5, atol=1e-7)
    network = SpikingNetwork(1, [Dense(1, 1.0)], LIF(20 * ms, 5 * ms), dt=0.5 * ms, duration=20 * ms)
    before, after = np.zeros((2, 39, 40, 1), dtype=bool)
    before[:, 0] = True
    after[np.arange(39), np.arange(1, 40)] = True  # sample k fires at step k + 1
    e = spsp(network, SpikeRecord(SpikeBatch.from_dense(before), [SpikeBatch.from_dense(after)]), 0)
    np.testing.assert_allclose(kernel.get_ydata()[1:40], e[:, 0, 0], rtol=1e-5)
    drives, found = rates.get_data()
    assert len(drives) == 25 and drives[-1] == 0.03
    np.testing.assert_array_equal(found > 0, drives > 0.0251)
    assert [ax.get_xlabel() for ax in axes.flat] == [
        *("time (ms)", "time (ms)", "time after an input spike (ms)", "input in each step (1)")
    ]


def test_the_largest_input_of_an_affine_neuron_is_thrice_what_it_needs(axes):
    *_, rates = plotting.neuron(neurons.ALIF(), -50 * mV, duration=200 * ms, axes=axes)
    drives, found = rates.get_data()
    assert 0.3 < drives[np.argmax(found > 0)] / drives[-1] < 0.42
    assert axes[1, 1].get_xlabel() == "input in each step (mV)"
    assert axes[0, 0].get_ylabel() == "v (mV)"


def test_the_kernel_is_drawn_in_the_unit_that_its_label_names(axes):
    model = NeuronModel(
        "dv/dt = (R*I - v)/(20*ms) : volt\ndI/dt = -I/(5*ms) : amp",
        threshold="v > v_th",
        reset="v = 0*mV",
        method="exact",
        R=100 * Mohm,
    )
    _, _, kernel, _ = plotting.neuron(model, 20 * mV, dt=0.5 * ms, duration=100 * ms, axes=axes)
    assert axes[1, 0].get_ylabel() == "kernel (Mohm)"
    # R (exp(-t/tau_m) - exp(-t/tau_s)) / (tau_m/tau_s - 1) is largest at t = ln(4) 20/3 ms
    assert kernel.get_ydata().max() == pytest.approx(100 / 3 * (4 ** (-1 / 3) - 4 ** (-4 / 3)), rel=1e-3)


def test_what_is_learned_is_in_the_middle_of_its_range(axes):
    threshold = Learned(0.5, 1.5)
    network = SpikingNetwork(1, [Dense(9, threshold)], LIF(20 * ms, 5 * ms), dt=0.5 * ms, duration=20 * ms)
    *_, learned = plotting.neuron(network.neural[0].neuron, 1.0, 0.09, dt=0.5 * ms, duration=200 * ms, axes=axes)
    *_, fixed = plotting.neuron(LIF(20 * ms, 5 * ms), 1.0, 0.09, dt=0.5 * ms, duration=200 * ms, axes=axes)
    np.testing.assert_array_equal(learned.get_data(), fixed.get_data())


def test_wrong_arguments(axes):
    with pytest.raises(ConfigurationError, match="largest_input is needed.*the term .* in dv/dt"):
        plotting.neuron(neurons.EIF(), -30 * mV, axes=axes)
    with pytest.raises(ConfigurationError, match="largest_input must be positive, found 0. . volt"):
        plotting.neuron(neurons.EIF(), -30 * mV, 0 * mV, axes=axes)
    with pytest.raises(UnitError, match="largest_input needs a value in volt"):
        plotting.neuron(neurons.EIF(), -30 * mV, 3.0, axes=axes)
    with pytest.raises(ConfigurationError, match="axes must be four, found 2"):
        plotting.neuron(LIF(20 * ms, 5 * ms), 1.0, axes=axes[0], duration=20 * ms)

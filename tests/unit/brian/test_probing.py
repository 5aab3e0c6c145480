"""The matrix of one step, against matrices written by hand."""

import numpy as np
import pytest
from brian2 import ms
from scipy.linalg import expm

from hm2bp_brian.brian.probing import linear_map
from hm2bp_brian.errors import NoSpspError
from hm2bp_brian.model.neurons import LIF, NeuronModel

DT = 1e-3


def continuous(tau_m, tau_s):
    """d(I, u)/dt = M (I, u), in per ms."""
    return np.array([[-1 / tau_s, 0.0], [1 / tau_s, -1 / tau_m]])


@pytest.mark.parametrize(("tau_m", "tau_s"), [(64.0, 8.0), (8.0, 8.0), (5.0, 9.0)])
def test_lif_matrices(tau_m, tau_s):
    rate = continuous(tau_m, tau_s)
    euler = linear_map(LIF(tau_m * ms, tau_s * ms), 3, DT)
    exact = linear_map(LIF(tau_m * ms, tau_s * ms, method="exact"), 3, DT)
    assert euler.active.shape == (3, 2, 2)
    np.testing.assert_allclose(euler.active[2], np.eye(2) + rate, rtol=1e-13)
    np.testing.assert_allclose(exact.active[0], expm(rate), rtol=1e-12)
    assert euler.synaptic == 0
    np.testing.assert_array_equal(euler.readout[2], [0, 1])
    np.testing.assert_array_equal(euler.reset[2], [[1, 0], [0, 0]])


def test_refractory_steps_hold_the_membrane():
    matrices = linear_map(LIF(64 * ms, 8 * ms, refractory=3 * ms), 1, DT)
    np.testing.assert_allclose(matrices.refractory[0], [[1 - 1 / 8, 0], [0, 1]])
    assert matrices.refractory_steps == 2


def test_one_matrix_a_neuron():
    neuron = NeuronModel("du/dt = (I - u)/tau : 1\ndI/dt = -I/(5*ms) : 1", tau=[4, 10] * ms, method="euler")
    np.testing.assert_allclose(linear_map(neuron, 2, DT).active[:, 1, 1], [1 - 1 / 4, 1 - 1 / 10])


def test_equations_that_are_not_linear():
    neuron = NeuronModel("du/dt = (I - u**2)/tau : 1\ndI/dt = -I/tau : 1", tau=4 * ms, method="euler")
    with pytest.raises(NoSpspError, match="not linear below threshold"):
        linear_map(neuron, 1, DT)


def test_equations_that_do_not_rest_at_zero():
    neuron = NeuronModel("du/dt = (1 + I - u)/tau : 1\ndI/dt = -I/tau : 1", tau=4 * ms, method="euler")
    with pytest.raises(NoSpspError, match="must rest at 0"):
        linear_map(neuron, 1, DT)


def test_delta_synapses_have_no_spsp():
    neuron = NeuronModel("du/dt = -u/tau : 1", tau=4 * ms, synaptic_variable="u")
    with pytest.raises(NoSpspError, match="add their weight to the membrane variable"):
        linear_map(neuron, 1, DT)


@pytest.mark.parametrize("refractory", [0, 3])
def test_matrices_know_the_size_and_the_index(refractory):
    neuron = NeuronModel(
        "du/dt = (I*(1 + i)/N - u)/tau : 1\ndI/dt = -I/tau : 1", tau=4 * ms, method="euler", refractory=refractory * ms
    )
    matrices = linear_map(neuron, 10, DT)
    expected = np.broadcast_to(np.eye(2) * (1 - 1 / 4), (10, 2, 2)).copy()
    expected[:, 1, 0] = np.arange(1, 11) / 10 / 4
    np.testing.assert_allclose(matrices.active, expected, rtol=1e-12)
    np.testing.assert_allclose(matrices.refractory, expected, rtol=1e-12)


@pytest.mark.parametrize("rate", ["(I - u)/tau + 0.1*xi*tau**-0.5", "(I - u)/tau + rand()/tau"])
def test_noise_has_no_spsp(rate):
    neuron = NeuronModel(f"du/dt = {rate} : 1\ndI/dt = -I/tau : 1", tau=4 * ms, method="euler")
    with pytest.raises(NoSpspError, match="noise"):
        linear_map(neuron, 1, DT)


def test_a_random_reset_has_no_spsp():
    neuron = NeuronModel("du/dt = (I - u)/tau : 1\ndI/dt = -I/tau : 1", reset="u = rand()", tau=4 * ms)
    with pytest.raises(NoSpspError, match="noise"):
        linear_map(neuron, 1, DT)


def test_exponential_neurons_are_called_not_linear():
    """Also where they do not rest at 0, which no subtraction would mend."""
    neuron = NeuronModel(
        "dv/dt = (-v - 70*mV + 2*mV*exp((v + 50*mV)/(2*mV)) + I)/tau : volt\ndI/dt = -I/tau : volt",
        threshold="v > v_th",
        reset="v = 0*mV",
        tau=4 * ms,
        method="euler",
    )
    with pytest.raises(NoSpspError, match="not linear"):
        linear_map(neuron, 1, DT)

"""The matrix of one step, against matrices written by hand."""

import numpy as np
import pytest
from brian2 import ms, mV
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


def test_fixed_terms_are_no_part_of_the_map():
    neuron = NeuronModel(
        "dv/dt = (E - v + I)/tau : volt\ndI/dt = -I/tau : volt",
        threshold="v > v_th",
        reset="v = V_r + 0.25*(v - E) + 2*I; I *= 0.5",
        method="euler",
        **{"E": -70 * mV, "V_r": -60 * mV, "tau": [4, 10] * ms},
    )
    matrices = linear_map(neuron, 2, DT, v_th=-0.05)
    np.testing.assert_allclose(matrices.active, [[[1 - 1 / t, 0], [1 / t, 1 - 1 / t]] for t in (4, 10)], rtol=1e-12)
    np.testing.assert_allclose(matrices.reset, [[[0.5, 0], [2, 0.25]]] * 2, rtol=1e-12)


def test_delta_synapses_add_to_the_membrane():
    matrices = linear_map(NeuronModel("du/dt = -u/tau : 1", tau=4 * ms, synaptic_variable="u", method="euler"), 1, DT)
    np.testing.assert_allclose(matrices.active, [[[1 - 1 / 4]]])
    assert (matrices.synaptic, matrices.reset[0, 0, 0], matrices.readout[0, 0]) == (0, 0, 1)


READOUTS = {
    "u - theta > v_th": [0, -1, 1],
    "u > 2*theta + v_th": [0, -2, 1],
    "(u - theta)/k >= v_th": [0, [-1 / 2, -1 / 8], [1 / 2, 1 / 8]],
    "v_th < level": [3, 0, 2],
    "v_th + raised <= u": [0, 0, 1],
}


@pytest.mark.parametrize("threshold", READOUTS)
def test_the_threshold_reads_a_sum_of_variables(threshold):
    neuron = NeuronModel(
        "du/dt = (I - u)/tau : 1\ndtheta/dt = -theta/tau : 1\ndI/dt = -I/tau : 1\nlevel = 2*u + 3*I : 1\nraised : 1",
        threshold=threshold,
        tau=4 * ms,
        method="euler",
        **({"k": [2, 8]} if "/k" in threshold else {}),
    )
    found = linear_map(neuron, 2, DT).readout
    assert neuron.evolving_variables == ("I", "theta", "u")
    for variable, coefficients in enumerate(READOUTS[threshold]):
        np.testing.assert_allclose(found[:, variable], np.broadcast_to(coefficients, 2), rtol=1e-12)


def test_what_the_reset_sets_is_part_of_the_state():
    neuron = NeuronModel(
        "du/dt = (I - u)/tau : 1\ndI/dt = -I/tau : 1\nraised : 1",
        threshold="u > v_th + raised",
        reset="u -= v_th\nraised = 0.5*raised + 3",
        tau=4 * ms,
        method="euler",
    )
    matrices = linear_map(neuron, 1, DT)
    np.testing.assert_array_equal(matrices.readout[0], [0, -1, 1])
    np.testing.assert_allclose(matrices.reset[0], np.diag([1, 0.5, 1]), rtol=1e-12)
    np.testing.assert_array_equal(matrices.active[0, 1], [0, 1, 0])


LINEAR = "du/dt = (I - u)/tau : 1\ndI/dt = -I/tau : 1"
REFUSED = [
    ({"threshold": "u > v_th and I > 0"}, "must be one comparison.* found 'u > v_th and I > 0'"),
    ({"threshold": "u**2 > v_th"}, r"the term 'u\*\*2' of 'u\*\*2 > v_th'"),
    ({"threshold": "abs(u) > v_th"}, r"the term 'abs\(u\)'"),
    ({"reset": "u *= I"}, r"the reset is not affine: the term I\*u in 'u \*= I'"),
    ({"reset": "u = 0\nI = clip(I, 0, 1)"}, r"the term clip\(I, 0, 1\) in 'I = clip\(I, 0, 1\)'"),
    (
        {"equations": LINEAR + "\nn : integer", "reset": "u = 0; n += 1"},
        "the reset changes 'n', which is no real number",
    ),
    (
        {"equations": LINEAR.replace("tau : 1\n", "tau : 1\n").replace("dI/dt = -I/tau", "dI/dt = -I/tau*exp(u)")},
        r"the term -I\*exp\(u\)/tau in dI/dt",
    ),
    (
        {"equations": "du/dt = gate*(I - u)/tau : 1\ndI/dt = -I/tau : 1\ngate = 1/(1 + exp(-u)) : 1"},
        r"the term .*exp\(-u\).* in du/dt",
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_is_not_affine_is_named(change, message):
    neuron = NeuronModel(**{"equations": LINEAR, "tau": 4 * ms, "method": "euler"} | change)
    with pytest.raises(NoSpspError, match=message):
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

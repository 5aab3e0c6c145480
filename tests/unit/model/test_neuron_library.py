"""The neurons of the library: what they are at rest, and which of them train."""

import numpy as np
import pytest
from brian2 import ms, mV

import hm2bp_brian as hb
from hm2bp_brian.brian.probing import linear_map
from hm2bp_brian.errors import ConfigurationError, NoSpspError, UnitError

AFFINE = ["ALIF", "GLIF", "MAT", "ResonateAndFire"]
NOT_AFFINE = {
    "EIF": r"Delta_T\*exp\(.*\)/tau_m in dv/dt",
    "QIF": r"v\*\*2/.* in dv/dt",
    "AdEx": r"Delta_T\*g_L\*exp\(.*\)/C in dv/dt",
    "Izhikevich": r"0.04\*v\*\*2/\(mV\*ms\) in dv/dt",
    "COBA": r".*abs\(g\).*/tau_m in dv/dt",
}


def test_every_neuron_of_the_library_is_tested():
    assert set(hb.neurons.__all__) == {"LIF", *AFFINE, *NOT_AFFINE}


@pytest.mark.parametrize("name", AFFINE)
def test_affine_neurons_rest_at_e_l(name):
    neuron = getattr(hb.neurons, name)(E_L=-65 * mV)
    np.testing.assert_allclose(neuron.start_values(2, -0.05, 1e-3)["v"], [-0.065, -0.065], rtol=1e-12)
    np.testing.assert_allclose(neuron.threshold_distance(2, -0.05, 1e-3), [0.015, 0.015], rtol=1e-9)
    linear_map(neuron, 2, 1e-3, -0.05)


@pytest.mark.parametrize("name", NOT_AFFINE)
def test_other_neurons_name_the_term_that_is_not_affine(name):
    neuron = getattr(hb.neurons, name)(refractory=2 * ms)
    with pytest.raises(NoSpspError, match=f"the term {NOT_AFFINE[name]}"):
        linear_map(neuron, 2, 1e-3, -0.05)


@pytest.mark.parametrize("name", [*AFFINE, *NOT_AFFINE])
def test_every_neuron_trains_in_one_way(name):
    neuron = getattr(hb.neurons, name)(refractory=2 * ms)
    assert neuron.is_affine == (name in AFFINE)
    assert "_d__v_d_v = " in str(neuron.jacobian())


@pytest.mark.parametrize("name", ["EIF", "AdEx", "COBA", "Izhikevich"])
def test_other_neurons_stay_where_they_start(name):
    neuron = getattr(hb.neurons, name)()
    group = neuron.brian_group(1, 1.0, name="quiet*", dt=0.1 * ms)
    for variable, values in neuron.start_values(1, 1.0, 1e-4).items():
        group.variables[variable].set_value(values)
    start = float(group.v[0])
    group._network = "quiet"
    group.state_updater.before_run({})
    for _ in range(2000):
        group.state_updater.run()
    assert abs(float(group.v[0]) - start) < 6e-3


def test_mat_is_not_reset():
    matrices = linear_map(hb.neurons.MAT(), 1, 1e-3, -0.051)
    np.testing.assert_allclose(matrices.reset[0], np.eye(4), atol=1e-12)
    np.testing.assert_array_equal(matrices.readout[0], [0, -1, -1, 1])  # I, theta_1, theta_2, v
    assert matrices.refractory_steps == 1


def test_soft_reset_of_alif_takes_the_raised_threshold_away():
    matrices = linear_map(hb.neurons.ALIF(), 1, 1e-3, -0.05)
    np.testing.assert_allclose(matrices.reset[0], [[1, 0, 0], [0, 1, 0], [0, -1, 1]], atol=1e-12)  # I, theta, v


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"tau": 5 * ms}, ConfigurationError, "ALIF has no parameter 'tau'; it has E_L, tau_m, tau_s, tau_theta, beta"),
        ({"tau_m": 5 * mV}, UnitError, "ALIF.tau_m needs a value with the unit of 20. ms; found 5. .*m"),
        ({"tau_m": 20}, UnitError, "ALIF.tau_m needs a value with the unit of 20. ms; found 20"),
        ({"tau_m": [5, 0] * ms}, ConfigurationError, "ALIF.tau_m must be positive"),
    ],
)
def test_wrong_parameters(wrong, error, message):
    with pytest.raises(error, match=message):
        hb.neurons.ALIF(**wrong)

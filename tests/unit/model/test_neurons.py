"""What a user may write as a neuron, and what the errors say."""

import gc

import numpy as np
import pytest
from brian2 import amp, ms, mV, ohm, volt
from brian2.units.fundamentalunits import DIMENSIONLESS

from hm2bp_brian.brian.probing import linear_map
from hm2bp_brian.errors import ConfigurationError, NoSpspError, UnitError, UnknownNameError
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neuron_library import Izhikevich
from hm2bp_brian.model.neurons import LIF, NeuronModel

TWO_VARIABLES = """
du/dt = (I - u)/tau : 1
dI/dt = -I/tau : 1
"""


@pytest.mark.parametrize(
    ("times", "error", "message"),
    [
        ((64, 8 * ms), UnitError, r"LIF.tau_m needs a value in second, such as 64\*ms; found 64"),
        ((64 * ms, 8 * mV), UnitError, r"LIF.tau_s needs a value in second.*found 8. \* mvolt"),
        ((64 * ms, -8 * ms), ConfigurationError, "LIF.tau_s must be positive, found -0.008 s"),
        ((64 * ms, 0 * ms), ConfigurationError, "LIF.tau_s must be positive"),
        ((Learned(0 * ms, 9 * ms), 8 * ms), ConfigurationError, "LIF.tau_m must be positive, found 0.0 s"),
        ((Learned(1, 9), 8 * ms), UnitError, r"LIF.tau_m needs a value in second"),
        ((np.nan * ms, 8 * ms), ConfigurationError, "LIF.tau_m must be one finite number"),
        (([1, 2] * ms, 8 * ms), ConfigurationError, "LIF.tau_m must be one finite number"),
    ],
)
def test_lif_times(times, error, message):
    with pytest.raises(error, match=message):
        LIF(*times)


def test_refractory_time():
    with pytest.raises(UnitError, match="refractory needs a value in second"):
        LIF(64 * ms, 8 * ms, refractory=3)
    with pytest.raises(ConfigurationError, match="refractory must not be negative"):
        LIF(64 * ms, 8 * ms, refractory=-3 * ms)
    assert [LIF(64 * ms, 8 * ms, refractory=r * ms).refractory_steps(1e-3) for r in (0, 1, 2, 3)] == [0, 0, 1, 2]


def test_equal_time_constants_with_exact_integration():
    with pytest.raises(ConfigurationError, match="tau_m = tau_s"):
        LIF(8 * ms, 8 * ms, refractory=3 * ms, method="exact")
    LIF(8 * ms, 8 * ms, method="exact")
    with pytest.raises(ConfigurationError, match="learned tau_m and tau_s that may be equal.*take method='rk4'"):
        LIF(Learned(5 * ms, 20 * ms), 8 * ms, method="exact")
    LIF(Learned(9 * ms, 20 * ms), 8 * ms, method="exact")
    LIF(8 * ms, 8 * ms, refractory=3 * ms, method="euler")


def test_missing_and_superfluous_names():
    with pytest.raises(ConfigurationError, match=r"uses 'tau', which has no value: .* NeuronModel\(..., tau=...\)"):
        NeuronModel(TWO_VARIABLES)
    with pytest.raises(ConfigurationError, match="'tau_x' is not used"):
        NeuronModel(TWO_VARIABLES, tau=8 * ms, tau_x=3 * ms)
    with pytest.raises(ConfigurationError, match="add their weight to 'g', but the equations define I, u"):
        NeuronModel(TWO_VARIABLES, tau=8 * ms, synaptic_variable="g")
    with pytest.raises(ConfigurationError, match="must use v_th"):
        NeuronModel(TWO_VARIABLES, tau=8 * ms, threshold="u > 1")
    with pytest.raises(ConfigurationError, match="uses the time 't'"):
        NeuronModel("du/dt = (I - u + t/second)/tau : 1\ndI/dt = -I/tau : 1", tau=8 * ms)
    with pytest.raises(ConfigurationError, match="uses the time 'lastspike'.* a variable that the reset changes"):
        NeuronModel(TWO_VARIABLES, tau=8 * ms, refractory=2 * ms, reset="u = lastspike/second")


def test_units_in_equations():
    with pytest.raises(UnitError, match="units in the neuron do not fit"):
        NeuronModel("du/dt = (I - u)/tau : 1\ndI/dt = -I/tau : volt", tau=8 * ms)
    with pytest.raises(UnitError):
        NeuronModel(TWO_VARIABLES, tau=8 * mV)


def test_unreadable_equations_and_methods():
    with pytest.raises(ConfigurationError, match="(?s)can't be read.*the unit of the variable behind the colon"):
        NeuronModel("du/dt = (I - u)/tau")
    for wrong in ("eulerian", ("exact", "eulerian")):
        with pytest.raises(UnknownNameError, match="unknown integration method 'eulerian'. Did you mean 'euler'"):
            NeuronModel(TWO_VARIABLES, tau=8 * ms, method=wrong)


def test_a_reset_of_what_is_no_variable_is_no_reset():
    with pytest.raises(ConfigurationError, match="the reset 'v = 0' sets 'v', which is no variable.* define I, u"):
        NeuronModel(TWO_VARIABLES, tau=8 * ms, reset="v = 0")
    # but one that the reset itself reads is Brian2's way to keep a value in between
    NeuronModel(TWO_VARIABLES, tau=8 * ms, reset="before = u; u = 0.1*before", method="euler")


def test_a_refused_neuron_leaves_no_warning_of_brian2_behind(caplog):
    for wrong in ({"tau": 8 * mV}, {"tau": 8 * ms, "reset": "u = 0*mV"}):
        with pytest.raises(UnitError):
            NeuronModel(TWO_VARIABLES, **wrong)
    gc.collect()
    assert [record.message for record in caplog.records if "never included" in record.message] == []


def test_one_value_a_neuron():
    neuron = NeuronModel(TWO_VARIABLES, tau=[5, 10] * ms)
    group = neuron.brian_group(2, v_th=3.0, name="two*")
    assert np.array_equal(group.tau[:] / ms, [5, 10])
    with pytest.raises(ConfigurationError, match=r"'tau' has shape \(2,\), but the layer has 3 neurons"):
        neuron.check_size(3)


@pytest.mark.parametrize(
    ("kwds", "message"),
    [
        ({"threshold": "u > v_th and I > 0"}, "threshold must be"),
        ({"threshold": "2*u > v_th"}, "threshold must be"),
        ({"threshold": "tau/second > v_th"}, "threshold must be"),
    ],
)
def test_a_threshold_on_no_single_variable_says_so(kwds, message):
    neuron = NeuronModel(TWO_VARIABLES, tau=8 * ms, **kwds)
    with pytest.raises(NoSpspError, match=message):
        _ = neuron.membrane_variable


@pytest.mark.parametrize(
    ("cuts", "change"),
    [
        (True, {}),
        (True, {"reset": "u = 0.5 - tau/second", "threshold": "u >= v_th"}),
        (False, {"reset": "u -= v_th"}),
        (False, {"reset": "u = I"}),
        (False, {"reset": "u = 0\nI = 0"}),
        (False, {"reset": "u = 0; u += I"}),
        (False, {"reset": "I = 0"}),
        (False, {"threshold": "u - I > v_th"}),
        (False, {"synaptic_variable": "u"}),
    ],
)
def test_whether_a_reset_cuts_the_past(cuts, change):
    """The kernels rely on it: the map must then be that of LIF, the threshold reading what alone is cleared."""
    neuron = NeuronModel(TWO_VARIABLES, tau=8 * ms, method="euler", **change)
    assert neuron.reset_cuts_the_past is cuts
    matrices = linear_map(neuron, 1, 1e-3)
    lif = np.array_equal(matrices.reset[0], np.diag([1, 0])) and np.array_equal(matrices.readout[0], [0, 1])
    assert (lif and matrices.synaptic == 0) is cuts


INITIAL = [
    ({"initial": {"x": 1}}, ConfigurationError, "initial names 'x', but the variables of the neuron are I, u"),
    ({"initial": 0.5}, ConfigurationError, "initial must map variables to values"),
    ({"initial": {"u": 1 * mV}}, UnitError, "initial value of 'u' needs no unit; found 1. .*m"),
    ({"initial": {"u": [0.1, 1 * mV]}}, UnitError, "initial value of 'u' needs no unit"),
    ({"initial": {"u": np.nan}}, ConfigurationError, "initial value of 'u' must be one finite number"),
    ({"initial": {"u": [0.1, np.inf]}}, ConfigurationError, "initial value of 'u' must be one finite number"),
    ({"initial": {"u": np.zeros((2, 2))}}, ConfigurationError, "initial value of 'u' must be one finite number"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), INITIAL)
def test_initial_values_are_checked(wrong, error, message):
    with pytest.raises(error, match=message):
        NeuronModel(TWO_VARIABLES, tau=8 * ms, **wrong)


def test_initial_values_fit_the_layer():
    neuron = NeuronModel(TWO_VARIABLES, tau=8 * ms, method="euler", initial={"u": [0.1, 0.2], "I": 3})
    starts = neuron.start_values(2, 1.0, 1e-3)
    np.testing.assert_array_equal([starts["I"], starts["u"]], [[3, 3], [0.1, 0.2]])
    with pytest.raises(ConfigurationError, match=r"initial value of 'u' has shape \(2,\), but the layer has 3 neurons"):
        neuron.check_size(3)


def test_threshold_takes_the_membrane_unit():
    neuron = NeuronModel(
        "dv/dt = -v/tau + g/tau : volt\ndg/dt = -g/tau : volt",
        threshold="v > v_th",
        reset="v = 0*mV",
        synaptic_variable="g",
        tau=8 * ms,
    )
    assert neuron.threshold_dimension is mV.dim
    assert neuron.membrane_variable == "v"


ADAPTIVE = "dv/dt = (I - v)/tau : volt\ndI/dt = -I/tau : volt\ndtheta/dt = -theta/tau : volt"


@pytest.mark.parametrize(
    ("threshold", "dimension"),
    [
        ("v > v_th + theta", volt.dim),
        ("v > theta + v_th", volt.dim),
        ("(v - theta) > v_th", volt.dim),
        ("v > (v_th)", volt.dim),
        ("abs(v) > v_th", volt.dim),
        ("v_th < v", volt.dim),
        ("v/(10*mV) > v_th", DIMENSIONLESS),
        ("v > v_th*R", amp.dim),
        ("v**2 > v_th", (volt**2).dim),
    ],
)
def test_the_unit_of_v_th_is_the_one_that_fits(threshold, dimension):
    parameters = {"R": 2 * ohm} if "R" in threshold else {"a": 1 * volt**2} if "**" in threshold else {}
    equations = ADAPTIVE + ("\nb = a : volt**2" if "**" in threshold else "")
    neuron = NeuronModel(
        equations, threshold=threshold, reset="v = 0*mV; theta += 1*mV", tau=20 * ms, method="euler", **parameters
    )
    assert neuron.threshold_dimension is dimension


def test_a_threshold_whose_units_fit_with_no_v_th():
    with pytest.raises(UnitError, match="units in the threshold 'v > tau and v > v_th' do not fit, whatever the unit"):
        NeuronModel(ADAPTIVE, threshold="v > tau and v > v_th", reset="v = 0*mV", tau=20 * ms, method="euler")


@pytest.mark.parametrize("comment", ["potential at time t", "ms", "lastspike, rand()"])
def test_comments_are_no_code(comment):
    equations = TWO_VARIABLES.replace(": 1\n", f": 1  # {comment}\n", 1)
    neuron = NeuronModel(equations, threshold=f"u > v_th  # {comment}", reset=f"u = 0  # u {comment}", tau=8 * ms)
    assert neuron.state_variables == ("I", "u")
    assert neuron.membrane_variable == "u"
    assert not neuron.is_random
    with pytest.raises(ConfigurationError, match="'extra' is not used"):
        NeuronModel(TWO_VARIABLES + "# extra", tau=8 * ms, extra=1)


@pytest.mark.parametrize("name", ["N", "i", "dt"])
def test_names_of_brian_are_no_parameters(name):
    with pytest.raises(ConfigurationError, match=f"parameter '{name}' is defined twice"):
        NeuronModel(TWO_VARIABLES.replace("I - u", f"I*{name} - u"), tau=8 * ms, **{name: 3})


def test_shares_are_for_neurons_that_are_not_affine_and_learn_nothing():
    quadratic = "du/dt = (u**2 + I)/(5*ms) : 1\ndI/dt = -I/tau : 1"
    assert NeuronModel(quadratic, spsp="share", method="euler", tau=5 * ms).spsp == "share"
    with pytest.raises(UnknownNameError, match="unknown spsp 'shares'. Did you mean 'share'"):
        NeuronModel(quadratic, spsp="shares", method="euler", tau=5 * ms)
    with pytest.raises(ConfigurationError, match="spsp='share' is for neurons that are not affine"):
        NeuronModel(TWO_VARIABLES, spsp="share", tau=5 * ms)
    with pytest.raises(ConfigurationError, match="parameter 'tau' can't be learned in a neuron with spsp='share'"):
        NeuronModel(quadratic, spsp="share", method="euler", tau=Learned(5 * ms, 9 * ms))
    with pytest.raises(ConfigurationError, match="threshold of layer 0 can't be learned in a neuron with spsp='share'"):
        SpikingNetwork(3, [Dense(2, Learned(20, 30))], Izhikevich(), dt=1 * ms, duration=9 * ms)

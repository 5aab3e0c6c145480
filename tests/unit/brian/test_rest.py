"""Where presentations start, and how far the threshold is from there."""

import numpy as np
import pytest
from brian2 import ms, mV, nS, pA, pF

from hm2bp_brian.brian.rest import rest
from hm2bp_brian.engines.registry import simulate
from hm2bp_brian.errors import NoSpspError
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel
from hm2bp_brian.spikes import SpikeBatch

DT = 1e-3
MEMBRANE = "dv/dt = (E - v + I)/tau : volt\ndI/dt = -I/(5*ms) : volt"


def neuron(equations=MEMBRANE, **kwds):
    settings = {"threshold": "v > v_th", "reset": "v = -65*mV", "method": "euler"}
    return NeuronModel(equations, **settings | kwds)


def test_lif_rests_at_zero_and_is_v_th_away():
    lif = LIF(20 * ms, 5 * ms, refractory=3 * ms)
    starts = lif.start_values(3, 1.7, DT)
    assert sorted(starts) == ["I", "u"]
    for values in starts.values():
        assert values.tobytes() == np.zeros(3).tobytes()
    np.testing.assert_array_equal(lif.threshold_distance(3, 1.7, DT), [1.7] * 3)


@pytest.mark.parametrize("method", ["euler", "exact", "rk4"])
def test_a_membrane_rests_at_its_resting_potential(method):
    model = neuron(E=[-70, -60] * mV, tau=20 * ms, method=method)
    starts = model.start_values(2, -0.05, DT)
    np.testing.assert_allclose(starts["v"], [-0.07, -0.06], rtol=1e-12)
    np.testing.assert_array_equal(starts["I"], [0, 0])
    np.testing.assert_allclose(model.threshold_distance(2, -0.05, DT), [0.02, 0.01], rtol=1e-12)


def test_rest_with_a_bias_current_and_adaptation():
    """g (E - v) - w + J = 0 and w = a (v - E), so that v = E + J/(g + a) and w = a J/(g + a)."""
    model = neuron(
        """
        dv/dt = (g*(E - v) - w + I + J)/C : volt
        dw/dt = (a*(v - E) - w)/tau_w : amp
        dI/dt = -I/(5*ms) : amp
        """,
        **{"E": -70 * mV, "g": 10 * nS, "a": 2 * nS, "J": 60 * pA, "C": 200 * pF, "tau_w": 100 * ms},
    )
    starts = model.start_values(1, -0.05, DT)
    np.testing.assert_allclose([starts["v"][0], starts["w"][0]], [-0.065, 10e-12], rtol=1e-9)
    assert model.threshold_distance(1, -0.05, DT)[0] == pytest.approx(0.015, rel=1e-9)


def test_nu_is_in_the_units_of_what_the_threshold_compares():
    model = neuron(
        MEMBRANE + "\ndtheta/dt = (2*mV - theta)/tau : volt", threshold="3*(v - theta) > v_th*2", tau=9 * ms, E=-70 * mV
    )
    # 2 v_th - 3 (v - theta) at v = -70 mV, theta = 2 mV
    assert model.threshold_distance(1, -0.09, DT)[0] == pytest.approx(-0.18 + 0.216, rel=1e-9)


def test_noise_counts_as_its_mean():
    model = neuron("dv/dt = (E - v + I)/tau + 2*mV*xi*tau**-0.5 : volt\ndI/dt = -I/tau : volt", E=-70 * mV, tau=9 * ms)
    assert model.start_values(1, -0.05, DT)["v"][0] == pytest.approx(-0.07, rel=1e-12)


@pytest.mark.parametrize(
    "membrane",
    ["I/tau", "(v + I)/tau", "(I - v + exp(v/mV)*mV)/tau", "(E*rand() - v + I)/tau"],
)
def test_without_one_stable_rest_presentations_start_at_zero(membrane):
    parameters = {"E": -70 * mV} if "E" in membrane else {}
    model = neuron(f"dv/dt = {membrane} : volt\ndI/dt = -I/tau : volt", tau=9 * ms, **parameters)
    assert rest(model, 1, 0.01, DT) == {}
    assert model.start_values(1, 0.01, DT)["v"][0] == 0


def test_distance_from_a_start_that_was_given():
    model = neuron("dv/dt = I/tau : volt\ndI/dt = -I/tau : volt", tau=9 * ms, initial={"v": -30 * mV})
    assert model.threshold_distance(1, -0.01, DT)[0] == pytest.approx(0.02)
    with pytest.raises(NoSpspError, match="one comparison"):
        neuron(E=-70 * mV, tau=9 * ms, threshold="v > v_th or v > 0*mV").threshold_distance(1, -0.05, DT)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Brian2's, which pytest.warns would repeat as its own
def test_a_step_that_is_too_long_is_said_with_one_that_would_do():
    """By Euler's method v is multiplied by 1 - dt/tau: stable up to dt = 2 tau = 0.3 ms."""
    model = neuron(E=-70 * mV, tau=0.15 * ms)
    message = r"dt = 1 ms is too long .* method 'euler': .*; dt = 0.25 ms would do, or method='exact'"
    with pytest.warns(UserWarning, match=message):
        starts = model.start_values(2, -0.05, DT)
    np.testing.assert_allclose(starts["v"], [-0.07, -0.07], rtol=1e-9)
    # said once; a warning would be an error
    model.start_values(2, -0.05, DT)
    model.start_values(2, -0.05, 0.25e-3)
    neuron(E=-70 * mV, tau=0.15 * ms, method="exact").start_values(2, -0.05, DT)


@pytest.mark.parametrize("engine", ["brian2", "fused"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_presentation_starts_there(engine, dtype):
    """A membrane at E = -40 mV that starts below its threshold of -50 mV fires when an Euler sum says so."""
    first = np.array([-70, -60, -51])
    model = neuron(E=-40 * mV, tau=20 * ms, initial={"v": first * mV})
    network = SpikingNetwork(2, [Dense(3, -50 * mV, initializer=Uniform(0 * mV))], model, dt=1 * ms, duration=40 * ms)
    network.weights = [np.zeros((2, 3))]
    record = simulate(network, SpikeBatch.from_dense(np.zeros((2, 40, 2), dtype=bool)), engine=engine, dtype=dtype)
    for i, v in enumerate(first.astype(float)):
        expected = []
        for step in range(40):
            v += (-40 - v) / 20
            if v > -50:
                expected.append(step)
                v = -65
        assert len(expected) > 1
        for sample in range(2):
            assert record.output.train(sample, i).tolist() == expected

"""Derivatives along trajectories, against finite differences of steps that Brian2 takes."""

import numpy as np
import pytest
from brian2 import ms
from brian2.devices.device import RuntimeDevice
from nonlinear_neurons import NONLINEAR, SMOOTH

from hm2bp_brian.brian.probing import Probe
from hm2bp_brian.brian.trajectory import DerivativeProbe, Trajectories
from hm2bp_brian.errors import NoSpspError
from hm2bp_brian.model.neurons import NeuronModel

DT = 1e-3


def differences(step, state, sizes):
    """Central differences of a map of states (n_neurons, n_variables), variable by variable."""
    columns = []
    for variable, size in enumerate(sizes):
        moved = np.stack([state, state])
        moved[0, :, variable] += size
        moved[1, :, variable] -= size
        after = step(moved)
        columns.append((after[0] - after[1]) / (2 * size))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("name", [*NONLINEAR, *SMOOTH])
def test_derivatives_are_those_of_a_probed_step(name):
    model, v_th = (NONLINEAR | SMOOTH)[name][:2]
    neuron = model(4)
    probe = Probe(neuron, 4, float(v_th), DT)
    along = DerivativeProbe(neuron, 4, float(v_th), DT)
    starts = neuron.start_values(4, float(v_th), DT)
    state = np.stack([starts[variable] for variable in probe.variables], axis=-1)
    scale = np.abs(along.step(state, np.zeros(4, bool))[0]).max(axis=0) + 1e-3
    state = state + 0.1 * scale * np.random.default_rng(0).normal(size=state.shape)
    refractory = np.array([False, True, False, True]) & (neuron.refractory > 0)
    after, matrices = along.step(state, refractory)
    both = [probe.update(state[np.newaxis], refractory=flag)[0] for flag in (False, True)]
    np.testing.assert_array_equal(after, np.where(refractory[:, None], both[1], both[0]))
    free, held = (differences(lambda x, f=flag: probe.update(x, refractory=f), state, 1e-5 * scale) for flag in (0, 1))
    expected = np.where(refractory[:, None, None], held, free)
    relative = scale[:, None] / scale  # entries in units of the variables
    np.testing.assert_allclose(matrices / relative, expected / relative, rtol=1e-6, atol=1e-7)
    after, matrices = along.spike(state)
    np.testing.assert_array_equal(after, probe.reset(state[np.newaxis])[0])
    expected = differences(probe.reset, state, 1e-5 * scale)
    np.testing.assert_allclose(matrices / relative, expected / relative, rtol=1e-6, atol=1e-7)


def test_code_is_generated_once_not_at_each_step(monkeypatch):
    model, v_th = NONLINEAR["AdEx"][:2]
    trajectories = Trajectories(model(4), 4, float(v_th), DT)
    fires, drive = np.zeros((5, 4), bool), np.zeros((5, 4))
    fires[2, 1] = True
    once = trajectories.along(fires, drive)

    def refuse(*_, **__):
        raise AssertionError("code was generated")

    monkeypatch.setattr(RuntimeDevice, "code_object", refuse)
    np.testing.assert_array_equal(trajectories.along(fires, drive).states, once.states)


QUADRATIC = "dv/dt = (v**2/mV + I - v)/tau : volt\ndI/dt = -I/tau : volt"
BASE = {"equations": QUADRATIC, "reset": "v = 0*mV", "tau": 5 * ms}
REFUSED = [
    (
        {"equations": QUADRATIC.replace("I - v", "I - v + 3*mV*int(v > 1*mV)")},
        r"the term .*int\(v > .*in 'dv/dt",
    ),
    ({"equations": QUADRATIC.replace("I - v", "clip(I, 0*mV, 1*mV) - v")}, r"the term clip\(I.* in 'dv/dt"),
    ({"equations": QUADRATIC.replace("I - v", "I - floor(v/mV)*mV")}, r"the term .*floor\(v/mV\).* in 'dv/dt"),
    ({"reset": "v = clip(v, 0*mV, 1*mV)"}, r"the term clip\(v, 0.*\) in 'v = clip\(v, 0\*mV, 1\*mV\)'"),
    (
        {"equations": QUADRATIC.replace("v**2/mV", "s") + "\ns = v**2/mV : volt (constant over dt)"},
        "'s' is 'constant over dt'",
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_has_no_derivative_is_named(change, message):
    neuron = NeuronModel(**BASE | change, threshold="v > v_th", method="euler")
    with pytest.raises(NoSpspError, match=message):
        neuron.jacobian()


def test_derivatives_of_a_reset_follow_its_statements_in_their_order():
    neuron = NeuronModel(
        "dv/dt = (v**2/mV + I - v)/tau : volt\ndI/dt = -I/tau : volt\nboth = v*I/mV : volt",
        threshold="v > v_th",
        reset="v = v**2/mV; I += both",
        method="euler",
        tau=5 * ms,
    )
    _, matrices = DerivativeProbe(neuron, 1, 1.0, DT).spike(np.array([[2e-3, 3e-3]]))  # I, v
    # v = 9 mV, I = 2 + 2*9
    np.testing.assert_allclose(matrices[0], [[1 + 9, 2 * 6], [0, 6]], rtol=1e-12)
    assert neuron.jacobian().reset.entries["v", "I"] == "0"

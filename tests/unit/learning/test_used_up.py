"""What lifts the potential to the threshold is used up by the spike, whatever kind of reset follows."""

import numpy as np
import pytest
from brian2 import ms, mV

import hm2bp_brian as hb
from hm2bp_brian.brian.probing import linear_map
from hm2bp_brian.learning.spsp import adjoint

EQUATIONS = """
dv/dt = (E_L - v)/tau_m + I/tau_s : volt (unless refractory)
dtheta/dt = -theta/(100*ms) : volt
dI/dt = -I/tau_s : volt
"""


def adaptive(reset: str) -> hb.NeuronModel:
    return hb.NeuronModel(
        EQUATIONS,
        **{"threshold": "v - theta > v_th", "reset": reset, "refractory": 2 * ms, "method": "euler"},
        **{"E_L": -70 * mV, "tau_m": 20 * ms, "tau_s": 5 * ms, "beta": 3 * mV},
    )


def used_up(neuron: hb.NeuronModel, fires: np.ndarray) -> np.ndarray:
    """q of neurons that fire so, (n_steps, n_neurons), where spikes use up what they read."""
    known = linear_map(neuron, fires.shape[1], 1e-3, -0.05)
    return adjoint(hb.SpikeBatch.from_dense(fires[np.newaxis]), known, 0, uses_up=True).q


def test_a_soft_reset_has_the_credit_of_a_hard_one():
    fires = np.random.default_rng(0).random((80, 5)) < 0.1
    hard, soft, partial = (
        used_up(adaptive(f"{reset}; theta += beta"), fires)
        for reset in ("v = E_L", "v -= v_th - E_L + theta", "v = E_L + 0.3*(v - E_L - theta)")
    )
    assert np.abs(hard).max() > 0
    np.testing.assert_allclose(soft, hard, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(partial, hard, rtol=1e-12, atol=1e-15)


def test_where_nothing_is_reset_nothing_is_used_up():
    fires = np.random.default_rng(0).random((80, 5)) < 0.1
    neuron = hb.neurons.MAT()
    known = linear_map(neuron, 5, 1e-3, -0.05)
    assert not known.taken_back.any()
    kept = adjoint(hb.SpikeBatch.from_dense(fires[np.newaxis]), known, 0).q
    np.testing.assert_array_equal(used_up(neuron, fires), kept)
    assert (np.diff(kept[:40].max(axis=1)) != 0).any()


@pytest.mark.parametrize(
    ("neuron", "expected"),
    [
        (hb.neurons.ALIF(), {"v": 1}),
        (hb.neurons.GLIF(), {"v": 1}),
        (hb.LIF(20 * ms, 5 * ms), {"u": 1}),
        # half of a sum of two compartments, one of which is reset
        (
            hb.NeuronModel(
                "du/dt = (w - u)/(9*ms) : 1\ndw/dt = (u - w)/(9*ms) + I/(5*ms) : 1\ndI/dt = -I/(5*ms) : 1",
                **{"threshold": "0.5*u + 0.5*w > v_th", "reset": "u -= v_th", "method": "euler"},
            ),
            {"u": 2},
        ),
    ],
)
def test_what_is_taken_back_reaches_from_rest_to_the_threshold(neuron, expected):
    known = linear_map(neuron, 2, 1e-3, 1.0)
    assert known.taken_back.tolist() == [[expected.get(name, 0) for name in neuron.evolving_variables]] * 2
    np.testing.assert_allclose((known.readout * known.taken_back).sum(axis=1), 1)

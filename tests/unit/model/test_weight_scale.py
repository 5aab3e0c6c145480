"""Weights that fit their neurons: the potential they lead to is measured, in a simulation without spikes."""

import numpy as np
import pytest
from brian2 import ms, mV, pA, pF

import hm2bp_brian as hb
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.weight_scale import RATE, weight_scales

LIF = hb.LIF(20 * ms, 5 * ms)
AXIS = {"dt": 1 * ms, "duration": 200 * ms}


def graph(neuron=LIF, threshold=3.0, n_inputs=120, n_neurons=200, **projection):
    network = hb.SpikingNetwork(**AXIS, seed=1)
    network.input("in", n_inputs)
    network.population("out", n_neurons, neuron=neuron, threshold=threshold, readout=True)
    network.connect("in", "out", **projection)
    return network


def rms_of_potentials(weights):
    """Of LIF with the constants above that never fires, with independent inputs, once it has forgotten the start."""
    generator, n_samples = np.random.default_rng(0), 60
    u = current = np.zeros((n_samples, weights.shape[1]))
    squares = []
    for step in range(300):
        u, current = u + current / 5 - u / 20, current - current / 5
        current = current + (generator.random((n_samples, len(weights))) < RATE * 1e-3) @ weights
        if step >= 100:
            squares.append(np.mean(u**2))
    return np.sqrt(np.mean(squares))


@pytest.mark.parametrize("sign", [None, "excitatory", "inhibitory"])
def test_inputs_move_neurons_by_the_distance_to_the_threshold(sign):
    weights = graph(sign=sign).weights[0]
    assert rms_of_potentials(weights) == pytest.approx(3.0, rel=0.06)


def test_inputs_of_both_signs():
    network = hb.SpikingNetwork(**AXIS, seed=1)
    network.input("in", 120, sign=0.7)
    network.population("out", 200, neuron=LIF, threshold=3, readout=True)
    network.connect("in", "out")
    assert rms_of_potentials(network.weights[0]) == pytest.approx(3.0, rel=0.06)


def test_single_connections_are_counted():
    sparse = graph(connection=hb.Sparse(p=0.25))
    matrix = sparse.projections[0].connection.unroll(sparse.weights[0])
    assert rms_of_potentials(matrix) == pytest.approx(3.0, rel=0.1)
    assert weight_scales(sparse)[0] == pytest.approx(2 * weight_scales(graph())[0], rel=0.05)
    loop = graph(n_neurons=5)
    loop.connect("out", "out")
    assert loop.projections[1].connection.fan_in == 4
    image = hb.SpikingNetwork((9, 9, 2), [hb.Conv2D(3, 4, threshold=1), hb.Dense(2, threshold=1)], LIF, **AXIS)
    assert [p.connection.fan_in for p in image.projections] == [4 * 4 * 2, 6 * 6 * 3]


def test_the_default_and_its_gain():
    plain, layers = graph(), [hb.Dense(200, threshold=3)]
    np.testing.assert_array_equal(plain.weights[0], hb.SpikingNetwork((120,), layers, LIF, **AXIS, seed=1).weights[0])
    np.testing.assert_allclose(graph(weights=hb.Scaled(2.5)).weights[0], 2.5 * plain.weights[0], rtol=1e-6)
    limit = weight_scales(plain)[0]
    assert 0.99 * limit < np.abs(plain.weights[0]).max() <= limit
    assert weight_scales(graph(plastic=False)) == [1.0]
    with pytest.raises(ConfigurationError, match="Scaled.gain must be > 0, found -1"):
        hb.Scaled(-1)


def test_units_change_the_unit_only():
    membrane = {"reset": "v = E_L", "threshold": "v > v_th", "method": "euler", "tau_m": 20 * ms, "tau_s": 5 * ms}
    in_amperes = hb.NeuronModel(
        "dv/dt = (E_L - v)/tau_m + I/C : volt\ndI/dt = -I/tau_s : amp", E_L=-70 * mV, C=250 * pF, **membrane
    )
    # a weight w in ampere puts w/C into v in each second, where in LIF it puts w/tau_s
    expected = weight_scales(graph())[0] * (mV / 1) * 250 * pF / (5 * ms)
    network = graph(in_amperes, -67 * mV)
    assert weight_scales(network)[0] == pytest.approx(float(expected), rel=1e-6)
    assert 10 < np.abs(network.weights[0]).max() / float(pA) < 100


def test_neurons_that_are_not_affine_are_taken_at_rest():
    """There the exponential of EIF is 2 mV exp(-7.5), a part of 1e-4 of the leak's distance to its threshold."""
    straight = hb.NeuronModel(
        "dv/dt = (E_L - v)/tau_m + I/tau_s : volt\ndI/dt = -I/tau_s : volt",
        threshold="v > v_th",
        reset="v = E_L",
        method="euler",
        **{"E_L": -70 * mV, "tau_m": 20 * ms, "tau_s": 5 * ms},
    )
    nearly, exactly = (weight_scales(graph(n, -50 * mV, n_neurons=3))[0] for n in (hb.neurons.EIF(), straight))
    assert nearly == pytest.approx(exactly, rel=2e-3) and nearly != exactly


def test_a_bias_is_scaled_for_a_source_that_always_fires():
    network = hb.SpikingNetwork(**AXIS)
    network.input("in", 3)
    network.population("out", 200, neuron=LIF, threshold=3, readout=True, bias=hb.Scaled())
    network.connect("in", "out")
    u = current = np.zeros(200)
    for _ in range(300):
        u, current = u + current / 5 - u / 20, current - current / 5 + network.weights["bias_out"][0]
    assert np.sqrt(np.mean(u**2)) == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("du/dt = (I/unit - u)/tau + 0.1*xi*tau**-0.5 : 1", r"noise \(xi\).*such as Uniform\("),
        (
            "du/dt = -u/tau : 1",
            "weights of 'in_to_out' have no scale, as a spike moves the neurons of 'out' not at all",
        ),
    ],
    ids=["noise", "no effect"],
)
def test_neurons_of_which_it_is_not_known_what_a_spike_does(equation, message):
    def neuron(unit):
        equations = f"{equation.replace('unit', unit)}\ndI/dt = -I/tau : {unit}"
        return hb.NeuronModel(equations, method="euler", tau=9 * ms)

    plain = graph(neuron("1"))
    assert 0.9 < np.abs(plain.weights[0]).max() <= 1
    with pytest.raises(ConfigurationError, match=message):
        weight_scales(plain)
    with pytest.raises(ConfigurationError, match=message):
        graph(neuron("amp"))
    assert graph(neuron("amp"), weights=hb.Uniform(2 * pA)).weights[0].max() > 1.9e-12

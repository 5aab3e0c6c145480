"""Networks: shapes that chain, time axes, weights that are checked."""

import numpy as np
import pytest
from brian2 import mA, ms, mV, nS, pA, second

from hm2bp_brian.errors import ConfigurationError, NumericalError, ShapeError, UnitError
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel

NEURON = LIF(64 * ms, 8 * ms)


def make(layers=None, **kwds):
    settings = {"dt": 1 * ms, "duration": 40 * ms, "seed": 1} | kwds
    return SpikingNetwork((2, 3, 1), layers or [Dense(4, threshold=2), Dense(3, threshold=1)], NEURON, **settings)


def test_shapes_are_inferred_and_shown(capsys):
    network = make()
    assert [w.shape for w in network.weights] == [(6, 4), (4, 3)]
    network.summary()
    table = capsys.readouterr().out
    assert "(2, 3, 1)" in table and "24" in table and "total" in table and "36" in table


def test_weights_start_from_the_seed_within_the_limit():
    assert all(np.array_equal(a, b) for a, b in zip(make().weights, make().weights, strict=True))
    assert not np.array_equal(make().weights[0], make(seed=2).weights[0])
    wide = make([Dense(400, threshold=1, initializer=Uniform(0.25))]).weights[0]
    assert 0.24 < np.abs(wide).max() <= 0.25


@pytest.mark.parametrize(
    ("duration", "error", "message"),
    [
        (40.5 * ms, ConfigurationError, r"duration must be a multiple of dt.*40.5 steps"),
        (40, UnitError, "duration needs a value in second"),
        (0 * ms, ConfigurationError, "must be positive"),
        (-1 * second, ConfigurationError, "must be positive"),
    ],
)
def test_time_axis(duration, error, message):
    with pytest.raises(error, match=message):
        make(duration=duration)


def test_duration_of_many_small_steps_is_a_multiple():
    assert make(dt=0.1 * ms, duration=0.3 * ms).n_steps == 3


def test_weights_are_checked_at_each_assignment():
    network = make()
    with pytest.raises(ShapeError, match=r"weights of layer 1 must have shape \(4, 3\), found \(3, 4\)"):
        network.weights[1] = np.zeros((3, 4))
    with pytest.raises(NumericalError, match=r"layer 0 must be finite, found nan at index \(1, 2\)"):
        bad = np.zeros((6, 4))
        bad[1, 2] = np.nan
        network.weights = [bad, np.zeros((4, 3))]
    with pytest.raises(ShapeError, match="expected weights of 2 layers, found 1"):
        network.weights = [np.zeros((6, 4))]
    with pytest.raises(ShapeError, match=r"layers 0\.\.1, found layer 2"):
        network.weights[2] = np.ones((6, 4))
    assert not hasattr(network.weights, "append")
    network.weights[-1] = np.ones((4, 3))
    assert (network.weights[1] == 1).all()


def test_threshold_units():
    with pytest.raises(UnitError, match="threshold of layer 0 needs no unit; found"):
        make([Dense(4, threshold=2 * mV)])


def test_membrane_in_volts():
    neuron = NeuronModel(
        "dv/dt = (g - v)/tau : volt\ndg/dt = -g/tau : volt",
        threshold="v > v_th",
        reset="v = 0*mV",
        synaptic_variable="g",
        tau=8 * ms,
    )
    layers = [Dense(4, threshold=20 * mV, initializer=Uniform(3 * mV))]
    network = SpikingNetwork(6, layers, neuron, dt=1 * ms, duration=10 * ms)
    assert network.thresholds == [0.02]
    assert 0 < np.abs(network.weights[0]).max() <= 0.003
    with pytest.raises(UnitError, match="initial limit of layer 0 needs a value in volt"):
        SpikingNetwork(6, [Dense(4, threshold=20 * mV, initializer=Uniform(1.0))], neuron, dt=1 * ms, duration=10 * ms)


@pytest.mark.parametrize("units", [0, -3, 2.5, True, "ten"])
def test_units_must_be_a_count(units):
    with pytest.raises(ConfigurationError, match="Dense.units must be a positive integer"):
        Dense(units, threshold=1)


def test_lateral_inhibition_is_a_strength():
    with pytest.raises(ConfigurationError, match="lateral_inhibition"):
        Dense(3, threshold=1, lateral_inhibition=-1.0)


@pytest.mark.parametrize("shape", [(), (0, 3), (2.0, 3), "ab"])
def test_input_shape(shape):
    with pytest.raises(ShapeError, match="input_shape must be positive integers"):
        SpikingNetwork(shape, [Dense(1, threshold=1)], NEURON, dt=1 * ms, duration=1 * ms)


def test_no_layers():
    with pytest.raises(ConfigurationError, match="at least one layer"):
        SpikingNetwork(3, [], NEURON, dt=1 * ms, duration=1 * ms)


VOLTS = "dv/dt = (I - v)/tau : volt\ndI/dt = -I/tau : volt"


def volt_network(*, lateral=0.0, equations=VOLTS, threshold=2 * mV, **parameters):
    neuron = NeuronModel(equations, threshold="v > v_th", reset="v = 0*mV", tau=20 * ms, method="euler", **parameters)
    layer = Dense(4, threshold, lateral, initializer=Uniform(5 * mV))
    return SpikingNetwork(5, [layer], neuron, dt=1 * ms, duration=50 * ms)


def test_lateral_inhibition_has_the_unit_of_weights():
    assert volt_network(lateral=1 * mV).lateral(0).weight == -0.001
    assert volt_network().lateral(0) is None
    for wrong in (1 * mA, 1.0, 0 * mA):
        with pytest.raises(UnitError, match="lateral inhibition of layer 0 needs a value in volt"):
            volt_network(lateral=wrong)
    with pytest.raises(UnitError, match="lateral inhibition of layer 0 needs no unit"):
        make([Dense(4, threshold=2, lateral_inhibition=5 * nS)])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Brian2's, which pytest.warns would repeat as its own
def test_lateral_inhibition_of_a_hidden_layer_warns():
    with pytest.warns(UserWarning, match="layer 0 is hidden and has lateral inhibition of strength 0.5"):
        network = make([Dense(4, threshold=2, lateral_inhibition=0.5), Dense(3, threshold=1, lateral_inhibition=0.25)])
    assert [network.lateral(layer).weight for layer in (0, 1)] == [-0.5, -0.25]


def test_weights_with_units_are_converted():
    network = volt_network()
    network.weights = [np.full((5, 4), 3) * mV]
    np.testing.assert_allclose(network.weights[0], 0.003)
    assert type(network.weights[0]) is np.ndarray
    for wrong in (np.full((5, 4), 3) * mA, np.full((5, 4), 3) * pA):
        with pytest.raises(UnitError, match="weights of layer 0 need a value in volt, .*; found amp"):
            network.weights = [wrong]
        with pytest.raises(UnitError, match="weights of layer 0"):
            network.weights[0] = wrong


RESTING = "dv/dt = (E - v + R*J)/tau : volt\ndI/dt = -I/tau : volt\nJ = I/R : amp"


def test_neurons_that_fire_at_the_start_are_refused():
    """Rest at -40 mV and a threshold at -50 mV, or a start at 0 mV."""
    parameters = {"equations": RESTING, "threshold": -50 * mV, "R": 1 * mV / mA}
    message = r"layer 0: .* v_th = -50. mV holds at the start .* They start with I = 0. V, v = -40. mV; say by initial="
    with pytest.raises(ConfigurationError, match=message):
        volt_network(E=-40 * mV, **parameters)
    with pytest.raises(ConfigurationError, match="They start with I = 0. V, v = 0. V"):
        volt_network(E=-70 * mV, initial={"v": 0 * mV}, **parameters)
    assert volt_network(E=-40 * mV, initial={"v": -70 * mV}, **parameters).thresholds == [-0.05]
    assert volt_network(E=-70 * mV, **parameters).thresholds == [-0.05]
    assert volt_network(equations=RESTING, threshold=20 * mV, E=0 * mV, R=1 * mV / mA).thresholds == [0.02]


def test_only_some_neurons_that_fire_at_the_start():
    neuron = NeuronModel("du/dt = (I - u)/tau : 1\ndI/dt = -I/tau : 1", threshold="u > v_th - i", tau=9 * ms)
    SpikingNetwork(3, [Dense(2, threshold=1.5)], neuron, dt=1 * ms, duration=5 * ms)
    with pytest.raises(ConfigurationError, match="holds at the start"):
        SpikingNetwork(3, [Dense(3, threshold=1.5)], neuron, dt=1 * ms, duration=5 * ms)


def test_the_start_is_checked_without_random_numbers():
    neuron = NeuronModel("du/dt = (I - u)/tau : 1\ndI/dt = -I/tau : 1", threshold="rand() < u*v_th", tau=9 * ms)
    before = np.random.get_state()[1].copy()
    SpikingNetwork(3, [Dense(2, threshold=1.5)], neuron, dt=1 * ms, duration=5 * ms)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("seed", [None, "1", 1.0, True, -1, 2**63])
def test_seed(seed):
    with pytest.raises(ConfigurationError, match=r"seed must be an integer in 0\.\.2\*\*63-1"):
        make(seed=seed)

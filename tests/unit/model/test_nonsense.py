"""Nonsense given to constructors is refused by this package, not by what happens to stumble over it."""

import numpy as np
import pytest
from brian2 import amp, mA, ms, mV

import hm2bp_brian as hb
from hm2bp_brian.errors import ConfigurationError, Hm2bpError, ShapeError, UnitError
from hm2bp_brian.model.units import to_array, to_float

LIF = hb.LIF(20 * ms, 5 * ms)
EQUATIONS = "du/dt = (I - u)/tau : 1\ndI/dt = -I/tau : 1"


def network(input_shape=4, layers=None, neuron=LIF, **kwds):
    layers = [hb.Dense(3, threshold=1)] if layers is None else layers
    return hb.SpikingNetwork(input_shape, layers, neuron, **({"dt": 1 * ms, "duration": 10 * ms} | kwds))


def assign_weights(value):
    network().weights = value


def assign_weights_of_a_layer(value):
    network().weights[0] = value


NONSENSE = {
    "none": None,
    "text": "a",
    "number as text": "5",
    "nan": np.nan,
    "infinite": np.inf,
    "huge": 1e300,
    "rows of several lengths": [[1], [1, 2]],
    "matrix": np.zeros((2, 2)),
    "quantities": [1, 2] * mA,
    "quantity": 3 * mA,
    "object": object(),
    "complex": 1j,
}
CONV = {"channels": 2, "kernel_size": 3, "threshold": 1}
MAKERS = {
    "input_shape": lambda x: network(x),
    "layer": lambda x: network(layers=x if x is not None else [x]),
    "neuron": lambda x: network(neuron=x),
    "dt": lambda x: network(dt=x),
    "duration": lambda x: network(duration=x),
    "seed": lambda x: network(seed=x),
    "weights": assign_weights,
    "weights of a layer": assign_weights_of_a_layer,
    "Dense.units": lambda x: hb.Dense(x, threshold=1),
    "Dense.threshold": lambda x: network(layers=[hb.Dense(2, threshold=x)]),
    "Dense.lateral_inhibition": lambda x: network(layers=[hb.Dense(2, threshold=1, lateral_inhibition=x)]),
    "Dense.initializer": lambda x: network(layers=[hb.Dense(2, threshold=1, initializer=x)]),
    "Uniform.limit": lambda x: network(layers=[hb.Dense(2, threshold=1, initializer=hb.Uniform(x))]),
    **{f"Conv2D.{k}": lambda x, k=k: network((9, 9, 1), [hb.Conv2D(**(CONV | {k: x}))]) for k in [*CONV, "padding"]},
    "SumPool2D.size": lambda x: hb.SumPool2D(x, threshold=1),
    "SumPool2D.threshold": lambda x: network((9, 9, 1), [hb.SumPool2D(2, threshold=x)]),
    "LIF.tau_m": lambda x: hb.LIF(x, 5 * ms),
    "LIF.refractory": lambda x: hb.LIF(20 * ms, 5 * ms, refractory=x),
    "LIF.method": lambda x: hb.LIF(20 * ms, 5 * ms, method=x),
    "NeuronModel.equations": lambda x: hb.NeuronModel(x),
    **{
        f"NeuronModel.{k}": lambda x, k=k: hb.NeuronModel(EQUATIONS, **({"tau": 9 * ms} | {k: x}))
        for k in ("tau", "threshold", "reset", "refractory", "method", "synaptic_variable")
    },
}


@pytest.mark.parametrize("nonsense", NONSENSE)
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nonsense_is_refused(maker, nonsense):
    with pytest.raises(Hm2bpError):
        MAKERS[maker](NONSENSE[nonsense])


@pytest.mark.parametrize("population", ["the input", "layer 0"])
def test_populations_have_a_largest_size(population):
    with pytest.raises(ShapeError, match=f"{population} must have at most 2147483647"):
        network(2**31 if population == "the input" else 4, [hb.Dense(2**31, threshold=1)])


def test_too_many_steps():
    with pytest.raises(ConfigurationError, match="at most 2147483647 steps"):
        network(dt=1e-300 * ms, duration=1e10 * ms)


@pytest.mark.parametrize("value", [True, np.bool_(True), "5", [5.0], None, 10**400])
def test_what_is_no_number(value):
    with pytest.raises(ConfigurationError, match="^margin must be one finite number"):
        to_float("margin", value)


def test_refused_times_come_with_an_example():
    with pytest.raises(
        ConfigurationError, match=r"refractory must be one finite number, a value in second, such as 64"
    ):
        hb.LIF(20 * ms, 5 * ms, refractory="rand()*5*ms")


def test_arrays_with_units_become_base_units():
    np.testing.assert_allclose(to_array("weights", [1 * mV, 2 * mV], mV.dim), [0.001, 0.002])
    np.testing.assert_array_equal(to_array("weights", [[1, 2]], mV.dim), [[1, 2]])
    assert type(to_array("weights", [1, 2] * mV, mV.dim)) is np.ndarray
    with pytest.raises(UnitError, match=r"weights need a value in volt, such as 20\*mV, or plain numbers; found amp"):
        to_array("weights", [1 * amp, 2 * amp], mV.dim)
    with pytest.raises(UnitError, match="weights have units that differ"):
        to_array("weights", [1 * amp, 2 * mV], mV.dim)


@pytest.mark.parametrize(
    "make",
    [
        *(
            lambda v, k=k: hb.Adam(**{k: v})
            for k in ("learning_rate", "beta_1", "beta_2", "epsilon", "clip", "schedule")
        ),
        *(lambda v, k=k: hb.SGD(**{k: v}) for k in ("learning_rate", "momentum", "schedule")),
        *(lambda v, k=k: hb.WeightLimit(**{k: v}) for k in ("strength", "beta")),
        *(lambda v, k=k: hb.SpikeCountLoss(**{k: v}) for k in ("desired", "undesired", "margin")),
    ],
)
@pytest.mark.parametrize("value", [20 * ms, "0.1", None], ids=str)
def test_plain_settings_have_no_unit(make, value):
    with pytest.raises((UnitError, ConfigurationError)):
        make(value)

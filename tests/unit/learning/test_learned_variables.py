"""Thresholds, parameters and initial values that are learned: gradients, engines, and what becomes of the values."""

import numpy as np
import pytest
from brian2 import ms, mV
from learned_neurons import LEARNED, OTHERS, learned_maps, learned_network
from networks import make_input

import hm2bp_brian as hb
from hm2bp_brian.brian.state_traces import record_state_traces
from hm2bp_brian.engines.protocol import HostTape
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import ConfigurationError, ShapeError, UnitError
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.component import NumpyKernels, Sample
from hm2bp_brian.learning.losses import SpikeCountLoss

LOSS = SpikeCountLoss(desired=6, undesired=1, margin=1)
LABELS = np.array([2, 16, 0])


def readings(network, record, layer: int, values: dict, sample: int, before=None) -> np.ndarray:
    """Distances to the threshold at recorded spikes, by forward simulation; (n_steps, n_neurons), 0 elsewhere.

    What these are above those ``before``, each spike uses up.
    """
    trajectories = network.trajectories(layer)
    fires, arriving = (
        batch.dense()[sample].reshape(record.n_steps, -1) for batch in (record.layers[layer], record.presynaptic(layer))
    )
    drive = arriving @ network.connections[layer].unroll(network.weights[layer].astype(float))
    probe, found, free_from = trajectories._probe, np.zeros(fires.shape), np.zeros(fires.shape[1], dtype=int)
    state = trajectories.along(fires[:1], drive[:1], learned=values).states[0]  # where it starts
    for t, fired in enumerate(fires):
        state = probe.update(state[None], refractory=t < free_from)[0]
        found[t] = np.where(fired, probe.read("distance", state), 0.0)
        used = 0 if before is None else found[t] - before[t]
        state = state - trajectories.taken_back * np.reshape(used, (-1, 1))
        state[:, trajectories.synaptic] += drive[t]
        state = np.where(fired[:, None], probe.reset(state[None])[0], state)
        free_from[fired] = t + 1 + trajectories.refractory_steps
    return found


class Keeping(NumpyKernels):
    """Kernels that keep what they make of samples."""

    kept: list

    def sample(self, *arguments) -> Sample:
        """See `NumpyKernels`."""
        self.kept.append((arguments[-1], super().sample(*arguments)))
        return self.kept[-1][1]


@pytest.mark.parametrize("name", [*LEARNED, "maps"])
def test_gradients_are_finite_differences_of_the_readings_at_fixed_spike_times(name):
    network = learned_network(name)
    record = hb.simulate(network, make_input(network, 3, rate=0.2), engine="brian2", dtype="float64")
    assert all(layer.n_spikes > 10 for layer in record.layers)
    errors = LOSS.errors(record.output.counts, LABELS)
    kernels = Keeping(network)
    kernels.kept = []
    total = backward(network, network.parameters, record, errors, hb.Rules(), kernels)
    trains = network.trains(record.input, record.layers)  # of readouts, stand-ins take the place of silent neurons
    for variable in network.learned_variables:
        expected = np.zeros(variable.population.size)
        layer = network.neural.index(variable.population)
        for number, sample in kernels.kept:
            if variable.population not in sample.component.populations:
                continue
            values = network.learned_values(variable.population, network.parameters)
            step = 1e-5 * (variable.range.high - variable.range.low)
            unmoved = readings(network, record, layer, values, number)
            sides = [
                readings(network, record, layer, values | {variable.name: moved}, number, unmoved).sum(axis=0)
                for moved in (values[variable.name] + step, values[variable.name] - step)
            ]
            slope = (sides[0] - sides[1]) / (2 * step)
            recorded = trains[variable.population.name].counts[number] > 0
            start = sample.effect_of_start(variable)
            np.testing.assert_allclose(start[recorded], slope[recorded], rtol=1e-5, atol=1e-6 * np.abs(slope).max())
            delta = total.deltas[layer][number]
            expected += delta * sample.kappa[variable.population.name] * start
        found = total.arrays[variable.number]
        assert np.abs(expected).max() > 0
        # each neuron's own, or one a channel, which is the last axis, or one for all
        np.testing.assert_allclose(found, np.bincount(np.arange(len(expected)) % len(found), expected), rtol=1e-9)


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-9), ("float32", 1e-4)])
@pytest.mark.parametrize("name", [*LEARNED, *OTHERS])
def test_both_engines_fire_and_learn_alike(name, dtype, rtol):
    network = learned_network(name, sizes=(70, 17))
    batch = make_input(network, 3, rate=0.2)
    fused = make_engine(network, "fused", dtype, 2)
    random = np.random.default_rng(1)
    parameters = [*network.weights, *network.delays]
    parameters += [random.uniform(*v.limits, v.shape) for v in network.learned_variables]  # not those it was made with
    tape = fused.forward(parameters, batch)
    assert tape.record.layers != fused.forward(network.parameters, batch).record.layers
    if dtype == "float64":
        reference = make_engine(network, "brian2", dtype)
        assert tape.record.layers == reference.forward(parameters, batch).record.layers
    errors, rules = LOSS.errors(tape.counts, LABELS), hb.Rules(recurrent_terms=2)
    found = fused.backward(tape, errors, rules)
    expected = backward(network, tape.parameters, tape.record, errors, rules)
    assert all(array.dtype == dtype for array in found.arrays)
    for mine, array in zip((*found.arrays, *found.deltas), (*expected.arrays, *expected.deltas), strict=True):
        assert np.abs(array).max(initial=0) > 0 or array.size == 0
        np.testing.assert_allclose(mine, array, rtol=rtol, atol=rtol * np.abs(array).max(initial=0))


def test_the_neurons_of_one_map_learn_as_one():
    network = learned_maps()
    assert [array.shape for array in network.neuron_values] == [(3,), (3,), (3,), (1,), (17,)]
    assert [v.name for v in network.learned_variables] == ["tau_m", "v_th", "v_th", "v_th", "v_th"]
    network.neuron_values = [*network.neuron_values[:2], np.array([0.3, 0.5, 0.8]), *network.neuron_values[3:]]
    spread = network.learned_values(network.neural[1], network.parameters)["v_th"].reshape(network.shapes[1])
    assert np.ptp(spread, axis=(0, 1)).max() == 0 and spread[0, 0] == pytest.approx([0.3, 0.5, 0.8])


def test_loops_with_learned_thresholds_train_in_both_engines():
    network = hb.SpikingNetwork(dt=1 * ms, duration=40 * ms, seed=2)
    network.input("in", 6)
    for name, size, readout in (("loop", 8, False), ("out", 3, True)):
        network.population(name, size, neuron=hb.LIF(20 * ms, 5 * ms), threshold=hb.Learned(0.4, 0.9), readout=readout)
    for source, target in (("in", "loop"), ("loop", "loop"), ("loop", "out")):
        network.connect(source, target, weights=hb.Uniform(1.5), delay=hb.Learned(0 * ms, 4 * ms))
    assert [v.label for v in network.learned_variables] == ["v_th of 'loop'", "v_th of 'out'"]
    assert [network.parameter_name(v.number) for v in network.learned_variables] == ["v_th of 'loop'", "v_th of 'out'"]
    fused = make_engine(network, "fused", "float32", 1)
    tape = fused.forward(network.parameters, make_input(network, 2, rate=0.3))
    errors, rules = LOSS.errors(tape.counts, np.array([0, 1])), hb.Rules(recurrent_terms=0)
    found = fused.backward(HostTape(tape.parameters, tape.record), errors, rules)
    expected = backward(network, network.parameters, tape.record, errors, rules)
    for mine, array in zip(found.arrays, expected.arrays, strict=True):
        assert mine.dtype == np.float32 and np.abs(array).max() > 0
        np.testing.assert_allclose(mine, array, rtol=1e-4, atol=1e-5 * np.abs(array).max())


def test_nu_follows_a_learned_threshold():
    network = learned_network("threshold of LIF", sizes=(3,))
    network.neuron_values = [np.array([0.8, 1.2, 1.6])]
    record = hb.simulate(network, make_input(network, 1, rate=0.4), dtype="float64")
    errors = SpikeCountLoss(desired=100, undesired=90, margin=0).errors(record.output.counts, [0])
    delta = backward(network, network.parameters, record, errors, hb.Rules()).deltas[0][0]
    np.testing.assert_allclose(delta, errors.d_counts[0] / [0.8, 1.2, 1.6], rtol=1e-6)


def test_values_start_within_their_limits_and_training_keeps_them_there():
    network = learned_network("time constants", sizes=(6, 4))
    values = network.neuron_values
    assert [v.name for v in network.learned_variables] == ["tau_m", "tau_s"] * 2
    assert [array.shape for array in values] == [(6,), (1,), (4,), (1,)]
    assert np.ptp(values[0]) > 0 and 0.005 <= values[0].min() and values[0].max() <= 0.08
    assert network.scales[-4:] == pytest.approx([0.075, 0.006] * 2)
    parameters = [array + 1 for array in network.parameters]
    network.constrain(parameters)
    assert parameters[2] == pytest.approx(np.full(6, 0.08))
    network.parameters = parameters
    with pytest.raises(ConfigurationError, match=r"values of tau_m of layer 0 must lie in 0\.005\.\.0\.08, found"):
        network.neuron_values = [array * 0 for array in values]
    with pytest.raises(ShapeError, match=r"tau_s of layer 1 must have shape \(1,\)"):
        network.neuron_values = [*values[:3], np.zeros(4)]


def test_what_can_not_be_learned_is_said():
    with pytest.raises(UnitError, match="threshold of layer 0, low, needs"):
        hb.SpikingNetwork(3, [hb.Dense(2, hb.Learned(1, 2))], hb.neurons.ALIF(), dt=1 * ms, duration=9 * ms)
    with pytest.raises(ConfigurationError, match="no parameter 'tau_x'"):
        hb.neurons.ALIF(tau_x=hb.Learned(1 * ms, 2 * ms))
    with pytest.raises(UnitError, match="ALIF.tau_m needs a value with the unit of"):
        hb.neurons.ALIF(tau_m=hb.Learned(1 * mV, 2 * mV))
    with pytest.raises(ConfigurationError, match="'v' of 'layer_0' rests elsewhere when E_L change.*initial={'v'"):
        neuron = hb.neurons.ALIF(E_L=hb.Learned(-75 * mV, -65 * mV))
        hb.SpikingNetwork(3, [hb.Dense(2, -50 * mV)], neuron, dt=1 * ms, duration=9 * ms)
    with pytest.raises(ConfigurationError, match="would fire without input"):
        hb.SpikingNetwork(3, [hb.Dense(2, hb.Learned(-1, 2))], hb.LIF(9 * ms, 3 * ms), dt=1 * ms, duration=9 * ms)
    with pytest.raises(ConfigurationError, match="delays are learned one a connection"):
        layer = hb.Dense(2, 1, delay=hb.Learned(0 * ms, 5 * ms, shared=True))
        hb.SpikingNetwork(3, [layer], hb.LIF(9 * ms, 3 * ms), dt=1 * ms, duration=9 * ms)


def test_traces_know_no_single_threshold_where_each_neuron_has_its_own():
    network = learned_network("threshold of LIF", sizes=(3,))
    traces = record_state_traces(network, make_input(network, 1, rate=0.4), 0, [0, 2])
    assert traces.membrane is None
    assert all(len(train) for train in traces.spikes)
    for k, neuron in enumerate([0, 2]):  # each fires beyond its own
        assert traces.values["u"][k][traces.spikes[k]].min() > network.neuron_values[0][neuron]


def test_lateral_inhibition_asks_for_one_threshold_for_all():
    layer = hb.Dense(4, hb.Learned(0.6, 1.2), lateral_inhibition=0.1, initializer=hb.Uniform(2.0))
    network = hb.SpikingNetwork(5, [layer], hb.LIF(20 * ms, 5 * ms), dt=1 * ms, duration=40 * ms, seed=1)
    record = hb.simulate(network, make_input(network, 2, rate=0.3), dtype="float64")
    with pytest.raises(ConfigurationError, match=r"must be the same for all neurons of a readout.*shared=True"):
        hb.gradients(network, record, [0, 1], LOSS)

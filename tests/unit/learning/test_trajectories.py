"""S-PSPs and gradients along trajectories, against every pair of neurons by itself and formulas as they are written."""

import dataclasses

import numpy as np
import pytest
from networks import make_input
from nonlinear_neurons import NONLINEAR, SHARES, SMOOTH, nonlinear_network

from hm2bp_brian.brian.trajectory import DerivativeProbe
from hm2bp_brian.engines.registry import simulate
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.learning.spsp import spsp

LOSS = SpikeCountLoss(desired=6, undesired=1, margin=1)


def forward_sensitivity(network, record, layer):
    """S-PSPs (n_samples, n_pre, n_post): each input's effect on the state is carried forward, step by step."""
    neuron, size = network.neurons[layer], network.size(layer)
    probe = DerivativeProbe(neuron, size, network.thresholds[layer], network.dt)
    pre, post = record.presynaptic(layer), record.layers[layer]
    synaptic = probe.variables.index(neuron.synaptic_variable)
    lateral = network.lateral(layer)
    starts = neuron.start_values(size, network.thresholds[layer], network.dt)
    e = np.zeros((record.n_samples, pre.n_neurons, size))
    for n in range(record.n_samples):
        arriving = pre.dense()[n].reshape(record.n_steps, -1)
        firing = post.dense()[n].reshape(record.n_steps, -1)
        state = np.stack([starts[name] for name in probe.variables], axis=-1)
        effect = np.zeros((pre.n_neurons, size, len(probe.variables)))
        last = np.full(size, -1000)
        for t in range(record.n_steps):
            refractory = t - last <= neuron.refractory_steps(network.dt)
            state, step = probe.step(state, refractory)
            effect = np.einsum("nxy,jny->jnx", step, effect)
            e[n][:, firing[t]] += effect[:, firing[t], probe.variables.index("v" if "v" in probe.variables else "u")]
            for j in np.flatnonzero(arriving[t]):
                state[:, synaptic] += network.weights[layer][j]
                effect[j, :, synaptic] += 1.0
            for i in np.flatnonzero(firing[t]) if lateral else ():
                others = np.arange(size) != i
                state[others, synaptic] += lateral.weight
            after, reset = probe.spike(state)
            for i in np.flatnonzero(firing[t]):
                state[i] = after[i]
                effect[:, i] = effect[:, i] @ reset[i].T
                last[i] = t
    return e


@pytest.mark.parametrize("name", [*NONLINEAR, *SMOOTH])
def test_spsp_by_the_adjoint_is_forward_sensitivity(name):
    network = nonlinear_network(name)
    record = simulate(network, make_input(network, 2, rate=0.2), engine="brian2", dtype="float64")
    for layer in (0, 1):
        assert (record.layers[layer].counts > 0).mean() > 0.1
        expected = forward_sensitivity(network, record, layer).transpose(0, 2, 1)
        found = spsp(network, record, layer)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["AdEx", "COBA", "Izhikevich"])
def test_spsp_is_the_derivative_of_what_the_threshold_reads(name):
    """Finite differences in the weights, at fixed spike times, of the state that Brian2 itself reaches."""
    network = nonlinear_network(name, sizes=(5,), lateral=0.0)
    record = simulate(network, make_input(network, 1, rate=0.2), engine="brian2", dtype="float64")
    e = spsp(network, record, 0)[0]  # (n_post, n_pre)
    trajectories = network.trajectories(0)
    fires, arriving = (batch.dense()[0].reshape(record.n_steps, -1) for batch in (record.layers[0], record.input))
    v = trajectories._probe.variables.index("v")

    def readings(weights):
        after = trajectories.along(fires, arriving @ weights).states[1:]  # after a step, input and reset
        before_reset = trajectories.along(fires, arriving @ weights)
        steps = [trajectories._probe.step(x, np.zeros(5, bool))[0][:, v] for x in before_reset.states]
        return (np.array(steps) * fires).sum(axis=0), after

    step = 1e-6 * np.abs(network.weights[0]).max()
    for j in range(7):
        sides = []
        for sign in (1, -1):
            moved = np.array(network.weights[0], dtype=float)
            moved[j] += sign * step
            sides.append(readings(moved)[0])
        difference = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(e[:, j], difference, rtol=1e-5, atol=1e-6 * np.abs(e).max())


def effects_on_next_spikes(network, record, i):
    """(spike, step, effect on the reading at this spike of a unit put in at this step) of neuron i, by differences.

    Steps are those since the spike before.
    """
    trajectories = network.trajectories(0)
    fires, arriving = (batch.dense()[0].reshape(record.n_steps, -1) for batch in (record.layers[0], record.input))
    drive = arriving @ network.weights[0].astype(float)
    probe = trajectories._probe
    spikes = np.flatnonzero(fires[:, i])
    for before, spike in zip([0, *spikes], spikes, strict=False):
        for step in range(before, spike):
            readings = []
            for sign in (1, -1):
                moved = drive.copy()
                moved[step, i] += sign * 1e-5 * np.abs(drive).max()
                before_spike = trajectories.along(fires[: spike + 1], moved[: spike + 1]).states[spike]
                readings.append(probe.step(before_spike, np.zeros(len(before_spike), bool))[0][i])
            slope = (readings[0] - readings[1]) / (2e-5 * np.abs(drive).max())
            yield spike, step, slope[probe.variables.index("v")], drive[step, i]


@pytest.mark.parametrize("name", SHARES)
def test_shares_of_a_spike_are_in_all_the_distance(name):
    network = nonlinear_network(name, sizes=(5,), lateral=0.0, n_steps=50)
    record = simulate(network, make_input(network, 1, rate=0.2), engine="brian2", dtype="float64")
    i = int(np.argmax(record.output.counts[0]))
    assert record.output.counts[0, i] >= 2
    found = list(effects_on_next_spikes(network, record, i))
    whole = {}
    for spike, _, effect, drive in found:
        whole[spike] = whole.get(spike, 0) + abs(drive * effect)
    distance = network.neurons[0].threshold_distance(5, network.thresholds[0], network.dt)[i]
    expected = np.zeros(7)
    for spike, step, effect, _ in found:
        expected += record.input.dense()[0, step] * effect * distance / whole[spike]
    np.testing.assert_allclose(spsp(network, record, 0)[0, i], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def expected_gradients(network, record, labels):
    """Two dense layers, formula by formula, with S-PSPs of `forward_sensitivity`; nothing is silent in the formulas."""
    arrays = [np.zeros(w.shape) for w in network.weights]
    for n, label in enumerate(labels):
        counts = [record.input.counts[n].ravel(), *(layer.counts[n].ravel() for layer in record.layers)]
        one = dataclasses.replace(
            record, input=record.input.sample(n), layers=tuple(x.sample(n) for x in record.layers)
        )
        e = [forward_sensitivity(network, one, layer)[0] for layer in (0, 1)]
        y = np.where(np.arange(network.n_outputs) == label, LOSS.desired, LOSS.undesired)
        back = counts[2] - y
        back = np.where(np.abs(back) <= LOSS.margin, 0, back).astype(float)
        for layer in (1, 0):
            o_pre, o = counts[layer], counts[layer + 1]
            w = network.weights[layer].astype(float)
            start = network.neurons[layer].start_values(len(o), network.thresholds[layer], network.dt)["v"]
            far = network.thresholds[layer] - start
            delta, kappa = np.zeros(len(o)), np.zeros(len(o))
            for i in range(len(o)):
                a = sum(w[j, i] * e[layer][j, i] for j in range(len(o_pre)))
                nu = max(a / o[i], far[i]) if o[i] else far[i]
                delta[i] = back[i] / nu
                kappa[i] = 1 + (a / o[i] if o[i] else 0.5 * w[:, i].sum()) / nu
            before = np.zeros(len(o_pre))
            for j in range(len(o_pre)):
                for i in range(len(o)):
                    learned = e[layer][j, i] if o[i] else 0.1 * (o_pre[j] > 0)
                    arrays[layer][j, i] += delta[i] * kappa[i] * learned / len(labels)
                    ratio = e[layer][j, i] / o_pre[j] if o_pre[j] and o[i] else 1.0
                    before[j] += w[j, i] * delta[i] * ratio
            back = before
    return arrays


@pytest.mark.parametrize("name", NONLINEAR)
def test_gradients_are_what_the_formulas_say(name):
    network = nonlinear_network(name)
    record = simulate(network, make_input(network, 3, rate=0.2), engine="brian2", dtype="float64")
    firing = np.flatnonzero((record.output.counts > 0).all(axis=0))  # targets that need no stand-in
    labels = firing[:3] if len(firing) >= 3 else np.repeat(firing, 3)[:3]
    found = gradients(network, record, labels, LOSS)
    expected = expected_gradients(network, record, labels)
    for mine, array in zip(found.arrays, expected, strict=True):
        assert np.abs(array).max() > 0
        np.testing.assert_allclose(mine, array, rtol=1e-9, atol=1e-9 * np.abs(array).max())


@pytest.mark.parametrize("name", ["EIF", "Izhikevich"])
def test_what_fires_another_step_by_rounding_does_not_run_away(name):
    network = nonlinear_network(name, sizes=(30,), lateral=0.0)
    record = simulate(network, make_input(network, 2, rate=0.3), engine="brian2", dtype="float64")
    shifted = record.layers[0].dense()
    shifted[:, 1:] = shifted[:, :-1].copy()  # recorded a step late: the threshold is reached a step before
    shifted[:, 0] = False
    late = dataclasses.replace(record, layers=(type(record.input).from_dense(shifted),))
    assert np.isfinite(spsp(network, late, 0)).all()
    silent = dataclasses.replace(record, layers=(type(record.input).from_dense(np.zeros_like(shifted)),))
    reached = network.trajectories(0).along(np.zeros((60, 30), bool), record.input.dense()[0] @ network.weights[0])
    assert np.abs(reached.states).max() < 1e6
    np.testing.assert_array_equal(spsp(network, silent, 0), 0)


def test_a_neuron_that_waits_for_its_spike_does_not_change():
    """Its derivative would be that of an upswing, step after step."""
    network = nonlinear_network("EIF", sizes=(3,))
    drive = np.zeros((60, 3))
    drive[:, 1] = 0.02  # far beyond the threshold, but it is not to fire
    along = network.trajectories(0).along(np.zeros((60, 3), bool), drive)
    assert np.array_equal(along.states[-1][1, 1:], along.states[-2][1, 1:])
    np.testing.assert_array_equal(along.update[-1][1], np.eye(2))
    assert not np.array_equal(along.update[-1][0], np.eye(2))

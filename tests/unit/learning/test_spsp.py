from functools import cache

import numpy as np
import pytest
from brian2 import Network, SpikeGeneratorGroup, SpikeMonitor, Synapses, ms, mV, nS, second
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from hypothesis import given, settings
from oracle import oracle_spsp
from random_records import dense_trains, drop_refractory, lif_network, random_record

from hm2bp_brian.errors import ConfigurationError, NoSpspError, ShapeError, UnknownNameError
from hm2bp_brian.learning.spsp import adjoint, kernel, spsp
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

close = dict(rtol=1e-10, atol=1e-10)
random_trains = settings(max_examples=25, deadline=None)


def record_of(network, pre, post):
    return SpikeRecord(SpikeBatch.from_dense(pre), (drop_refractory(post, network.linear_map(0).refractory_steps),))


@pytest.mark.parametrize("method", ["euler", "exact", "rk4"])
@pytest.mark.parametrize("refractory", [0.0, 3.0])
@random_trains
@given(pre=dense_trains(2, 30, 4), post=dense_trains(2, 30, 3))
def test_adjoint_is_the_simulation_of_every_pair(method, refractory, pre, post):
    network = lif_network(method, refractory=refractory)
    record = record_of(network, pre, post)
    np.testing.assert_allclose(spsp(network, record, 0), oracle_spsp(network, record, 0), **close)


@pytest.mark.parametrize("tau_m, tau_s, refractory", [(20, 5, 0), (20, 5, 3), (5, 20, 3), (10, 10, 0)])
@random_trains
@given(pre=dense_trains(2, 30, 4), post=dense_trains(2, 30, 3))
def test_closed_form_is_the_adjoint_of_exact_integration(tau_m, tau_s, refractory, pre, post):
    network = lif_network("exact", tau_m, tau_s, refractory)
    record = record_of(network, pre, post)
    np.testing.assert_allclose(spsp(network, record, 0, "closed_form"), spsp(network, record, 0), **close)


def test_closed_form_for_equal_time_constants_and_a_refractory_time():
    # exact integration refuses this case; Runge-Kutta of order 4 at a small step is as good
    network = lif_network("rk4", 10, 10, 3, n_steps=300, dt=0.1)
    record = random_record(network, np.random.default_rng(1), silent=0)
    e = spsp(network, record, 0)
    assert e.max() > 1
    np.testing.assert_allclose(spsp(network, record, 0, "closed_form"), e, rtol=1e-8)


def test_closed_form_knows_learned_time_constants():
    neuron = LIF(Learned(15 * ms, 30 * ms), Learned(3 * ms, 9 * ms), refractory=2 * ms, method="exact")
    network = SpikingNetwork(4, [Dense(3, 1.0)], neuron, dt=1 * ms, duration=30 * ms, seed=1)
    assert np.ptp(network.neuron_values[0]) > 1e-3
    random = np.random.default_rng(1)
    pre, post = random.random((2, 30, 4)) < 0.3, drop_refractory(random.random((2, 30, 3)) < 0.2, 1)
    record = SpikeRecord(SpikeBatch.from_dense(pre), (post,))
    e = spsp(network, record, 0)
    assert e.max() > 0.3
    np.testing.assert_allclose(spsp(network, record, 0, "closed_form"), e, **close)


def test_kernel_is_continuous_where_the_time_constants_meet():
    s, x = np.array([2.0, 5.0, 9.0]), np.array([3.0, 3.0, 40.0])
    m = np.minimum(s, x)
    limit = np.exp(-(x - m) / 7) * m / 7 * np.exp(-m / 7)
    np.testing.assert_allclose(kernel(s, x, 7.0, 7.0), limit, rtol=1e-14)
    for near in (7.0 + 1e-9, 7.0 - 1e-9):
        np.testing.assert_allclose(kernel(s, x, 7.0, near), limit, rtol=1e-8)


@pytest.mark.parametrize("tau_m, tau_s", [(20.0, 5.0), (5.0, 20.0), (1e-3, 1.0)])
def test_kernel_is_the_formula_of_the_paper(tau_m, tau_s):
    s, x = np.meshgrid([-1.0, 0.0, 0.5, 4.0, 30.0], [-2.0, 0.0, 0.3, 4.0, 50.0])
    m = np.minimum(s, x)
    paper = np.exp(-np.maximum(x - s, 0) / tau_s) / (1 - tau_s / tau_m)
    paper = np.where(m > 0, paper * (np.exp(-np.abs(m) / tau_m) - np.exp(-np.abs(m) / tau_s)), 0)
    np.testing.assert_allclose(kernel(s, x, tau_m, tau_s), paper, rtol=1e-12)


@pytest.mark.parametrize("refractory", [0.0, 2.0])
def test_euler_converges_to_the_closed_form_in_first_order(refractory):
    generator = np.random.default_rng(3)
    coarse = generator.random((1, 40, 4)) < 0.3, generator.random((1, 40, 3)) < 0.15
    errors = []
    for refine in (8, 16, 32):
        network = lif_network("euler", refractory=refractory, n_steps=40 * refine, dt=1 / refine)
        pre, post = (np.zeros((1, 40 * refine, dense.shape[2]), dtype=bool) for dense in coarse)
        pre[:, ::refine], post[:, ::refine] = coarse
        record = record_of(network, pre, post)
        errors.append(np.abs(spsp(network, record, 0) - spsp(network, record, 0, "closed_form")).max())
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders, 1, atol=0.05)


@cache
def alpha_network(tau_m=20 * ms):
    """Alpha synapses: spikes go into I, which feeds g, which feeds u; three variables."""
    alpha = NeuronModel(
        """
        du/dt = -u/tau_m + g/tau_s : 1 (unless refractory)
        dg/dt = (I - g)/tau_s : 1
        dI/dt = -I/tau_s : 1
        """,
        refractory=3 * ms,
        method="euler",
        tau_m=tau_m,
        tau_s=5 * ms,
    )
    return SpikingNetwork(4, [Dense(3, 1.0)], alpha, dt=1 * ms, duration=30 * ms)


@cache
def volt_network():
    """Units, one value a neuron, a conductance-like weight, and no refractory time."""
    neuron = NeuronModel(
        """
        dv/dt = (-v + g*R)/tau_m : volt
        dg/dt = -g/tau_s : siemens
        """,
        threshold="v > v_th",
        reset="v = 0*mV",
        synaptic_variable="g",
        tau_m=[10, 20, 30] * ms,
        tau_s=5 * ms,
        R=1 * mV / nS,
    )
    layer = Dense(3, 10 * mV, initializer=Uniform(5 * nS))
    return SpikingNetwork(4, [layer], neuron, dt=1 * ms, duration=30 * ms)


@pytest.mark.parametrize("make", [alpha_network, volt_network])
@random_trains
@given(pre=dense_trains(2, 30, 4), post=dense_trains(2, 30, 3))
def test_adjoint_of_other_linear_neurons_is_the_simulation_of_every_pair(make, pre, post):
    network = make()
    record = record_of(network, pre, post)
    np.testing.assert_allclose(spsp(network, record, 0), oracle_spsp(network, record, 0), **close)


def test_spikes_may_add_to_another_variable_than_the_map_says():
    """Each variable of the alpha synapse's neuron, against powers of its matrix."""
    linear_map = alpha_network().linear_map(0)
    post = np.zeros((1, 30, 3), dtype=bool)
    post[0, 12] = True
    for variable in range(3):  # I, g, u
        q = adjoint(SpikeBatch.from_dense(post), linear_map, 0, synaptic=variable).q
        for step in range(30):
            x = np.eye(3)[variable]
            for _ in range(12 - step):
                x = linear_map.active[0] @ x
            expected = x[2] if step < 12 else 0.0
            np.testing.assert_allclose(q[step], expected, rtol=1e-12)


@pytest.mark.parametrize("make", [lif_network, lambda: lif_network("exact", 20, 5, 0), alpha_network, volt_network])
def test_weighted_spsp_is_the_potential_at_the_firing_times_of_a_brian2_network(make):
    network = make()
    neuron, v_th = network.neurons[0], network.thresholds[0]
    generator = np.random.default_rng(5)
    weights = np.abs(network.weights[0].astype(float)) * (1 if neuron.membrane_variable == "u" else 5)
    pre = SpikeBatch.from_dense(generator.random((1, network.n_steps, 4)) < 0.4)
    dt = network.dt * second

    source = SpikeGeneratorGroup(4, pre.neurons, pre.steps * dt, dt=dt, codeobj_class=NumpyCodeObject)
    group = neuron.brian_group(3, v_th, name="post*", dt=dt)
    synapses = Synapses(
        source,
        group,
        "w : 1",
        on_pre=f"{neuron.synaptic_variable}_post += w*unit",
        dt=dt,
        codeobj_class=NumpyCodeObject,
    )
    synapses.namespace["unit"] = group.variables[neuron.synaptic_variable].unit
    synapses.connect()
    synapses.w = weights[synapses.i[:], synapses.j[:]]
    monitor = SpikeMonitor(group, variables=neuron.membrane_variable, codeobj_class=NumpyCodeObject)
    Network(source, group, synapses, monitor).run(network.n_steps * dt, namespace={})

    steps = np.round(np.asarray(monitor.t) / network.dt).astype(int)
    post = SpikeBatch.from_events(0 * steps, steps, monitor.i[:], n_samples=1, n_steps=network.n_steps, shape=(3,))
    assert (post.counts >= 2).all()
    potentials = np.asarray(getattr(monitor, neuron.membrane_variable))
    at_firing = np.bincount(monitor.i[:], potentials, 3)
    e = spsp(network, SpikeRecord(pre, (post,)), 0)[0]
    np.testing.assert_allclose((weights.T * e).sum(axis=1), at_firing, rtol=1e-10)


def test_a_spike_at_the_firing_time_comes_too_late():
    network = lif_network(sizes=(1, 1), refractory=0.0)
    pre, post = np.zeros((2, 1, 30, 1), dtype=bool)
    pre[0, 7] = post[0, 7] = True
    assert spsp(network, record_of(network, pre, post), 0) == 0
    post[0, 8] = True
    assert spsp(network, record_of(network, pre, post), 0) == pytest.approx(1 / 5)  # dt / tau_s


def test_each_layer_is_taken_with_the_population_before_it():
    network = lif_network(sizes=(4, 3, 2))
    record = random_record(network, np.random.default_rng(2))
    e = spsp(network, record, 1)
    assert e.shape == (3, 2, 3)
    np.testing.assert_allclose(e, oracle_spsp(network, record, 1), **close)


def test_closed_form_is_for_lif_only():
    network = alpha_network()
    record = record_of(network, np.ones((1, 30, 4), bool), np.ones((1, 30, 3), bool))
    with pytest.raises(NoSpspError, match="known for LIF neurons.*take method='adjoint'"):
        spsp(network, record, 0, "closed_form")


def test_wrong_arguments_are_refused():
    network = lif_network()
    record = random_record(network, np.random.default_rng(0))
    with pytest.raises(UnknownNameError, match="unknown S-PSP method 'adjoin'.*Did you mean 'adjoint'"):
        spsp(network, record, 0, "adjoin")
    for layer in (-1, 1, "hidden"):
        with pytest.raises(ConfigurationError, match=rf"layers 0\.\.0, found layer {layer!r}"):
            spsp(network, record, layer)
    with pytest.raises(ShapeError, match=r"expected .*\(30, \(4,\), \(2,\)\), found \(30, \(4,\), \(3,\)\)"):
        spsp(lif_network(sizes=(4, 2)), record, 0)

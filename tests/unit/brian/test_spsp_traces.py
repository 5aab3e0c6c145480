import brian2
import numpy as np
import pytest
from brian2 import ms

from hm2bp_brian.brian.spsp_traces import simulate_spsp
from hm2bp_brian.errors import NoSpspError
from hm2bp_brian.learning.spsp import spsp
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


def network_of(neuron, dt=1 * ms):
    return SpikingNetwork((2, 2), [Dense(3, 1.0), Dense(2, 1.0)], neuron, dt=dt, duration=25 * dt)


def random_record(network, rates=(0, 0.05, 0.1, 0.2, 0.4, 1), seed=1):
    """One sample a rate; spikes in another's refractory time are left out."""
    generator = np.random.default_rng(seed)
    batches = []
    for shape, neuron in zip([network.input_shape, *network.shapes], [None, *network.neurons], strict=True):
        flat = (len(rates), network.n_steps, int(np.prod(shape)))
        dense = generator.random(flat) < np.reshape(rates, (-1, 1, 1))
        silent_steps = neuron.refractory_steps(network.dt) if neuron else 0
        for t in range(network.n_steps):
            dense[:, t] &= ~dense[:, max(t - silent_steps, 0) : t].any(axis=1)
        batches.append(SpikeBatch.from_dense(dense.reshape(len(rates), network.n_steps, *shape)))
    return SpikeRecord(batches[0], batches[1:])


NEURONS = {
    "euler": LIF(20 * ms, 5 * ms, refractory=3 * ms),
    "exact": LIF(20 * ms, 5 * ms, refractory=3 * ms, method="exact"),
    "rk4, slow synapse": LIF(4 * ms, 9 * ms, refractory=2 * ms, method="rk4"),
    "no refractory time": LIF(20 * ms, 5 * ms),
    "equal time constants": LIF(10 * ms, 10 * ms, method="exact"),
    "equal time constants, refractory": LIF(10 * ms, 10 * ms, refractory=3 * ms),
}


@pytest.mark.parametrize("name", NEURONS)
def test_traces_are_the_adjoint(name):
    network = network_of(NEURONS[name])
    record = random_record(network)
    for layer in range(2):
        traces = simulate_spsp(network, record, layer)
        assert traces.max() > 1
        np.testing.assert_allclose(traces, spsp(network, record, layer), rtol=1e-10, atol=1e-10)


def test_traces_at_another_time_step():
    network = network_of(NEURONS["exact"], dt=0.3 * ms)
    record = random_record(network)
    traces = spsp(network, record, 0, method="traces")
    assert traces.max() > 0
    np.testing.assert_allclose(traces, spsp(network, record, 0, method="closed_form"), rtol=1e-10)


def test_preferences_and_the_default_clock_are_left_alone():
    network = network_of(NEURONS["euler"], dt=0.3 * ms)
    before = str(brian2.prefs.as_file), brian2.defaultclock.dt
    simulate_spsp(network, random_record(network), 0)
    assert (str(brian2.prefs.as_file), brian2.defaultclock.dt) == before


def test_neurons_that_are_not_affine_are_refused():
    neuron = NeuronModel("du/dt = (I - u*I)/tau : 1\ndI/dt = -I/tau : 1", tau=10 * ms, method="euler")
    network = network_of(neuron)
    record = random_record(network)
    with pytest.raises(NoSpspError, match=r"the term -?I\*u/tau in du/dt"):
        spsp(network, record, 0, method="traces")


def test_a_run_that_stops_early_is_no_result(monkeypatch):
    # Brian2's own stop, which Ctrl+C calls too: the run returns as if all were well
    network = network_of(NEURONS["euler"])
    record = random_record(network)
    run = brian2.Network.run

    def stopped(simulation, duration, **kwds):
        run(simulation, duration / 5, **kwds)

    monkeypatch.setattr(brian2.Network, "run", stopped)
    with pytest.raises(KeyboardInterrupt, match="stopped at 5. ms"):
        simulate_spsp(network, record, 0)

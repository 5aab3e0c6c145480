"""Networks and inputs that several tests share."""

import numpy as np
from brian2 import ms

from hm2bp_brian.engines.protocol import HostTape
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.borders import checked_parameters
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel
from hm2bp_brian.spikes import SpikeBatch

ALPHA_SYNAPSE = """
du/dt = (I - u)/tau_m : 1 (unless refractory)
dI/dt = (h - I)/tau_s : 1
dh/dt = -h/tau_s : 1
"""
ADAPTIVE = """
du/dt = (I - u - w)/tau_m : 1 (unless refractory)
dI/dt = -I/tau_s : 1
dw/dt = (a*u - w)/tau_w : 1
"""
NONLINEAR = """
du/dt = (I - u + gain*tanh(u) + exp(-u**2)*0.1)/tau_m : 1 (unless refractory)
dI/dt = -I/tau_s : 1
gain = clip(u, 0, 1)*0.5 : 1
"""

NEURONS = {
    "euler": lambda n: LIF(20 * ms, 5 * ms, refractory=3 * ms),
    "no refractory time": lambda n: LIF(20 * ms, 5 * ms),
    "exact": lambda n: LIF(20 * ms, 5 * ms, refractory=2 * ms, method="exact"),
    "rk4": lambda n: LIF(20 * ms, 5 * ms, refractory=4 * ms, method="rk4"),
    "alpha synapse": lambda n: NeuronModel(
        ALPHA_SYNAPSE, refractory=3 * ms, method="euler", synaptic_variable="h", tau_m=20 * ms, tau_s=4 * ms
    ),
    "adaptive": lambda n: NeuronModel(
        ADAPTIVE,
        reset="u = 0\nw += b",
        refractory=2 * ms,
        method="rk2",
        tau_m=15 * ms,
        tau_s=5 * ms,
        tau_w=80 * ms,
        a=0.1,
        b=0.3,
    ),
    "nonlinear": lambda n: NeuronModel(
        NONLINEAR, reset="u = -0.5", refractory=2 * ms, method="rk4", tau_m=15 * ms, tau_s=5 * ms
    ),
    "one value a neuron": lambda n: NeuronModel(
        "du/dt = (I - u)/tau_m : 1\ndI/dt = -I/(5*ms) : 1", method="euler", tau_m=np.linspace(5, 40, n) * ms
    ),
    "moving threshold": lambda n: NeuronModel(
        "du/dt = (I - u)/(10*ms) : 1\ndI/dt = -I/(5*ms) : 1\nraised : 1",
        threshold="u > v_th + raised",
        reset="u = 0\nraised += 0.1",
        method="euler",
    ),
    "soft reset": lambda n: NeuronModel(
        "du/dt = (I - u)/(10*ms) : 1\ndI/dt = -I/(5*ms) : 1", reset="u -= v_th", method="euler"
    ),
    "resting potentials, one a neuron": lambda n: NeuronModel(
        "du/dt = (rest - u + 3*I)/(10*ms) : 1 (unless refractory)\ndI/dt = -I/(5*ms) : 1",
        reset="u = -0.2",
        refractory=2 * ms,
        method="euler",
        rest=np.linspace(-0.1, 0.5, n),
    ),
    "quadratic, fires by itself": lambda n: NeuronModel(
        "du/dt = (u**2 + drive + I)/(5*ms) : 1\ndI/dt = -I/(5*ms) : 1", reset="u = -1", method="euler", drive=0.5
    ),
    "reset that reads not_refractory": lambda n: NeuronModel(
        "du/dt = (I - u)/(10*ms) : 1 (unless refractory)\ndI/dt = -I/(5*ms) : 1",
        reset="u = 0.3*int(not_refractory) - 0.1",
        refractory=2 * ms,
        method="euler",
    ),
}


def make_network(neuron="euler", sizes=(70, 9), n_inputs=12, n_steps=60, seed=0, lateral=0.0):
    """A network of dense layers that fires at moderate rates."""
    layers = [
        Dense(n, threshold=0.6 + 0.2 * k, lateral_inhibition=lateral * (k == len(sizes) - 1), initializer=Uniform(1.2))
        for k, n in enumerate(sizes)
    ]
    neurons = [NEURONS[neuron](n) for n in sizes]
    return SpikingNetwork(n_inputs, layers, neurons, dt=1 * ms, duration=n_steps * ms, seed=seed)


def make_input(network, n_samples=5, rate=0.15, seed=0) -> SpikeBatch:
    """Independent random spikes."""
    generator = np.random.default_rng(seed)
    return SpikeBatch.from_dense(generator.random((n_samples, network.n_steps, *network.input_shape)) < rate)


def engine_gradients(engine, network, record, labels, loss, rules=None):
    """The mean gradients that an engine computes of spikes that were recorded."""
    tape = HostTape(checked_parameters(network, network.weights, engine.dtype), record)
    errors = loss.errors(record.output.counts, labels)
    return engine.backward(tape, errors, Rules() if rules is None else rules).mean()

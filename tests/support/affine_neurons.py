"""Neurons whose update, reset and threshold are affine, each with a threshold and weights at which it fires."""

import numpy as np
from brian2 import Hz, ms, mV, nA, nS, pA, pF

from hm2bp_brian.model import neuron_library as library
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import NeuronModel

DELTA = dict(equations="dv/dt = (E_L - v)/tau_m : volt", synaptic_variable="v", E_L=-65 * mV, tau_m=20 * ms)
CURRENTS = """
dv/dt = (g_L*(E_L - v) - w + I + I_bias)/C : volt (unless refractory)
dw/dt = (a*(v - E_L) - w)/tau_w            : amp
dI/dt = -I/tau_s                           : amp
"""
COMPARTMENTS = """
dv/dt = (E_L - v + c*(d - v))/tau_m : volt
dd/dt = (E_L - d + c*(v - d))/tau_m + g/tau_s : volt
dg/dt = (h - g)/tau_s : volt
dh/dt = -h/tau_r : volt
"""

# name: (function of the number of neurons, threshold, limit of the weights)
AFFINE = {
    "ALIF": (lambda n: library.ALIF(refractory=2 * ms), -50 * mV, 30 * mV),
    "GLIF": (lambda n: library.GLIF(refractory=2 * ms), -50 * mV, 30 * mV),
    "MAT": (lambda n: library.MAT(), -51 * mV, 30 * mV),
    "resonate-and-fire": (lambda n: library.ResonateAndFire(frequency=30 * Hz), -60 * mV, 30 * mV),
    "delta synapse": (
        lambda n: NeuronModel(threshold="v > v_th", reset="v = E_L", method="euler", **DELTA),
        *(-50 * mV, 10 * mV),
    ),
    "delta synapse, soft reset": (
        lambda n: NeuronModel(threshold="v > v_th", reset="v -= v_th - E_L", method="exact", **DELTA),
        *(-50 * mV, 10 * mV),
    ),
    "currents in pA, one membrane a neuron": (
        lambda n: NeuronModel(
            CURRENTS,
            threshold="v > v_th",
            reset="v = V_r; w += b",
            refractory=2 * ms,
            method="heun",
            **{"E_L": -70 * mV, "V_r": -58 * mV, "g_L": 10 * nS, "C": np.linspace(100, 300, n) * pF, "I_bias": 50 * pA},
            **{"a": 2 * nS, "b": 30 * pA, "tau_w": 100 * ms, "tau_s": 5 * ms},
        ),
        *(-50 * mV, 0.6 * nA),
    ),
    "two compartments, double exponential": (
        lambda n: NeuronModel(
            COMPARTMENTS,
            threshold="v > v_th",
            reset="v = V_r\nd += 0.3*(V_r - d)",
            method="rk4",
            synaptic_variable="h",
            **{"E_L": -65 * mV, "V_r": -70 * mV, "c": 0.7, "tau_m": 15 * ms, "tau_s": 5 * ms, "tau_r": 2 * ms},
        ),
        *(-58 * mV, 120 * mV),
    ),
    "threshold of a parameter and a subexpression": (
        lambda n: NeuronModel(
            "dv/dt = (I - v)/(10*ms) : volt\ndI/dt = -I/(5*ms) : volt\nraised : volt\nlevel = 2*raised : volt",
            threshold="v_th + level < 3*v",
            reset="v -= v_th/3; I *= 0.5; raised = 0.9*raised + 1*mV",
            method="euler",
        ),
        *(10 * mV, 20 * mV),
    ),
}


def affine_network(name, sizes=(20, 17), n_inputs=7, n_steps=60):
    """Dense layers of these neurons, which fire at moderate rates; lateral inhibition in the last."""
    make, v_th, limit = AFFINE[name]
    lateral = [0.0] * (len(sizes) - 1) + [0.02 * limit]
    layers = [Dense(n, v_th, strength, initializer=Uniform(limit)) for n, strength in zip(sizes, lateral, strict=True)]
    return SpikingNetwork(n_inputs, layers, [make(n) for n in sizes], dt=1 * ms, duration=n_steps * ms, seed=3)

"""Neurons that are not affine, each with a threshold and weights at which it fires."""

import numpy as np
from brian2 import ms, mV, nA

from hm2bp_brian.model import neuron_library as library
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import NeuronModel

NMDA = """
dv/dt = (E_L - v + g*(E_e - v) + h*(E_e - v)/(1 + exp(-(v + 20*mV)/(16*mV))))/tau_m : volt (unless refractory)
dg/dt = -g/tau_s : 1
dh/dt = (g - h)/(50*ms) : 1
"""
SQUARE = "du/dt = (u**2 + I - u*w)/tau_m : 1 (unless refractory)\ndI/dt = -I/tau_s : 1\ndw/dt = (a*u - w)/tau_w : 1"

# name: (function of the number of neurons, threshold, limit of the weights)
NONLINEAR = {
    "EIF": (lambda n: library.EIF(refractory=2 * ms), -45 * mV, 30 * mV),
    "QIF": (lambda n: library.QIF(), -35 * mV, 30 * mV),
    "AdEx": (lambda n: library.AdEx(refractory=2 * ms), -42 * mV, 1.2 * nA),
    "Izhikevich": (lambda n: library.Izhikevich(spsp="value"), 30 * mV, 12 * mV / ms),
    "COBA": (lambda n: library.COBA(refractory=2 * ms, tau_m=np.linspace(15, 25, n) * ms), -55 * mV, 0.7),
}
SMOOTH = {
    "COBA, exponential Euler": (lambda n: library.COBA(method="exponential_euler"), -55 * mV, 0.7),
    "NMDA block": (
        lambda n: NeuronModel(
            NMDA,
            threshold="v > v_th",
            reset="v = E_L + 0.2*(v - E_L); h *= 0.5",
            refractory=2 * ms,
            method="rk4",
            synaptic_variable="g",
            initial={"v": -70 * mV},
            **{"E_L": -70 * mV, "E_e": 0 * mV, "tau_m": 20 * ms, "tau_s": 5 * ms},
        ),
        *(-55 * mV, 0.5),
    ),
    "reset that is not affine": (
        lambda n: NeuronModel(
            SQUARE,
            reset="u = 0.1*u**2 - 1; w += 0.2*u**2; I *= 0.5",
            refractory=3 * ms,
            method="rk2",
            **{"tau_m": 15 * ms, "tau_s": 5 * ms, "tau_w": 60 * ms, "a": np.linspace(0, 0.3, n)},
        ),
        *(2.0, 3.0),
    ),
}
SHARES = {
    "Izhikevich, shares": (lambda n: library.Izhikevich(refractory=2 * ms), 30 * mV, 12 * mV / ms),
    "QIF, shares": (lambda n: library.QIF(spsp="share"), -35 * mV, 30 * mV),
}


def nonlinear_network(name, sizes=(20, 17), n_inputs=7, n_steps=60, lateral=0.02):
    """Dense layers of these neurons, which fire at moderate rates; lateral inhibition in the last."""
    make, v_th, limit = (NONLINEAR | SMOOTH | SHARES)[name]
    strengths = [0.0] * (len(sizes) - 1) + [lateral * limit]
    layers = [
        Dense(n, v_th, strength, initializer=Uniform(limit)) for n, strength in zip(sizes, strengths, strict=True)
    ]
    return SpikingNetwork(n_inputs, layers, [make(n) for n in sizes], dt=1 * ms, duration=n_steps * ms, seed=3)

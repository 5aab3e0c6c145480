"""Networks whose neurons learn thresholds, parameters and initial values."""

from brian2 import ms, mV, pA

import hm2bp_brian as hb

LEAKY = """
dv/dt = (E_L - v)/tau_m + I/tau_s : volt (unless refractory)
dI/dt = -I/tau_s : volt
"""
DIMENSIONLESS = "du/dt = -u/tau_m + I/tau_s : 1 (unless refractory)\ndI/dt = -I/tau_s : 1"

# name: (neuron, threshold, limit of the weights)
LEARNED = {
    "threshold of LIF": (lambda: hb.LIF(20 * ms, 5 * ms, refractory=2 * ms), hb.Learned(0.8, 1.6), 2.0),
    "one threshold for all": (lambda: hb.LIF(20 * ms, 5 * ms), hb.Learned(0.8, 1.6, shared=True), 2.0),
    "adaptive threshold": (
        lambda: hb.neurons.ALIF(beta=hb.Learned(1 * mV, 4 * mV), refractory=2 * ms),
        hb.Learned(-58 * mV, -52 * mV),
        30 * mV,
    ),
    "initial value": (
        lambda: hb.NeuronModel(
            DIMENSIONLESS,
            initial={"u": hb.Learned(-0.5, 0.5)},
            refractory=2 * ms,
            method="euler",
            **{"tau_m": 20 * ms, "tau_s": 5 * ms},
        ),
        *(1.0, 2.0),
    ),
    "time constants": (
        lambda: hb.NeuronModel(
            LEAKY,
            threshold="v > v_th",
            reset="v = E_L",
            refractory=2 * ms,
            method="euler",
            **{"E_L": -70 * mV, "tau_m": hb.Learned(5 * ms, 80 * ms), "tau_s": hb.Learned(3 * ms, 9 * ms, shared=True)},
        ),
        *(-55 * mV, 30 * mV),
    ),
    "time constants of LIF": (
        lambda: hb.LIF(hb.Learned(5 * ms, 80 * ms), hb.Learned(3 * ms, 9 * ms, shared=True), refractory=2 * ms),
        hb.Learned(0.8, 1.6),
        2.0,
    ),
    "AdEx": (
        lambda: hb.neurons.AdEx(b=hb.Learned(20 * pA, 100 * pA), tau_w=hb.Learned(50 * ms, 200 * ms)),
        *(-42 * mV, 1200 * pA),
    ),
}


def learned_network(name, sizes=(20, 17), n_inputs=7, n_steps=60):
    """Dense layers of these neurons, which fire at moderate rates."""
    make, threshold, limit = LEARNED[name]
    layers = [hb.Dense(n, threshold, initializer=hb.Uniform(limit)) for n in sizes]
    return hb.SpikingNetwork(n_inputs, layers, make(), dt=1 * ms, duration=n_steps * ms, seed=3)

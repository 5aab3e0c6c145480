"""Networks whose neurons learn thresholds, parameters and initial values."""

from brian2 import ms, mV, pA

import hm2bp_brian as hb

LEAKY = """
dv/dt = (E_L - v)/tau_m + I/tau_s : volt (unless refractory)
dI/dt = -I/tau_s : volt
"""
DIMENSIONLESS = "du/dt = -u/tau_m + I/tau_s : 1 (unless refractory)\ndI/dt = -I/tau_s : 1"
CONDUCTANCES = """
dv/dt = (g_e*(3 - v) - g_i*(v + 1) - v)/tau_m : 1 (unless refractory)
dg_e/dt = -g_e/(5*ms) : 1
dg_i/dt = -g_i/(9*ms) : 1
"""

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


def learned_maps():
    """Convolutions, one with pooling between them, whose neurons learn: one value a map, or one."""
    layers = [
        hb.Conv2D(3, 3, hb.Learned(0.5, 1.2), padding=1, initializer=hb.Uniform(1.5)),
        hb.SumPool2D(2, hb.Learned(0.3, 0.8)),
        hb.Conv2D(17, 2, hb.Learned(0.6, 1.2, shared=True), initializer=hb.Uniform(1.5)),
        hb.Dense(17, hb.Learned(0.8, 1.2), initializer=hb.Uniform(1.5)),
    ]
    leaky, fixed = hb.LIF(hb.Learned(5 * ms, 80 * ms), 4 * ms, refractory=2 * ms), hb.LIF(20 * ms, 5 * ms)
    return hb.SpikingNetwork((5, 6, 2), layers, [leaky, fixed, fixed, fixed], dt=1 * ms, duration=40 * ms, seed=3)


def learned_graph():
    """Populations with loops, delays, single connections and a second receptor, whose neurons learn."""
    network = hb.SpikingNetwork(dt=1 * ms, duration=60 * ms, seed=2)
    network.input("in", 6)
    network.population("affine", 70, neuron=hb.LIF(20 * ms, 5 * ms, 2 * ms), threshold=hb.Learned(0.5, 0.9))
    two = hb.NeuronModel(
        CONDUCTANCES,
        threshold="v > v_th",
        reset="v = 0.1*v",
        refractory=2 * ms,
        method="euler",
        synaptic_variable="g_e",
        tau_m=hb.Learned(5 * ms, 80 * ms),
    )
    network.population("two", 9, neuron=two, threshold=0.5)
    network.population("out", 17, neuron=hb.LIF(hb.Learned(9 * ms, 30 * ms), 5 * ms), threshold=0.6, readout=True)
    network.connect("in", "affine", weights=hb.Uniform(1.5), delay=3 * ms)
    network.connect("affine", "affine", hb.Sparse(p=0.05), weights=hb.Uniform(0.2), delay=hb.Learned(0 * ms, 4 * ms))
    network.connect("in", "two", weights=hb.Uniform(0.8), sign="excitatory", name="excitation")
    network.connect("affine", "two", hb.Sparse(p=0.3), weights=hb.Uniform(0.05), sign="excitatory", receptor_type="g_i")
    network.connect("two", "two", weights=hb.Uniform(0.1), delay=hb.Learned(0 * ms, 3 * ms), sign="excitatory")
    network.connect("two", "affine", weights=hb.Uniform(0.1))
    network.connect("affine", "out", weights=hb.Uniform(0.7))
    network.connect("two", "out", hb.Sparse(p=0.5), weights=hb.Uniform(1.5), delay=2 * ms)
    return network


def learned_network(name, sizes=(20, 17), n_inputs=7, n_steps=60):
    """Dense layers of these neurons, which fire at moderate rates."""
    if name in OTHERS:
        return OTHERS[name]()
    make, threshold, limit = LEARNED[name]
    layers = [hb.Dense(n, threshold, initializer=hb.Uniform(limit)) for n in sizes]
    return hb.SpikingNetwork(n_inputs, layers, make(), dt=1 * ms, duration=n_steps * ms, seed=3)


OTHERS = {"maps": learned_maps, "graph": learned_graph}

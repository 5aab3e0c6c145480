"""A network in which there is one of everything that a graph may have."""

import numpy as np
from brian2 import ms, mV

from hm2bp_brian.model.connectors import AllToAll, Sparse
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.initializers import Between, Uniform
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel


def graph_of_all_kinds(learned: bool = True) -> SpikingNetwork:
    """Two inputs, loops, delays of all kinds, receptors, a bias, a fixed projection, lateral inhibition, volts."""
    network = SpikingNetwork(dt=1 * ms, duration=30 * ms, seed=2)
    in_volts = NeuronModel(
        "dv/dt = (j + g - v)/tau : volt (unless refractory)\ndj/dt = -j/(5*ms) : volt\ndg/dt = -g/(9*ms) : volt",
        threshold="v > v_th",
        reset="v = 0*mV",
        refractory=2 * ms,
        method="euler",
        synaptic_variable="j",
        tau=np.linspace(5, 30, 12) * ms,
    )
    network.input("left", 6)
    network.input("right", (3, 2, 1))
    network.population("first", 12, neuron=in_volts, threshold=3 * mV, bias=Between(0 * mV, 0.3 * mV))
    network.population("exp", 8, neuron=LIF(20 * ms, 5 * ms, refractory=3 * ms), threshold=0.5)
    network.population("out", 3, neuron=LIF(20 * ms, 5 * ms), threshold=0.4, readout=True, lateral_inhibition=0.2)
    network.connect("left", "first", weights=Between(-1 * mV, 5 * mV), delay=Between(0 * ms, 9 * ms))
    network.connect("right", "first", Sparse(p=0.6), weights=Between(0 * mV, 5 * mV), delay=4 * ms)
    network.connect("right", "exp", AllToAll(), weights=0.4, plastic=False)
    network.connect(
        "first", "exp", Sparse(p=0.5), weights=Uniform(1.5), delay=(Learned if learned else Between)(1 * ms, 12 * ms)
    )
    network.connect("exp", "first", weights=Uniform(2 * mV), delay=0 * ms, receptor_type="g")
    network.connect("exp", "exp", weights=-0.1, delay=2 * ms)
    network.connect("first", "out", weights=Uniform(0.8))
    network.connect("exp", "out", weights=Between(0, 0.8), delay=Between(1 * ms, 3 * ms))
    return network

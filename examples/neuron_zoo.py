"""A zoo of neurons
================

Ten neurons of the literature side by side: responses to a step and to a ramp of input, what one input spike does, and
the f-I curve.

All are a few lines of Brian2 equations, which ``hb.neurons`` brings along. Those that are affine between their spikes,
as LIF is, train exactly with HM2-BP; the others train along the trajectory of each presentation (:doc:`/neurons`). It
prints which does what, takes about half a minute and saves ``neuron_zoo.png`` in the current folder; ``--quick`` draws
four of them. No figure of the paper looks like this.
"""

import argparse

import matplotlib.pyplot as plt
from brian2 import ms, mV, nA, prefs

import hm2bp_brian as hb

# neuron, threshold, and, where it is not found by itself, the largest input in a step
ZOO = {
    "LIF": (hb.LIF(20 * ms, 5 * ms), 1.0, None),
    "ALIF": (hb.neurons.ALIF(), -50 * mV, None),
    "ResonateAndFire": (hb.neurons.ResonateAndFire(), -60 * mV, None),
    "AdEx": (hb.neurons.AdEx(), -30 * mV, 0.25 * nA),
    "GLIF": (hb.neurons.GLIF(), -50 * mV, None),
    "MAT": (hb.neurons.MAT(), -51 * mV, None),
    "EIF": (hb.neurons.EIF(), -35 * mV, 1 * mV),
    "QIF": (hb.neurons.QIF(), -35 * mV, 1 * mV),
    "Izhikevich": (hb.neurons.Izhikevich(), 30 * mV, 2 * mV / ms),
    "COBA": (hb.neurons.COBA(), -50 * mV, 0.15),
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw what ten kinds of neurons do with simple inputs.")
    parser.add_argument("--quick", action="store_true", help="four neurons")
    quick = parser.parse_known_args()[0].quick  # a notebook has arguments of its own

    prefs.codegen.target = "numpy"  # short runs; compiling would take longer
    names = list(ZOO)[: 4 if quick else None]
    figure, axes = plt.subplots(len(names), 4, figsize=(13, 2.3 * len(names)), layout="constrained")
    for name, row in zip(names, axes, strict=True):
        neuron, threshold, largest_input = ZOO[name]
        hb.plotting.neuron(neuron, threshold, largest_input, dt=0.1 * ms, duration=200 * ms, axes=row)
        print(f"{name} trains {'exactly' if neuron.is_affine else 'along its trajectory'}")
        row[0].set_title(f"{name}: step", fontsize=10)
    figure.savefig("neuron_zoo.png", dpi=100)
    print("saved neuron_zoo.png")

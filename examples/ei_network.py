"""From your own Brian2 network to a trained one
=============================================

An E/I network written in plain Brian2 learns to tell digits apart, and gets its weights back.

160 excitatory and 40 inhibitory neurons with exponential synapses (Dale's law, 10 % of the pairs connected, delays of
1 to 5 ms) see MNIST digits of 14 x 14 pixels as spikes of a PoissonGroup; ten neurons read them out. The first part is
a script as you may have one: it knows nothing of this package. ``from_brian`` makes a network of its objects, that
trains on 4,000 digits for three epochs, and ``write_back`` puts the weights into the objects: the same Brian2 network
runs before and after. It takes less than a minute and saves ``ei_network.png`` in the current folder; ``--quick`` takes
300 digits. No figure of the paper.
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeMonitor,
    Synapses,
    defaultclock,
    ms,
    prefs,
    seed,
)

import hm2bp_brian as hb

parser = argparse.ArgumentParser(description="Train a plain Brian2 E/I network with Dale's law on small MNIST digits.")
parser.add_argument("--quick", action="store_true", help="300 digits")
quick = parser.parse_known_args()[0].quick  # a notebook has arguments of its own

# %%
# A plain Brian2 network. All cells are one group, of which the two populations are subgroups.
prefs.codegen.target = "numpy"  # so small a network is not worth compiling
seed(1)
random = np.random.default_rng(1)
defaultclock.dt = 1 * ms
tau_m, tau_s = 20 * ms, 5 * ms
equations = """
dv/dt = (I - v)/tau_m : volt (unless refractory)
dI/dt = -I/tau_s : volt
"""
cell = {"threshold": "v > 10*mV", "reset": "v = 0*mV", "refractory": 2 * ms, "method": "euler"}

pixels = PoissonGroup(14 * 14, rates=0 * Hz, name="pixels")
cells = NeuronGroup(200, equations, **cell, name="cells")
digits = NeuronGroup(10, equations, **cell, name="digits")
exc, inh = cells[:160], cells[160:]


def connect(name, source, target, p, strength, sign="+"):
    """Synapses with weights of random strength, and delays of 1 to 5 ms."""
    synapses = Synapses(source, target, "w : 1", on_pre=f"I_post {sign}= w*mV", name=name)
    synapses.connect(p=p)
    synapses.w = random.gamma(2, strength / 2, len(synapses))
    synapses.delay = random.uniform(1, 5, len(synapses)) * ms
    return synapses


wires = [
    connect("pixels_to_cells", pixels, cells, 0.1, 6),
    connect("exc_to_cells", exc, cells, 0.1, 1.5),
    connect("inh_to_cells", inh, cells, 0.1, 12, "-"),
    connect("exc_to_digits", exc, digits, 1, 2),
    connect("inh_to_digits", inh, digits, 1, 6, "-"),
]
monitors = [SpikeMonitor(group) for group in (pixels, cells, digits)]
brian_network = Network(pixels, cells, digits, wires, monitors)

# %%
# A network that can be trained. Each of the Synapses has one sign, and keeps it; and as training would let the
# excitatory cells excite one another more and more, their spike counts have a band to keep to.
network = hb.from_brian(
    brian_network,
    inputs={"pixels": (14, 14, 1)},
    readout="digits",
    duration=100 * ms,
    rates={"cells": hb.RateBand(0, 10, strength=0.1)},
    keep_signs=True,
)
network.summary()


def small(dataset, n):
    """The first n digits, every other row and column of them."""
    return hb.datasets.ImageDataset(dataset.images[:n, ::2, ::2], dataset.labels[:n], n_classes=10, name="small digits")


train, test = hb.datasets.mnist()
train, test = small(train, 300 if quick else 4000), small(test, 100 if quick else 500)


def show(dataset):
    """Let the PoissonGroup show three digits, 100 ms each, with pauses."""
    for image in dataset.images[:3]:
        for rate, duration in ((0, 50 * ms), (200 * (image.ravel() / 255), 100 * ms)):
            pixels.rates = rate * Hz
            brian_network.run(duration)


show(test)
trainer = hb.Trainer(
    network,
    hb.SpikeCountLoss(desired=10, undesired=1, margin=3),
    hb.Adam(learning_rate=2e-4),  # in volt, as the weights
    encoder=hb.encoding.BernoulliEncoder(rate_divisor=5),  # 200 Hz where it is white
    rules=hb.Rules(recurrent_terms=0),  # no credit through the loops, whose weights grow too large for it
)
before = trainer.evaluate(test)
trainer.fit(train, epochs=1 if quick else 3, batch_size=10)
print(f"digits that are right: {100 * before:.1f} % before training, {100 * trainer.evaluate(test):.1f} % after")

# %%
# Back into the Brian2 objects, and the same three digits again.
network.write_back(brian_network)
show(test)
written = all((synapses.w[:] >= 0).all() for synapses in wires)
print(f"signs of all weights in the Brian2 network: {'kept' if written else 'changed'}")

figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 7.5), layout="constrained", height_ratios=(1, 1.4))
hb.plotting.network(network, top)
offset = 0
for monitor, colour in zip(monitors, hb.plotting.COLOURS, strict=False):
    bottom.scatter(monitor.t / ms, monitor.i + offset, s=1.5, color=colour, label=monitor.source.name)
    offset += len(monitor.source)
bottom.axvline(450, color="0.3", linestyle="--")
for time, text in ((225, "before training"), (675, "after: weights written back")):
    bottom.text(time, offset + 8, text, ha="center")
for number in range(6):
    bottom.text(100 + 150 * number, -30, f"digit {test.labels[number % 3]}", ha="center")
bottom.set(xlabel="time (ms)", ylabel="neuron", xlim=(0, 900), ylim=(-45, offset + 30))
bottom.legend(loc="upper left", bbox_to_anchor=(1, 1), markerscale=5, frameon=False)
figure.savefig("ei_network.png", dpi=150)
print("saved ei_network.png")

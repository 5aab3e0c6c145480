"""Tutorial: train, look, change the equations
===========================================

A small network learns some digits of MNIST; then we look at what its neurons do and at what made one of them fire;
then we change the neuron's equations, and train again.

The commands can be typed in one after the other, in Python or a notebook. The whole script takes less than a minute
and saves its pictures, ``tutorial_1_learning.png`` and so on, in the current folder; ``--quick`` takes fewer digits.
"""

# %%
# A network
# ---------
# Times have units, as everywhere in Brian2. Each layer has a threshold, and all layers have the same neuron here: the
# leaky integrate-and-fire neuron of the paper, with an exponential synapse. A digit is presented for 200 ms; each pixel
# is a neuron that fires at random, the more often the brighter it is.

import argparse

import matplotlib.pyplot as plt
from brian2 import ms

import hm2bp_brian as hb
from hm2bp_brian.brian.state_traces import record_state_traces

parser = argparse.ArgumentParser(description="Train a small network, look at it, change its equations, train again.")
parser.add_argument("--quick", action="store_true", help="fewer digits")
quick = parser.parse_known_args()[0].quick  # a notebook has arguments of its own


def make_network(neuron):
    """The network 784-100-10 of given neurons."""
    return hb.SpikingNetwork(
        input_shape=(28, 28, 1),
        layers=[hb.Dense(100, threshold=10), hb.Dense(10, threshold=8)],
        neuron=neuron,
        dt=1 * ms,
        duration=200 * ms,
        seed=1,
    )


network = make_network(hb.LIF(tau_m=64 * ms, tau_s=8 * ms, refractory=3 * ms))
network.summary()

# %%
# Train it
# --------
# The output neuron of the digit's class should fire 20 times, each other one 3 times; up to 3 spikes more or less are
# no error. Initial weights and learning rate fit the neurons by themselves. Training goes through 6,000 digits three
# times, and tests on 500 others after each epoch.

train, test = hb.datasets.mnist()
train, test = train.subset(300 if quick else 6000), test.subset(500)
loss = hb.SpikeCountLoss(desired=20, undesired=3, margin=3)

trainer = hb.Trainer(network, loss)
history = trainer.fit(train, test, epochs=1 if quick else 3, batch_size=20)
print(f"test accuracy: {100 * history[-1]['validation_accuracy']:.1f} %")

hb.plotting.learning_curve(history)
plt.savefig("tutorial_1_learning.png", dpi=120)

# %%
# Look: spikes
# ------------
# ``trainer.record`` presents digits of a data set and returns the spikes of all layers. Here are the first three test
# digits, one after the other, with a colour for each class. The input is below, the output above; in the output, one
# neuron should fire much more than the others.

record = trainer.record(test, range(3))
print(f"classes {test.labels[:3]}, spikes of the output neurons:\n{record.counts(1)}")

hb.plotting.raster(network, record, range(3), labels=test.labels[:3])
plt.savefig("tutorial_2_raster.png", dpi=120)

# %%
# Look: membrane potentials
# -------------------------
# Brian2 presents the same spikes to the same network and records whatever changes in it. The neuron of the right class
# (7) climbs to the threshold again and again; that of a wrong class (1) is held down.

spikes = trainer.encode(test.subset(3))
traces = record_state_traces(network, spikes, layer=1, neurons=[7, 1], sample=0)

hb.plotting.state_traces(traces)
plt.savefig("tutorial_3_potentials.png", dpi=120)

# %%
# Look: what drove a spike
# ------------------------
# The potential that crossed the threshold is a sum over the neurons before. The last spike of the output neuron 7 is
# due to these hidden neurons:

hb.plotting.attribution(network, record, layer=1, neuron=7, spike=-1)
plt.savefig("tutorial_4_output_spike.png", dpi=120)

# %%
# The strongest of them fired because of these pixels; orange ones drove it, purple ones held it back. Beside it is the
# digit.

strongest = int(hb.spike_attribution(network, record, layer=1, neuron=7, spike=-1).argmax())

_, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
left.imshow(test.images[0, :, :, 0], cmap="gray_r")
left.set(title="the digit", xlabel="column", ylabel="row")
hb.plotting.attribution(network, record, layer=0, neuron=strongest, spike=-1, ax=right)
plt.savefig("tutorial_5_hidden_spike.png", dpi=120)

# %%
# Change the equations
# --------------------
# A neuron that adapts: a slow variable ``a`` follows the membrane potential and pulls it back. ``v_th`` is the
# threshold of the neuron's layer, and incoming spikes add their weight to ``I``. Nothing else is to be derived: the
# gradient follows from the equations: exactly where they, the reset and the threshold are affine, and along the
# trajectory where they are smooth (:doc:`/neurons` says why).

adaptive = hb.NeuronModel(
    """
    du/dt = (-u - g*a)/tau_m + I/tau_s : 1 (unless refractory)
    da/dt = (u - a)/tau_a              : 1
    dI/dt = -I/tau_s                   : 1
    """,
    threshold="u > v_th",
    reset="u = 0",
    refractory=3 * ms,
    method="euler",
    tau_m=64 * ms,
    tau_s=8 * ms,
    tau_a=100 * ms,
    g=3.0,
)

# %%
# Train again
# -----------
# All else stays as it was.

network_2 = make_network(adaptive)
trainer_2 = hb.Trainer(network_2, loss)
history_2 = trainer_2.fit(train, test, epochs=1 if quick else 3, batch_size=20)
print(f"test accuracy: {100 * history_2[-1]['validation_accuracy']:.1f} %")

hb.plotting.learning_curves({"LIF": [history], "adaptive LIF": [history_2]})
plt.savefig("tutorial_6_learning_again.png", dpi=120)

# %%
# And look again: the potential of the output neuron 7, and the variable that holds it back.

traces = record_state_traces(network_2, spikes, layer=1, neurons=[7, 1], sample=0)

_, (above, below) = plt.subplots(2, 1, figsize=(7, 5.5), layout="constrained")
hb.plotting.state_traces(traces, ax=above)
hb.plotting.state_traces(traces, "a", ax=below)
plt.savefig("tutorial_7_adaptation.png", dpi=120)

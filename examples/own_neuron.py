"""Neurons of your own
===================

Write equations, look at their post-synaptic potential, train them like any other.

Two neurons differ from LIF: one adapts (a slow current that follows the membrane potential pulls it back), the other
has a synapse whose current rises gradually (an alpha function). Nothing is derived by hand: the S-PSP, and with it the
gradient, follows from the equations: exactly, as the state update, the reset and the threshold of these are affine, and
:doc:`otherwise along the trajectory </neurons>`. Each trains on 2,000 digits of MNIST for three epochs.

It takes about a minute and saves ``own_neuron.png`` in the current folder; ``--quick`` trains on 200 digits for one
epoch. The paper has LIF neurons with exponential synapses only.
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from brian2 import ms

import hm2bp_brian as hb

NEURONS = {
    "LIF, exponential synapse": hb.LIF(tau_m=64 * ms, tau_s=8 * ms),
    "adaptive LIF": hb.NeuronModel(
        """
        du/dt = (-u - g*a)/tau_m + I/tau_s : 1
        da/dt = (u - a)/tau_a              : 1
        dI/dt = -I/tau_s                   : 1
        """,
        method="euler",
        tau_m=64 * ms,
        tau_s=8 * ms,
        tau_a=100 * ms,
        g=3.0,
    ),
    "LIF, alpha synapse": hb.NeuronModel(
        """
        du/dt = -u/tau_m + I/tau_s : 1
        dI/dt = (x - I)/tau_s      : 1
        dx/dt = -x/tau_s           : 1
        """,
        synaptic_variable="x",
        method="euler",
        tau_m=64 * ms,
        tau_s=8 * ms,
    ),
}


def psp(neuron, n_steps=200):
    """The potential by one input spike of weight 1 at step 0, read 1, 2, ... steps later: an S-PSP of two spikes."""
    network = hb.SpikingNetwork((1,), [hb.Dense(1, threshold=1)], neuron, dt=1 * ms, duration=n_steps * ms)
    samples, zeros = np.arange(1, n_steps), np.zeros(n_steps - 1, dtype=int)
    size = {"n_samples": n_steps - 1, "n_steps": n_steps, "shape": (1,)}
    before = hb.SpikeBatch.from_events(samples - 1, zeros, zeros, **size)
    after = hb.SpikeBatch.from_events(samples - 1, samples, zeros, **size)  # in sample k it fires at step k + 1
    return hb.spsp(network, hb.SpikeRecord(before, [after]), layer=0)[:, 0, 0]


def train(neuron, quick):
    """Test accuracy of 784-100-10 after each epoch."""
    layers = [hb.Dense(100, threshold=10), hb.Dense(10, threshold=8)]
    network = hb.SpikingNetwork((28, 28, 1), layers, neuron, dt=1 * ms, duration=200 * ms, seed=1)
    trainer = hb.Trainer(network, hb.SpikeCountLoss(20, 3, 3), hb.Adam(0.01))
    digits, test = hb.datasets.mnist()
    trainer.fit(digits.subset(200 if quick else 2000), test.subset(500), epochs=1 if quick else 3, batch_size=20)
    return trainer.history.column("validation_accuracy")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train neurons of your own, and draw their post-synaptic potentials.")
    parser.add_argument("--quick", action="store_true", help="200 digits, one epoch")
    quick = parser.parse_known_args()[0].quick  # a notebook has arguments of its own

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for (name, neuron), colour in zip(NEURONS.items(), hb.plotting.COLOURS, strict=False):
        accuracy = train(neuron, quick)
        print(f"{name}: test accuracy on 500 digits {100 * accuracy[-1]:.1f} %")
        left.plot(np.arange(1, 200), psp(neuron), color=colour, label=name)
        right.plot(np.arange(1, len(accuracy) + 1), 100 * accuracy, "o-", color=colour)
    left.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    left.set(xlabel="time after the input spike (ms)", ylabel="potential by one spike of weight 1", xlim=(0, 200))
    left.legend(frameon=False)
    right.set(xlabel="epoch", ylabel="test accuracy (%)", xticks=np.arange(1, len(accuracy) + 1), ylim=(0, 100))
    figure.savefig("own_neuron.png", dpi=150)
    print("saved own_neuron.png")

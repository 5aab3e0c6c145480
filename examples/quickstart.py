"""Quick start
===========

Train 784-800-10 on 2,000 MNIST digits for one epoch, test it, and draw its spikes.

It takes some seconds and saves ``quickstart.png`` in the current folder. ``--quick`` takes 200 digits.
"""

import argparse
import time

from brian2 import ms

import hm2bp_brian as hb

parser = argparse.ArgumentParser(description="Train 784-800-10 on MNIST digits for one epoch, and draw its spikes.")
parser.add_argument("--quick", action="store_true", help="200 digits")
quick = parser.parse_known_args()[0].quick  # a notebook has arguments of its own

n_train = 200 if quick else 2000
train, test = hb.datasets.mnist()

network = hb.SpikingNetwork(
    input_shape=(28, 28, 1),
    layers=[
        hb.Dense(800, threshold=20),
        hb.Dense(10, threshold=8, lateral_inhibition=1),
    ],
    neuron=hb.LIF(tau_m=64 * ms, tau_s=8 * ms, refractory=3 * ms),
    dt=1 * ms,
    duration=400 * ms,
    seed=1,
)
network.summary()

trainer = hb.Trainer(network, hb.SpikeCountLoss(desired=35, undesired=5, margin=5))
started = time.perf_counter()
history = trainer.fit(train.subset(n_train), validation=test.subset(500), epochs=1, batch_size=10)
seconds = time.perf_counter() - started
print(f"test accuracy after {n_train:,} digits and {seconds:.1f} s: {100 * history[-1]['validation_accuracy']:.1f} %")

spikes = trainer.record(test, index=0)
artists = hb.plotting.raster(network, spikes)
artists[0].figure.savefig("quickstart.png", dpi=150)
print("saved quickstart.png")

"""Interrupt training and go on
============================

Bit for bit, the weights are those of training that was never interrupted.

One network trains for four epochs at a stretch. Another one is interrupted in the middle of the third, as Ctrl+C would
do; a checkpoint keeps what the last finished epoch left. A new trainer, as in a new program, loads the file and goes
on. The order of samples, the random shifts of the digits and the input spikes are drawn anew from seed and epoch, so
that both see the same.

It takes about half a minute and saves ``resume.png`` in the current folder; ``--quick`` trains on fewer digits. With
``hm2bp train ... --resume`` there is nothing to write. No figure of the paper.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from brian2 import ms

import hm2bp_brian as hb
from hm2bp_brian.encoding import Augmentation
from hm2bp_brian.training.callbacks import CheckpointCallback

parser = argparse.ArgumentParser(description="Interrupt training, go on, and compare with training at a stretch.")
parser.add_argument("--quick", action="store_true", help="fewer digits")
quick = parser.parse_known_args()[0].quick  # a notebook has arguments of its own

EPOCHS = 4
n_train, n_test = (200, 200) if quick else (2000, 1000)
train, test = hb.datasets.mnist()
train, test = train.subset(n_train), test.subset(n_test)
shift = Augmentation(shift=1)


def make_trainer(augmentation=shift):
    """The same network and settings each time."""
    layers = [hb.Dense(100, threshold=10), hb.Dense(10, threshold=8, lateral_inhibition=1)]
    neuron = hb.LIF(tau_m=64 * ms, tau_s=8 * ms, refractory=3 * ms)
    network = hb.SpikingNetwork((28, 28, 1), layers, neuron, dt=1 * ms, duration=200 * ms, seed=1)
    return hb.Trainer(network, hb.SpikeCountLoss(20, 3, 3), hb.Adam(0.01), augmentation=augmentation)


def stop_in_epoch_3(images, seed, epoch, indices):
    """Shift the digits as ever, but stand for Ctrl+C halfway through epoch 3."""
    stop_in_epoch_3.seen += len(indices)
    if stop_in_epoch_3.seen > 2.5 * n_train:
        raise KeyboardInterrupt
    return shift(images, seed, epoch, indices)


stop_in_epoch_3.seen = 0
straight = make_trainer()
straight.fit(train, test, epochs=EPOCHS, batch_size=20)

with tempfile.TemporaryDirectory() as folder:
    checkpoint = Path(folder) / "checkpoint.npz"
    interrupted = make_trainer(augmentation=stop_in_epoch_3)
    try:
        interrupted.fit(train, test, epochs=EPOCHS, batch_size=20, callbacks=[CheckpointCallback(checkpoint)])
    except KeyboardInterrupt:
        print(f"interrupted in epoch {interrupted.epoch + 1}")
    resumed = make_trainer()
    resumed.load(checkpoint)
    print(f"going on after epoch {resumed.epoch}")
    resumed.fit(train, test, epochs=EPOCHS - resumed.epoch, batch_size=20)

pairs = zip(straight.network.weights, resumed.network.weights, strict=True)
same = all(np.array_equal(one, other) for one, other in pairs)
print(f"weights after epoch {EPOCHS}: {'the same, bit for bit' if same else 'NOT the same'}")

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for trainer, style, name in ((straight, "-", "at a stretch"), (resumed, "o", "interrupted and resumed")):
    epochs, accuracy = trainer.history.column("epoch"), trainer.history.column("validation_accuracy")
    ax.plot(epochs, 100 * accuracy, style, label=name, fillstyle="none", markersize=9)
ax.axvline(2.5, color="0.5", linestyle="--", label="the interruption")
ax.set(xlabel="epoch", ylabel="test accuracy (%)", xticks=range(1, EPOCHS + 1))
ax.legend(frameon=False)
figure.savefig("resume.png", dpi=150)
print("saved resume.png")
if not same:
    sys.exit(1)

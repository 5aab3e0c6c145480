"""Data of your own
================

Images as an ImageDataset; events of a camera and recorded spike times as a SpikeDataset.

The data here are simulated, to have some without a file: a bar of one of four directions, once as an image of 16 x 16
pixels, once before an event camera while it trembles, and once as recordings of 40 neurons that prefer directions.
Replace ``simulated_image``, ``simulated_events`` and ``simulated_trial`` by what reads your files. It takes about half
a minute and saves ``own_data.png`` in the current folder; ``--quick`` makes fewer samples. No figure of the paper.
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from brian2 import ms

import hm2bp_brian as hb

SIDE = 16
DIRECTIONS = ("0°", "45°", "90°", "135°")


def distances(generator, label):
    """Distance of each pixel to a bar of the class's direction, (16, 16), in pixels; its place is drawn at random."""
    angle, offset = np.pi / 4 * label + generator.normal(0, 0.1), generator.uniform(-3, 3)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return x * np.sin(angle) + y * np.cos(angle) - offset


def simulated_image(generator, label):
    """A bright bar on a noisy ground, uint8 (16, 16, 1)."""
    bright = np.where(np.abs(distances(generator, label)) < 1.5, 200, 40)
    return np.clip(bright + generator.normal(0, 30, bright.shape), 0, 255).astype(np.uint8)[..., None]


def simulated_events(generator, label):
    """Some 500 events in 200 ms, t in microseconds: the bar's two edges light up and darken in turn."""
    distance = distances(generator, label)
    y, x = np.nonzero(np.abs(np.abs(distance) - 1.5) < 1)
    pixel, t = generator.integers(0, len(x), 500), generator.integers(0, 200_000, 500)
    rising_edge = (t // 25_000 % 2 == 0) ^ (distance[y, x][pixel] > 0)
    events = np.zeros(500, dtype=[("x", int), ("y", int), ("t", int), ("p", bool)])
    events["x"], events["y"], events["t"], events["p"] = x[pixel], y[pixel], t, rising_edge
    return events


def simulated_trial(generator, label):
    """Spike times of 40 neurons in 200 ms, one array each: 100 Hz at the preferred direction, 10 Hz across."""
    preferred, angle = np.linspace(0, np.pi, 40, endpoint=False), np.pi / 4 * label + generator.normal(0, 0.1)
    rates = 10 + 90 * np.cos(angle - preferred) ** 8  # Hz
    return [np.unique(generator.integers(0, 200, generator.poisson(0.2 * rate))) * ms for rate in rates]


def train(dataset, n_train):
    """Train on the first samples and return the accuracy on the others."""
    layers = [hb.Dense(50, threshold=5), hb.Dense(len(DIRECTIONS), threshold=5)]
    neuron = hb.LIF(tau_m=64 * ms, tau_s=8 * ms, refractory=3 * ms)
    network = hb.SpikingNetwork(dataset.shape, layers, neuron, dt=1 * ms, duration=200 * ms, seed=1)
    trainer = hb.Trainer(network, hb.SpikeCountLoss(20, 3, 3), hb.Adam(0.01))
    trainer.fit(dataset.subset(n_train), epochs=3, batch_size=10)
    return trainer.evaluate(dataset.subset(np.arange(n_train, len(dataset))))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train on images and camera events of your own (simulated).")
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    quick = parser.parse_known_args()[0].quick  # a notebook has arguments of its own

    generator = np.random.default_rng(0)
    n_train, n_test = (200, 100) if quick else (1000, 500)
    labels = np.arange(n_train + n_test) % len(DIRECTIONS)

    pictures = np.stack([simulated_image(generator, label) for label in labels])
    images = hb.datasets.ImageDataset(pictures, labels, n_classes=4, name="simulated bars")
    samples = [(simulated_events(generator, label), label) for label in labels]
    events = hb.datasets.SpikeDataset.from_events(
        samples, shape=(SIDE, SIDE, 2), dt=1 * ms, n_classes=4, name="simulated trembling bars"
    )
    trials = [simulated_trial(generator, label) for label in labels]
    recordings = hb.datasets.SpikeDataset.from_spike_times(
        trials, labels, dt=1 * ms, duration=200 * ms, name="simulated recordings"
    )
    for dataset in (images, events, recordings):
        print(f"{dataset}: {100 * train(dataset, n_train):.1f} % of {n_test} test samples are right")

    figure, axes = plt.subplots(3, 4, figsize=(10, 8), layout="constrained")
    for label, (top, middle, bottom) in enumerate(axes.T):
        top.imshow(images.images[label, :, :, 0], cmap="gray")
        counts = events.batch([label], 200).counts.reshape(SIDE, SIDE, 2)
        middle.imshow(counts.sum(axis=-1), cmap="viridis")
        bottom.eventplot([np.asarray(times) * 1e3 for times in trials[label]], colors="black", linewidths=0.8)
        top.set(title=f"class {label}: {DIRECTIONS[label]}", xticks=[], yticks=[])
        middle.set(xticks=[], yticks=[])
        bottom.set(xlabel="time (ms)", xlim=(0, 200), yticks=[])
    axes[0, 0].set_ylabel("image (simulated)")
    axes[1, 0].set_ylabel("events a pixel (simulated)")
    axes[2, 0].set_ylabel("40 neurons (simulated)")
    figure.savefig("own_data.png", dpi=150)
    print("saved own_data.png")

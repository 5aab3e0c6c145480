"""A network and its two levels
============================

Spike times and S-PSPs (micro), spike counts and errors (macro).

Jin, Y., Zhang, W. & Li, P. (2018). Hybrid macro/micro level backpropagation for training deep spiking neural
networks. Advances in Neural Information Processing Systems 31. arXiv:1805.07866.

It shows the facts of the paper's figure 1 in a small network 6-4-2, simulated with random weights and input. Above: a
line a weight, orange if positive, purple if negative. Micro level: the spikes of each layer, and the S-PSP e_{i|j} of
every pair of neurons. Macro level: the spike counts o beside a/nu, the T-PSP over the threshold, which they follow; the
wanted counts y of the outputs; the error delta of each neuron. It takes seconds, needs no data, and saves
``network_levels.png`` in the current folder; ``--quick`` simulates half the time.
"""

import argparse
from pathlib import Path

import numpy as np
from brian2 import ms
from matplotlib.figure import Figure

import hm2bp_brian as hb
from hm2bp_brian.plotting import COLOURS

LABEL = 0
LOSS = hb.SpikeCountLoss(desired=30, undesired=3, margin=0)
NAMES = ("input", "hidden layer", "output layer")


def main(quick: bool = False, out="network_levels.png") -> Path:
    """Draw the figure and return its path."""
    n_steps = 100 if quick else 200
    generator = np.random.default_rng(1)
    layers = [hb.Dense(4, threshold=6), hb.Dense(2, threshold=5)]
    neuron = hb.LIF(tau_m=64 * ms, tau_s=8 * ms, refractory=3 * ms)
    network = hb.SpikingNetwork((6,), layers, neuron, dt=1 * ms, duration=n_steps * ms)
    network.weights = [generator.uniform(-2, 4, weights.shape) for weights in network.weights]
    batch = hb.SpikeBatch.from_dense(generator.random((1, n_steps, 6)) < np.linspace(0.05, 0.2, 6))
    record = hb.simulate(network, batch)
    deltas = [delta[0] for delta in hb.gradients(network, record, np.array([LABEL]), LOSS).deltas]

    figure = Figure(figsize=(12, 9), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 2])
    draw_network(above.subplots(), network)
    axes = below.subplots(2, 5)
    for column, population in enumerate([batch, *record.layers]):
        draw_spikes(axes[0, 2 * column], population, COLOURS[column])
        draw_counts(axes[1, 2 * column], population.counts[0], COLOURS[column])
    for layer, (weights, delta) in enumerate(zip(network.weights, deltas, strict=True)):
        e = hb.spsp(network, record, layer)[0]
        left, right = 2 * layer + 1, 2 * layer + 2
        draw_matrix(axes[0, left], e)
        draw_arrows(axes[1, left])
        ratio = (weights.T * e).sum(axis=1) / network.thresholds[layer]
        axes[1, right].plot(ratio, np.arange(len(ratio)), "ko", fillstyle="none")
        axes[1, right].set_yticks(np.arange(len(ratio)), [rf"{i}: $\delta$ = {d:.2g}" for i, d in enumerate(delta)])
        axes[1, right].set_title(r"bars: counts $o$, rings: $a/\nu$", fontsize=10)
    wanted = np.where(np.arange(2) == LABEL, LOSS.desired, LOSS.undesired)
    axes[1, 4].plot(wanted, range(2), "k|", markersize=40)
    axes[1, 4].set_xlabel("spikes (black: wanted $y$)")
    for row, name in enumerate(("micro level", "macro level")):
        axes[row, 0].set_ylabel(f"{name}\nneuron", fontsize=12)
    figure.savefig(out, dpi=150)
    return Path(out)


def draw_network(ax, network):
    """A circle a neuron, a line a weight, thick if it is large."""
    ax.set_axis_off()
    for column, name in enumerate(NAMES):
        n_neurons = network.shape_before(column)[0] if column < 2 else network.n_outputs
        heights = np.arange(n_neurons) - (n_neurons - 1) / 2
        ax.scatter(np.full(n_neurons, column), heights, s=200, color=COLOURS[column], zorder=2)
        ax.text(column, 3, name, ha="center", fontsize=12)
        if column < 2:
            n_post = network.size(column)
            for (j, i), weight in np.ndenumerate(network.weights[column]):
                colour = "#e08214" if weight > 0 else "#542788"
                ends = [heights[j], i - (n_post - 1) / 2]
                ax.plot([column, column + 1], ends, color=colour, linewidth=abs(weight), zorder=1)
    ax.set(xlim=(-0.25, 2.25), ylim=(-3, 3.6))


def draw_spikes(ax, population, colour):
    """The spikes of a population's only sample."""
    ax.plot(population.steps, population.neurons, "|", color=colour, markersize=9)
    ax.set(xlabel="time (ms)", xlim=(0, population.n_steps), yticks=range(population.n_neurons), title="spikes")
    ax.set_ylim(-0.5, population.n_neurons - 0.5)


def draw_counts(ax, counts, colour):
    """A bar a neuron."""
    ax.barh(range(len(counts)), counts, color=colour, alpha=0.6)
    ax.set(xlabel="spikes", yticks=range(len(counts)), title="counts $o$", ylim=(-0.5, len(counts) - 0.5))


def draw_matrix(ax, e):
    """The S-PSP of each pair: a row a postsynaptic, a column a presynaptic neuron."""
    image = ax.imshow(e, origin="lower", aspect="auto", vmin=0)
    ax.set(xlabel="from neuron j", ylabel="to neuron i", title="S-PSP $e_{i|j}$")
    ax.set(xticks=range(e.shape[1]), yticks=range(e.shape[0]))
    ax.figure.colorbar(image, ax=ax, location="bottom", label="potential per unit weight")


def draw_arrows(ax):
    """What goes forward and backward between two layers."""
    ax.set_axis_off()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    for y, way, text in (
        (0.7, "->", r"$a_i = \Sigma_j\, w_{ij} e_{i|j}$, $o_i \approx a_i/\nu$"),
        (0.25, "<-", r"$\delta_j = \Sigma_i\, \delta_i w_{ij} e_{i|j}/(\nu o_j)$"),
    ):
        ax.annotate("", (1, y), (0, y), arrowprops={"arrowstyle": way, "linewidth": 2})
        ax.text(0.5, y + 0.06, text, ha="center", fontsize=10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw a network and its two levels.")
    parser.add_argument("--quick", action="store_true", help="half the time")
    print(f"saved {main(parser.parse_args().quick)}")

"""PSP and S-PSP
=============

What one spike does to a neuron, and what a whole train has done at the times when the neuron fires.

Jin, Y., Zhang, W. & Li, P. (2018). Hybrid macro/micro level backpropagation for training deep spiking neural
networks. Advances in Neural Information Processing Systems 31. arXiv:1805.07866.

It shows the facts of the paper's illustration of PSP and S-PSP. Three simulated random trains excite a LIF neuron i.
Above: the potential by one spike; each spike of i (a grey line) resets it, and what is left of the synaptic current
lifts it again. Middle: the potential by all spikes of neuron j; read at i's spikes and summed, it is the S-PSP. Below:
the potential by all three trains, simulated by Brian2; read and summed in the same way, it is the T-PSP. It takes
seconds, needs no data, and saves ``psp_and_spsp.png`` in the current folder; ``--quick`` draws half the time.
"""

import argparse
from pathlib import Path

import numpy as np
from brian2 import ms
from matplotlib.figure import Figure

import hm2bp_brian as hb
from hm2bp_brian.brian.state_traces import record_state_traces
from hm2bp_brian.learning.spsp import kernel
from hm2bp_brian.plotting import COLOURS

WEIGHT, J = 4.0, 1  # of all three inputs; the input that is looked at


def main(quick: bool = False, out="psp_and_spsp.png") -> Path:
    """Draw the figure and return its path."""
    n_steps = 100 if quick else 200
    neuron = hb.LIF(tau_m=64 * ms, tau_s=8 * ms, refractory=3 * ms, method="exact")
    network = hb.SpikingNetwork((3,), [hb.Dense(1, threshold=10)], neuron, dt=1 * ms, duration=n_steps * ms)
    network.weights[0] = np.full((3, 1), WEIGHT)
    batch = hb.SpikeBatch.from_dense(np.random.default_rng(3).random((1, n_steps, 3)) < 0.06)
    traces = record_state_traces(network, batch, layer=0, neurons=[0])
    train, firing = batch.train(0, J), traces.spikes[0]
    steps = np.arange(n_steps)

    figure = Figure(figsize=(8, 8.5), layout="constrained")
    one, train_of_j, all_trains = figure.subplots(3, 1, sharex=True)
    one.plot(steps, kernel(np.inf, steps - train[0], neuron.tau_m * 1e3, neuron.tau_s * 1e3), "--", color="0.5")
    one.plot(steps, potential(neuron, steps, train[:1], firing), color=COLOURS[0])
    one.set_title(r"PSP of one spike of $j$ (dashed: if $i$ never fired)", fontsize=10)
    u_j = potential(neuron, steps, train, firing)
    draw(train_of_j, steps, u_j, firing, COLOURS[0])
    train_of_j.set_title(
        rf"all spikes of $j$: S-PSP $e_{{i|j}}$ = {u_j[firing].sum():.2f}, the sum of the triangles", fontsize=10
    )
    u = traces.values["u"][0]
    draw(all_trains, steps, u, firing, COLOURS[1])
    all_trains.axhline(traces.v_th, color="0.3", linestyle="--", linewidth=0.8)
    all_trains.set_title(
        rf"all inputs, weight {WEIGHT:g} each: T-PSP $a_i = \Sigma_j\, w_{{ij}}\, e_{{i|j}}$ = {u[firing].sum():.1f}, "
        rf"$o_i$ = {len(firing)} spikes, threshold $\nu$ = {traces.v_th:g}",
        fontsize=10,
    )
    for ax, label in ((one, "per unit weight"), (train_of_j, "per unit weight"), (all_trains, "$u_i$")):
        for step in firing:
            ax.axvline(step, color="0.85", linewidth=0.8, zorder=0)
        ax.set_ylabel(f"potential, {label}")
    for ax, spikes in ((one, train[:1]), (train_of_j, train), (all_trains, batch.steps)):
        ax.plot(spikes, np.full(len(spikes), 0.03), "|", color="k", transform=ax.get_xaxis_transform(), markersize=10)
    all_trains.set(xlabel="time (ms); black: input spikes, grey: spikes of neuron i", xlim=(0, n_steps))
    figure.savefig(out, dpi=150)
    return Path(out)


def potential(neuron, steps, train, firing):
    """Potential per unit weight that a train puts into a neuron with given firing steps, at each step (of 1 ms)."""
    free_from = np.full(len(steps), -1)  # step since when the neuron has integrated
    for step in firing:
        free_from[step + 1 :] = step + neuron.refractory_steps(1e-3)
    s, x = (steps - free_from)[:, None], steps[:, None] - train
    return kernel(s, x, neuron.tau_m * 1e3, neuron.tau_s * 1e3).sum(axis=1)


def draw(ax, steps, u, firing, colour):
    """The potential, and a triangle where the neuron fires."""
    ax.plot(steps, u, color=colour)
    ax.plot(firing, u[firing], "v", color=colour)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw PSP and S-PSP.")
    parser.add_argument("--quick", action="store_true", help="half the time")
    print(f"saved {main(parser.parse_args().quick)}")

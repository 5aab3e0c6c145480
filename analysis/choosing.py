"""How initial weights and learning rate change what a small network learns, with neurons in different units.

``python analysis/choosing.py docs/images`` trains 784-100-10 on 1,000 MNIST digits, once for each gain of `Scaled` and
each rate of `Relative`, and writes ``choosing.csv`` and its figure ``choosing.png``. It takes about a minute.
``--quick`` takes 100 digits and two values of each.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from brian2 import ms, mV, pF

import hm2bp_brian as hb
from hm2bp_brian.files import write_atomically
from hm2bp_brian.tables import csv_table

IN_AMPERE = {
    "equations": "dv/dt = (E_L - v)/tau_m + I/C : volt (unless refractory)\ndI/dt = -I/tau_s : amp",
    **{"threshold": "v > v_th", "reset": "v = E_L", "refractory": 3 * ms, "method": "euler"},
    **{"E_L": -70 * mV, "C": 200 * pF, "tau_m": 20 * ms, "tau_s": 5 * ms},
}
# name: (neuron, thresholds of both layers)
NEURONS = {
    "LIF, thresholds 1": (lambda: hb.LIF(64 * ms, 8 * ms, 3 * ms), (1, 1)),
    "LIF, thresholds 20 and 8": (lambda: hb.LIF(64 * ms, 8 * ms, 3 * ms), (20, 8)),
    "currents in A, 20 mV": (lambda: hb.NeuronModel(**IN_AMPERE), (-50 * mV, -50 * mV)),
}
GAINS = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
RATES = [0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08]
DEFAULTS = {"gain": 1.0, "rate": 0.02}
COLUMNS = ("neuron", "varied", "value", "rate_before_hz", "accuracy_percent")


def main() -> None:
    """Train all networks, and write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT_DIR", type=Path)
    parser.add_argument("--quick", action="store_true", help="few digits and values")
    arguments = parser.parse_args()
    train, test = hb.datasets.mnist()
    data = train.subset(100 if arguments.quick else 1000), test.subset(100 if arguments.quick else 1000)
    rows = []
    for name in NEURONS:
        for varied, values in (("gain", GAINS), ("rate", RATES)):
            for value in values[::5] if arguments.quick else values:
                rows.append((name, varied, value, *trained(name, DEFAULTS | {varied: value}, data)))
                print(*rows[-1], flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_atomically(arguments.out / "choosing.csv", csv_table(COLUMNS, rows))
    draw(rows).savefig(arguments.out / "choosing.png", dpi=120)
    print(f"saved {arguments.out / 'choosing.png'}")


def trained(name: str, settings: dict, data) -> tuple[float, float]:
    """Mean rate of the hidden neurons before training in Hz, and test accuracy after it in percent."""
    make, thresholds = NEURONS[name]
    initializer = hb.Scaled(settings["gain"])
    layers = [hb.Dense(n, v_th, initializer=initializer) for n, v_th in zip((100, 10), thresholds, strict=True)]
    network = hb.SpikingNetwork((28, 28, 1), layers, make(), dt=1 * ms, duration=200 * ms, seed=1)
    trainer = hb.Trainer(network, hb.SpikeCountLoss(20, 3, 3), hb.Adam(hb.Relative(settings["rate"])))
    train, test = data
    before = trainer.record(test, np.arange(50)).counts(0).mean() / 0.2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of dead populations, which are drawn
        history = trainer.fit(train, test, batch_size=10, progress=False)
    return round(float(before), 2), round(100 * history[-1]["validation_accuracy"], 2)


def draw(rows):
    """Three panels: rate and accuracy against the gain, accuracy against the learning rate."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    panels = (("gain", 3), ("gain", 4), ("rate", 4))
    for ax, (varied, column) in zip(axes, panels, strict=True):
        for name, marker, size in zip(NEURONS, "osv", (9, 5, 6), strict=True):  # two of them coincide
            chosen = [row for row in rows if row[:2] == (name, varied)]
            style = {"marker": marker, "markersize": size, "markerfacecolor": "none", "label": name}
            ax.plot([row[2] for row in chosen], [row[column] for row in chosen], **style)
        ax.axvline(DEFAULTS[varied], color="0.6", linewidth=0.8, linestyle="--", zorder=0)
        ax.set_xscale("log", base=2)
        ax.set_xticks(values := sorted({row[2] for row in rows if row[1] == varied}))
        ax.set_xticklabels([f"{value:g}" for value in values], fontsize=8, rotation=45)
        ax.minorticks_off()
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set(xlabel="gain of Scaled", ylabel="hidden rate before training (Hz)", ylim=(0, None))
    axes[1].set(xlabel="gain of Scaled", ylabel="test accuracy (%)", ylim=(0, 100))
    axes[2].set(xlabel="learning rate, Relative(...)", ylabel="test accuracy (%)", ylim=(0, 100))
    axes[1].legend(frameon=False, fontsize=8, loc="lower left")
    return figure


if __name__ == "__main__":
    main()

"""Accuracy against speed of the convolutional network on MNIST with fewer, longer time steps.

The recipes ``mnist-cnn``, ``mnist-cnn-200`` and ``mnist-cnn-100`` present 400 ms in 400, 200 and 100 steps. Accuracies
are those of the committed histories, after the last epoch; speeds are measured here, each recipe in a process of its
own, in turn, and the fastest of the rounds counts. Keep the machine free of other work, and run it with
``python analysis/time_steps.py OUT_DIR``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from benchmark import machine, measure

from hm2bp_brian.experiments import recipes
from hm2bp_brian.files import write_atomically
from hm2bp_brian.plotting import COLOURS, png
from hm2bp_brian.tables import to_csv
from hm2bp_brian.training.history import History

HISTORIES = Path(__file__).parent.parent / "examples" / "frompapers" / "Jin_et_al_2018" / "histories"
RECIPES = ("mnist-cnn", "mnist-cnn-200", "mnist-cnn-100")
SPEEDS = {"train_samples_per_second": "training", "forward_samples_per_second": "encoding and forward pass"}


def main(out_dir, rounds: int = 3, histories=HISTORIES) -> list[dict]:
    """Measure, write ``time_steps.csv`` and draw ``time_steps.png``.

    Parameters
    ----------
    out_dir : path
        Folder, made if need be.
    rounds : int
        How often each recipe's speed is measured.
    histories : path
        Folder of the histories.

    Returns
    -------
    list of dict
        A row a recipe: steps, number of seeds, mean and standard deviation of the last epoch's test accuracy in
        percent, samples a second in training, and of encoder and forward pass alone, the machine.

    Raises
    ------
    EngineError
        If a measurement fails.
    DatasetError
        If a file is no history.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    speeds = {name: [] for name in RECIPES}
    for _ in range(rounds):
        for name in RECIPES:
            speeds[name].append(speed(measure({"recipe": name, "batch_size": recipes.get(name).batch_size})))
            print(name, speeds[name][-1], flush=True)
    rows = [row(name, speeds[name], histories) for name in RECIPES]
    write_atomically(out_dir / "time_steps.csv", to_csv(rows))
    write_atomically(out_dir / "time_steps.png", png(lambda ax: draw(ax, rows), (6, 4.2)))
    return rows


def speed(measured: dict) -> dict:
    """Samples a second, from what ``hm2bp bench`` has found."""
    seconds = (measured["encode_ms"] + measured["forward_ms"]) / 1e3
    return dict(zip(SPEEDS, (measured["train_samples_per_second"], 1 / seconds), strict=True))


def row(name: str, measured: list[dict], histories) -> dict:
    """What is known of a recipe."""
    recipe, runs = recipes.get(name), [History.from_csv(path) for path in Path(histories).glob(f"{name}-seed*.csv")]
    percent = [100 * run.column("test_accuracy")[-1] for run in runs]
    return {
        "recipe": name,
        "steps": round(recipe.duration_ms / recipe.dt_ms),
        "seeds": len(percent),
        "test_accuracy_percent": round(float(np.mean(percent)), 2),
        "sd": round(float(np.std(percent, ddof=1)), 2) if len(percent) > 1 else "",
        **{key: round(max(one[key] for one in measured)) for key in SPEEDS},
        **machine(),
    }


def draw(ax, rows: list[dict]) -> None:
    """Draw accuracies against speeds, steps beside them; bars are standard deviations."""
    percent = [one["test_accuracy_percent"] for one in rows]
    for (key, label), colour in zip(SPEEDS.items(), COLOURS, strict=False):
        rates = [one[key] for one in rows]
        ax.errorbar(rates, percent, [one["sd"] or 0 for one in rows], fmt="o", color=colour, capsize=3, label=label)
        for x, y, one in zip(rates, percent, rows, strict=True):
            ax.annotate(f"{one['steps']} steps", (x, y), xytext=(6, -4), textcoords="offset points", fontsize="small")
    ax.set(xlabel="samples/s", ylabel="test accuracy (%)", title="MNIST, 15C5-P2-40C5-P2-300-10", ylim=(99.4, 99.7))
    ax.set_xlim(0, 1.2 * max(one[key] for one in rows for key in SPEEDS))
    ax.legend(frameon=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Accuracy against speed with fewer, longer time steps.")
    parser.add_argument("out_dir", metavar="OUT_DIR")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    arguments = parser.parse_args()
    main(arguments.out_dir, arguments.rounds)

"""Learning curves
===============

Test accuracy against epochs on MNIST: this package's recipes beside the log of the authors' program.

Jin, Y., Zhang, W. & Li, P. (2018). Hybrid macro/micro level backpropagation for training deep spiking neural
networks. Advances in Neural Information Processing Systems 31. arXiv:1805.07866.

The paper has no such figure: its tables for MNIST give the best accuracy, the log of the authors' program the others.
Histories are read from the folder ``histories``; the README beside this file says how to make them.
"""

import argparse
import csv
import itertools
import sys
from pathlib import Path

import numpy as np

from hm2bp_brian.errors import DatasetError, DatasetNotFoundError, Hm2bpError
from hm2bp_brian.files import write_atomically
from hm2bp_brian.plotting import COLOURS, png
from hm2bp_brian.training.history import History

HERE = Path(__file__).parent
HISTORIES = HERE / "histories"
RECIPES = {"784-800-10": ("mnist-mlp", "mnist-mlp-paper"), "15C5-P2-40C5-P2-300-10": ("mnist-cnn", "mnist-cnn-paper")}


def main(quick: bool = False, out=None, histories=HISTORIES) -> Path:
    """Draw the figure and return its path.

    Parameters
    ----------
    quick : bool
        Draw one seed a recipe only, to try the script.
    out : path, optional
        The picture, by default ``learning_curves.png`` beside this file, or, if quick, ``learning_curves_quick.png``
        in the current folder.
    histories : path
        Folder of the histories.

    Raises
    ------
    DatasetNotFoundError
        If there is no history of any recipe.
    DatasetError
        If a file is no history, or those of one recipe differ in length.
    """
    found = read_histories(histories)
    if quick:
        found = {recipe: runs[:1] for recipe, runs in found.items()}
    networks = [network for network, recipes in RECIPES.items() if found.keys() & set(recipes)]

    def draw(axes):
        for ax, network in zip(np.ravel(axes), networks, strict=True):
            draw_network(ax, network, found)

    out = Path(out or ("learning_curves_quick.png" if quick else HERE / "learning_curves.png"))
    write_atomically(out, png(draw, (5.2 * len(networks), 4.2), columns=len(networks)))
    return out


def draw_network(ax, network: str, found: dict[str, list[History]]) -> None:
    """Draw the runs of a network's recipes beside the authors' one."""
    for recipe, colour in zip(RECIPES[network], COLOURS, strict=False):
        if recipe in found:
            draw_runs(ax, recipe, found[recipe], colour)
    draw_authors(ax, network)
    ax.set_xscale("log")
    ax.set_xticks([1, 2, 5, 10, 20, 50, 100, 200], labels=["1", "2", "5", "10", "20", "50", "100", "200"])
    ax.minorticks_off()
    ax.set(xlabel="epoch", ylabel="test accuracy (%)", title=f"MNIST, {network}")
    ax.legend(frameon=False, loc="lower right", fontsize="small")


def read_histories(folder) -> dict[str, list[History]]:
    """The histories of each recipe, in the order of ``RECIPES``; of a recipe without any it is said on stderr."""
    found = {}
    for recipe in itertools.chain(*RECIPES.values()):
        runs = [History.from_csv(path) for path in sorted(Path(folder).glob(f"{recipe}-seed*.csv"))]
        lengths = sorted({len(run) for run in runs})
        if len(lengths) > 1 or 0 in lengths:
            raise DatasetError(
                f"histories of {recipe} in {folder} must have the same number of epochs, at least one; found "
                f"{lengths}. Finish the shorter runs with 'hm2bp train {recipe} --resume'"
            )
        if runs:
            found[recipe] = runs
        else:
            print(f"no history of {recipe}: there is no {recipe}-seed*.csv in {folder}", file=sys.stderr)
    if not found:
        raise DatasetNotFoundError(
            f"{folder} has no history of {' or '.join(itertools.chain(*RECIPES.values()))}. Train with 'hm2bp train "
            "mnist-mlp --seed 1 --out runs/mnist-mlp-seed1' and copy its history.csv to mnist-mlp-seed1.csv in that "
            "folder"
        )
    return found


def read_authors_log(network: str) -> list[dict]:
    """Rows of ``authors_log.csv`` about a network."""
    with open(HERE / "authors_log.csv", newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["network"] == network]


def draw_runs(ax, recipe: str, runs: list[History], colour: str) -> None:
    """Draw the mean over seeds and a band from the lowest to the highest."""
    epochs = runs[0].column("epoch")
    percent = 100 * np.stack([run.column("test_accuracy") for run in runs])
    seeds = "1 seed" if len(runs) == 1 else f"mean and range of {len(runs)} seeds"
    ax.fill_between(epochs, percent.min(axis=0), percent.max(axis=0), color=colour, alpha=0.25, linewidth=0)
    ax.plot(epochs, percent.mean(axis=0), "o-", color=colour, markersize=3, label=f"{recipe}, {seeds}")


def draw_authors(ax, network: str) -> None:
    """Draw the authors' values as separate points, as most epochs are not known, and their best as a line."""
    rows = read_authors_log(network)
    points = [(int(row["epoch"]), float(row["test_accuracy_percent"])) for row in rows if row["epoch"]]
    ax.plot(*zip(*points, strict=True), "kD", markersize=4, label="authors' program, 1 run")
    (best,) = (float(row["test_accuracy_percent"]) for row in rows if row["figure"] == "best on the test set")
    ax.axhline(best, color="0.5", linewidth=0.8, linestyle="--", zorder=0, label=f"its best of 200 epochs ({best} %)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw test accuracy against epochs.")
    parser.add_argument("--quick", action="store_true", help="one seed a recipe; learning_curves_quick.png here")
    parser.add_argument("--out", metavar="PNG", help="the picture, default learning_curves.png beside this script")
    arguments = parser.parse_args()
    try:
        print(f"saved {main(arguments.quick, arguments.out)}")
    except Hm2bpError as error:
        sys.exit(f"error: {error}")

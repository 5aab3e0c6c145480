"""Table of the results on MNIST
=============================

The paper's MNIST figures for both of its networks, reported in three ways, as a Markdown table.

Jin, Y., Zhang, W. & Li, P. (2018). Hybrid macro/micro level backpropagation for training deep spiking neural
networks. Advances in Neural Information Processing Systems 31. arXiv:1805.07866. Its tables of results on MNIST.

Figures are test accuracies in %, mean ± sd over seeds. The three ways differ in who chooses the epoch; the README
beside this file explains them and says how to make the histories that are read.
"""

import argparse
import sys

import numpy as np
from figure_learning_curves import HISTORIES, RECIPES, read_authors_log, read_histories

from hm2bp_brian.errors import Hm2bpError
from hm2bp_brian.tables import mean_and_sd, to_markdown
from hm2bp_brian.training.history import History

FIGURES = ("chosen on held-out digits", "last epoch", "best on the test set")
HEADER = ("network", "source", "seeds", "epochs", *FIGURES)


def main(histories=HISTORIES) -> str:
    """Print the table and return it.

    Parameters
    ----------
    histories : path
        Folder of the histories.

    Raises
    ------
    DatasetNotFoundError, DatasetError
        If there is no history of any recipe, or one that can't be read.
    """
    rows = []
    found = read_histories(histories)
    for network, recipes in RECIPES.items():
        there = [recipe for recipe in recipes if recipe in found]
        rows += [[network, *recipe_cells(recipe, found[recipe])] for recipe in there]
        if there:
            rows.append([network, *authors_cells(network)])
    table = to_markdown([dict(zip(HEADER, row, strict=True)) for row in rows])
    print(table)
    return table


def recipe_cells(recipe: str, runs: list[History]) -> list[str]:
    """What is said of a recipe: mean and standard deviation of the three figures over its runs."""
    per_run = np.array([figures(run) for run in runs])
    return [f"recipe {recipe}", str(len(runs)), str(len(runs[0])), *map(mean_and_sd, per_run.T)]


def figures(run: History) -> tuple[float, float, float]:
    """The three figures of one run in percent, ordered as ``FIGURES``; the first is NaN if nothing was held out."""
    test, holdout = 100 * run.column("test_accuracy"), run.column("holdout_accuracy")
    chosen = np.nan if np.isnan(holdout).any() else test[np.argmax(holdout)]
    return chosen, test[-1], test.max()


def authors_cells(network: str) -> list[str]:
    """The same of the authors' program: one run, no held-out digits."""
    log = read_authors_log(network)
    percent = {row["figure"]: row["test_accuracy_percent"] for row in log}
    (epochs,) = (row["epoch"] for row in log if row["figure"] == "last epoch")
    return ["log of the authors' program", "1", epochs, *(percent.get(figure, "-") for figure in FIGURES)]


if __name__ == "__main__":
    argparse.ArgumentParser(description="Print the results on MNIST beside the paper's.").parse_args()
    try:
        main()
    except Hm2bpError as error:
        sys.exit(f"error: {error}")

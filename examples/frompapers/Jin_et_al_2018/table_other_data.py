"""Table of the results on other data
===================================

The paper's data other than MNIST, or what stands in for them: its figures and ours, as a Markdown table.

Jin, Y., Zhang, W. & Li, P. (2018). Hybrid macro/micro level backpropagation for training deep spiking neural
networks. Advances in Neural Information Processing Systems 31. arXiv:1805.07866. Its results on N-MNIST and TI46.

The rows are those of ``other_data.csv``; the README beside this file says where its figures come from, and how to make
the histories.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from table_mnist import figures

from hm2bp_brian.errors import DatasetNotFoundError, Hm2bpError
from hm2bp_brian.tables import mean_and_sd, to_markdown
from hm2bp_brian.training.history import History

HERE = Path(__file__).parent


def main(folder=HERE) -> list[dict]:
    """Print the table; return its rows, those without any history left out.

    Parameters
    ----------
    folder : path
        That has ``other_data.csv`` and the folder ``histories``.

    Raises
    ------
    DatasetNotFoundError, DatasetError
        If there is no history of any row, or one that can't be read.
    """
    folder = Path(folder)
    with open(folder / "other_data.csv", newline="", encoding="utf-8") as file:
        rows = [cells for row in csv.DictReader(file) if (cells := row_cells(row, folder / "histories"))]
    if not rows:
        raise DatasetNotFoundError(f"{folder / 'histories'} has no history of a row of other_data.csv")
    print(to_markdown(rows))
    return rows


def row_cells(row: dict, folder: Path) -> dict:
    """What is said of a row of the file: mean and standard deviation over its runs; nothing if it has none."""
    runs = [History.from_csv(path) for path in sorted(folder.glob(f"{row['histories']}.csv"))]
    if not runs:
        return {}
    _, last, best = np.array([figures(run) for run in runs]).T
    return {
        "data": row["data"],
        "network": row["network"],
        "runs": f"{row['runs']}: {len(runs)}",
        "epochs": len(runs[0]),
        "last epoch (%)": mean_and_sd(last),
        "best on the test set (%)": mean_and_sd(best),
        "logistic regression (%)": row["linear_percent"] or "-",
        "paper (%)": row["paper_percent"],
    }


if __name__ == "__main__":
    argparse.ArgumentParser(description="Print the results on other data beside the paper's.").parse_args()
    try:
        main()
    except Hm2bpError as error:
        sys.exit(f"error: {error}")

"""Runs side by side: mean and standard deviation over the seeds of each recipe.

Run it with ``python analysis/compare_runs.py RUN [RUN ...]``; ``--out DIR`` keeps ``compare_runs.md``, ``.csv`` and
``.png`` there.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hm2bp_brian import plotting
from hm2bp_brian.errors import ConfigurationError, Hm2bpError
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.files import write_atomically
from hm2bp_brian.tables import to_csv, to_markdown
from hm2bp_brian.training.history import History


def main(run_dirs: Sequence, out=None) -> list[dict]:
    """Compare the runs, and print and return one row a recipe.

    Runs belong together if their recipes differ in the seed only.

    Parameters
    ----------
    run_dirs : sequence of path
    out : path, optional
        Folder for table and learning curves, made if need be.

    Returns
    -------
    list of dict
        ``recipe``, ``seeds``, ``epochs``, then mean and standard deviation (n - 1; NaN for one seed) of the test
        accuracy in percent after the last epoch, at its best, and in the epoch that held-out samples choose (NaN if a
        run has none), and of the seconds an epoch took to train.

    Raises
    ------
    ConfigurationError, DatasetError, FileNotFoundError
        If a folder holds no run, or one without history, or runs of one recipe differ in length.
    """
    groups = group_runs(run_dirs)
    rows = [{"recipe": name, "seeds": len(runs), "epochs": len(runs[0])} | figures(runs) for name, runs in groups]
    print(to_markdown(rows))
    if out is not None:
        out = Path(out)
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / "compare_runs.csv", to_csv(rows))
        write_atomically(out / "compare_runs.md", f"{to_markdown(rows)}\n".encode())
        picture = plotting.png(lambda ax: plotting.learning_curves(dict(groups), ax=ax))
        write_atomically(out / "compare_runs.png", picture)
    return rows


def group_runs(run_dirs: Sequence) -> list[tuple[str, list[History]]]:
    """Name and histories of each recipe; other recipes of the same name get a number behind it."""
    groups: dict[str, tuple[str, list[History]]] = {}
    for path in run_dirs:
        folder = RunFolder(path)
        recipe, history = folder.read_recipe(), History.from_csv(folder.history)
        key = dataclasses.replace(recipe, seed=0).to_toml()
        if key not in groups:
            same_name = sum(name.split(" ")[0] == recipe.name for name, _ in groups.values())
            groups[key] = (f"{recipe.name} ({same_name + 1})" if same_name else recipe.name, [])
        runs = groups[key][1]
        if not len(history) or (runs and len(runs[0]) != len(history)):
            raise ConfigurationError(
                f"{path}: runs of one recipe must have the same number of epochs, at least one; found "
                f"{[len(run) for run in [*runs, history]]}. Finish the shorter ones with 'hm2bp train {recipe.name} "
                "--resume'"
            )
        runs.append(history)
    if not groups:
        raise ConfigurationError("there is no run to compare; give one folder or several")
    return list(groups.values())


def figures(runs: list[History]) -> dict:
    """Means and standard deviations over the runs of one recipe."""
    test = 100 * np.array([run.column("test_accuracy") for run in runs])
    holdout = np.array([run.column("holdout_accuracy") for run in runs])
    chosen = np.full(len(runs), np.nan)
    if not np.isnan(holdout).any():
        chosen = test[np.arange(len(runs)), holdout.argmax(axis=1)]
    per_run = {
        "last_test_percent": test[:, -1],
        "best_test_percent": test.max(axis=1),
        "chosen_test_percent": chosen,
        "seconds_per_epoch": np.array([run.column("seconds").mean() for run in runs]),
    }
    row = {}
    for name, values in per_run.items():
        row[name] = float(values.mean())
        row[f"{name}_sd"] = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Mean and standard deviation over the seeds of each recipe.")
    parser.add_argument("run_dirs", nargs="+", metavar="RUN", help="folders that 'hm2bp train' made")
    parser.add_argument("--out", default=None, metavar="DIR", help="folder for table and learning curves")
    arguments = parser.parse_args()
    try:
        main(arguments.run_dirs, arguments.out)
    except (Hm2bpError, OSError) as error:
        sys.exit(f"error: {error}")

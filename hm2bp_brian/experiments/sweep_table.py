"""What the runs of a sweep came to: tables of all runs and of means over seeds, and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hm2bp_brian import plotting
from hm2bp_brian.errors import DatasetError
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.files import write_atomically
from hm2bp_brian.tables import to_csv, to_markdown
from hm2bp_brian.training.history import History

REPEATS = ("seed", "leave_out")  # what makes no other experiment


def read_history(folder: RunFolder) -> History:
    """The history of a run as far as it has come; empty if it has not finished an epoch, or the file is damaged."""
    try:
        return History.from_csv(folder.history)
    except (FileNotFoundError, DatasetError):
        return History()


def write_tables(out: Path, runs: Sequence, errors: Mapping[str, str]) -> list[dict]:
    """Write ``table.csv``, ``table.md`` and ``learning_curves.png`` of a sweep.

    Parameters
    ----------
    out : Path
        Of the sweep.
    runs : sequence of SweepRun
    errors : mapping of str to str
        What ended the runs that failed, by their names.

    Returns
    -------
    list of dict
        The rows of ``table.csv``, one a run: ``run``, what was varied, ``epochs`` that are finished, the accuracies
        after the last one (fractions), ``best_test_accuracy``, ``seconds`` of training, and ``error``, empty if it did
        not fail.
    """
    histories = {run.name: read_history(run.folder) for run in runs}
    rows = [_row(run, histories[run.name], errors.get(run.name, "")) for run in runs]
    write_atomically(out / "table.csv", to_csv(rows))
    write_atomically(out / "table.md", _markdown(runs, rows).encode())
    groups = {}
    for run in runs:
        if run.name not in errors:
            groups.setdefault(run.label(apart_from=REPEATS), []).append(histories[run.name])
    if groups:
        picture = plotting.png(lambda ax: plotting.learning_curves(groups, ax=ax))
        write_atomically(out / "learning_curves.png", picture)
    return rows


def _row(run, history: History, error: str) -> dict:
    last = history[-1] if len(history) else {}
    row = {"run": run.name} | run.varied | {"epochs": len(history)}
    row |= {name: last.get(name, np.nan) for name in ("train_accuracy", "test_accuracy")}
    if "holdout_accuracy" in last:
        row["holdout_accuracy"] = last["holdout_accuracy"]
    row["best_test_accuracy"] = np.max(history.column("test_accuracy"), initial=-np.inf) if last else np.nan
    return row | {"seconds": history.column("seconds").sum(), "error": error}


def _markdown(runs: Sequence, rows: Sequence[dict]) -> str:
    """Means over the seeds; then, if speakers were left out in turn, over them too; then what failed."""
    text = f"{to_markdown(_means(runs, rows, REPEATS[:1]))}\n"
    if len({row.get("leave_out") for row in rows}) > 1:
        text += f"\nOver all that was left out:\n\n{to_markdown(_means(runs, rows, REPEATS))}\n"
    failed = [f"* `{row['run']}`: {row['error']}\n" for row in rows if row["error"]]
    return text + (f"\nFailed, and in no mean:\n\n{''.join(failed)}" if failed else "")


def _means(runs: Sequence, rows: Sequence[dict], apart_from: tuple[str, ...]) -> list[dict]:
    """Mean and standard deviation (n - 1) of the test accuracy of runs that differ in some settings only."""
    groups: dict[tuple, list[dict]] = {}
    for run, row in zip(runs, rows, strict=True):
        key = tuple((name, value) for name, value in run.varied.items() if name not in apart_from)
        groups.setdefault(key, []).append(row)
    means = []
    for key, group in groups.items():
        finished = [row for row in group if not row["error"]]
        figures = {}
        for name in ("test_accuracy", "best_test_accuracy"):
            percent = 100 * np.array([row[name] for row in finished])
            figures[f"{name} (%)"] = float(percent.mean()) if len(percent) else float("nan")
            figures[f"{name} sd"] = float(percent.std(ddof=1)) if len(percent) > 1 else float("nan")
        means.append(dict(key) | {"runs": len(finished), "failed": len(group) - len(finished)} | figures)
    return means

"""How far the runs of a sweep are, read from their folders, wherever they are trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from hm2bp_brian.experiments.sweep_table import read_history


class SweepProgress:
    """A bar over the epochs of all runs, with the number of finished runs and the best test accuracy so far.

    Parameters
    ----------
    runs : sequence of SweepRun
    shown : bool
    """

    def __init__(self, runs: Sequence, shown: bool):
        self._runs = {run.name: run for run in runs}
        self._epochs = dict.fromkeys(self._runs, 0)
        self._changed = dict.fromkeys(self._runs, 0)
        self._best = {}
        self._bar = tqdm(total=sum(run.recipe.epochs for run in runs), desc="sweep", unit="epoch", disable=not shown)
        self._shown = shown

    def __enter__(self) -> SweepProgress:
        self.update()
        self._bar.initial = self._bar.n  # epochs of before are no speed
        return self

    def __exit__(self, *exception) -> None:
        self._bar.close()

    def update(self) -> None:
        """Look for new epochs."""
        if not self._shown:
            return
        for name, run in self._runs.items():
            self._read(name, run.folder)
        self._bar.n = sum(self._epochs.values())
        finished = sum(self._epochs[name] >= run.recipe.epochs for name, run in self._runs.items())
        words = f"{finished}/{len(self._runs)} runs"
        if self._best:
            name = max(self._best, key=self._best.get)
            words += f", best {self._best[name]:.4f} ({name})"
        self._bar.set_postfix_str(words)

    def _read(self, name: str, folder) -> None:
        try:
            changed = folder.history.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed == self._changed[name]:
            return
        history = read_history(folder)
        self._changed[name], self._epochs[name] = changed, len(history)
        self._best[name] = np.max(history.column("test_accuracy"), initial=0)

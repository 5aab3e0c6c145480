"""The folder of one run: recipe.toml, history.csv, checkpoint.npz, weights.npz and figures."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import platform
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import tomli_w

from hm2bp_brian import plotting
from hm2bp_brian.errors import ConfigurationError, RunFolderError
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.files import naming, remove_leftovers, write_atomically

PACKAGES = ("hm2bp_brian", "brian2", "numpy", "scipy")


class RunFolder:
    """Where a run keeps what it makes.

    Parameters
    ----------
    path : path
        It need not exist yet.

    Attributes
    ----------
    recipe, history, checkpoint, weights, figures : Path
        The files, and the folder of the figures.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.recipe = self.path / "recipe.toml"
        self.history = self.path / "history.csv"
        self.checkpoint = self.path / "checkpoint.npz"
        self.weights = self.path / "weights.npz"
        self.figures = self.path / "figures"
        self._lock = self.path / ".lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep other processes from training into it; a process that dies lets go of it.

        Raises
        ------
        RunFolderError
            If another process is training into the folder.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self._lock, "ab") as file:
            if not _lock(file):
                raise RunFolderError(
                    f"another process is training into {self.path}; wait until it has ended, or choose another folder "
                    "with --out"
                )
            remove_leftovers(self.path)
            remove_leftovers(self.figures)
            try:
                yield
            finally:
                self._lock.unlink(missing_ok=True)

    def check(self, recipe: Recipe, resume: bool, engine: str = "fused") -> None:
        """Refuse to mix two runs in one folder.

        Raises
        ------
        RunFolderError
            If the folder holds a run that is not to be resumed, or is a file.
        ConfigurationError
            If there is nothing to resume, or the recipe there differs in more than fewer ``epochs``, or the engine.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{self.path} is a file, but a run makes a folder; choose another name with --out")
        files = [file for file in (self.recipe, self.history, self.checkpoint) if file.exists()]
        if not resume:
            if files:
                raise RunFolderError(
                    f"{self.path} already holds a run ({files[0].name}); choose another folder with --out, or go on "
                    "with --resume"
                )
            return
        there = self.read_recipe()
        for field in dataclasses.fields(recipe):
            found, wanted = getattr(there, field.name), getattr(recipe, field.name)
            if found != wanted and not (field.name == "epochs" and wanted > found):
                raise ConfigurationError(
                    f"can't resume {self.path}: its run has {field.name} = {found!r}, this one {wanted!r}; give the "
                    "same arguments, or another --out"
                )
        run = tomllib.loads(self.recipe.read_text(encoding="utf-8")).get("run")
        trained_by = run.get("engine", engine) if isinstance(run, dict) else engine
        if trained_by != engine:
            raise ConfigurationError(
                f"can't resume {self.path}: its epochs were trained by engine '{trained_by}', found '{engine}'; give "
                f"--engine {trained_by}, or another --out"
            )

    def write_recipe(self, recipe: Recipe, **run) -> None:
        """Make the folder and write the recipe, facts of the run (such as engine and samples) and versions."""
        self.path.mkdir(parents=True, exist_ok=True)
        run["versions"] = {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
        write_atomically(self.recipe, f"{recipe.to_toml()}\n{tomli_w.dumps({'run': run})}".encode())

    def read_recipe(self) -> Recipe:
        """The recipe of the run in this folder; ConfigurationError if there is none."""
        if not self.recipe.exists():
            raise ConfigurationError(f"{self.path} holds no run: there is no {self.recipe.name}")
        try:
            return Recipe.from_toml(self.recipe.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigurationError(f"{self.recipe}: {error}") from error

    def draw(self, evaluator, history, dataset) -> None:
        """Draw the learning curve, and what the first image of a data set does in the network."""
        self.figures.mkdir(exist_ok=True)
        network, record = evaluator.network, evaluator.record(dataset, 0)
        output, label = len(network.layers) - 1, int(dataset.labels[0])
        self._draw("learning_curve", lambda ax: plotting.learning_curve(history, ax=ax))
        self._draw("raster", lambda ax: plotting.raster(network, record, ax=ax))
        if not network.chain[output].delays.longest:  # which S-PSPs of single pairs are given without
            self._draw("spsp_map", lambda ax: plotting.spsp_map(network, record, output, label, ax=ax))

    def _draw(self, name: str, draw) -> None:
        write_atomically(self.figures / f"{name}.png", plotting.png(draw))


def _lock(file) -> bool:
    """Lock a file if no other process has; a lock on what its last holder has removed since is none."""
    try:
        with naming(file.name):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), os.stat(file.name))
    except (BlockingIOError, FileNotFoundError):
        return False

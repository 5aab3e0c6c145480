"""One run of a sweep, and training it in whatever process the sweep has sent it to."""

from __future__ import annotations

import hashlib
import platform
import re
import traceback
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hm2bp_brian.errors import Hm2bpError, RunFolderError
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.experiments.training_run import train_run
from hm2bp_brian.files import write_atomically
from hm2bp_brian.training.callbacks import Callback
from hm2bp_brian.training.cluster import check_version

LONGEST_NAME = 120  # characters; file systems take some 255
UNSAFE = re.compile(r"[^\w.=,+-]+")


@dataclass(frozen=True, eq=False)
class SweepRun:
    """One combination of what a sweep varies.

    Parameters
    ----------
    out : Path
        Folder of the sweep.
    recipe : Recipe
        With the varied settings.
    varied : mapping of str to object
        Values of the settings that the sweep varies.
    """

    out: Path
    recipe: Recipe
    varied: Mapping[str, object]

    def label(self, apart_from: tuple[str, ...] = ()) -> str:
        """The varied settings in words; the recipe's name if there is none."""
        parts = [f"{name}={_in_words(value)}" for name, value in self.varied.items() if name not in apart_from]
        return ",".join(parts) or self.recipe.name

    @cached_property
    def name(self) -> str:
        """The label as a file may be called; where that is another text, a sum of the label tells it from others."""
        label = self.label()
        safe = UNSAFE.sub("_", label)[:LONGEST_NAME]
        return safe if safe == label else f"{safe}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"

    @property
    def folder(self) -> RunFolder:
        """Where the run is trained into."""
        return RunFolder(self.out / self.name)


def _in_words(value) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True)
class SweepToken:
    """A file that is there as long as the sweep is; it is another one for each sweep.

    By it a worker knows that it sees the sweep's folder, and that somebody waits for the run.

    Parameters
    ----------
    path : Path
    text : str
    """

    path: Path
    text: str

    @classmethod
    @contextmanager
    def of(cls, out: Path) -> Iterator[SweepToken]:
        """The token of a new sweep into a folder, which is made."""
        token = cls(out / ".sweep", uuid.uuid4().hex)
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(token.path, token.text.encode())
        try:
            yield token
        finally:
            if token.is_there():
                token.path.unlink(missing_ok=True)

    def is_there(self) -> bool:
        """Whether this process sees the file."""
        try:
            return self.path.read_text() == self.text
        except FileNotFoundError:
            return False


class EndWithSweep(Callback):
    """Ends a run, after an epoch, that no sweep waits for any more.

    Parameters
    ----------
    token : SweepToken
    """

    def __init__(self, token: SweepToken):
        self.token = token

    def on_epoch_end(self, trainer, row):
        return not self.token.is_there()


def train_in_sweep(run: SweepRun, token: SweepToken, package_version: str, data, engine: str, threads: int):
    """Train a run, or go on with it.

    Returns
    -------
    str or None
        What went wrong; nothing is raised, so that it can be told wherever it happened.
    """
    try:
        check_version(package_version)
        if not token.is_there():
            raise RunFolderError(
                f"{platform.node()} does not see the sweep in {token.path.parent}: workers need the sweep's folder on "
                "a disk that they share, under the same path"
            )
        folder, end = run.folder, EndWithSweep(token)
        resume = folder.recipe.exists()
        history = train_run(
            run.recipe, folder, data=data, engine=engine, threads=threads, resume=resume, callbacks=[end]
        )
        if not token.is_there():
            raise RunFolderError(f"the sweep into {token.path.parent} has ended; epoch {len(history)} is kept")
    except Exception as error:
        if not isinstance(error, Hm2bpError | OSError | MemoryError):
            traceback.print_exc()  # a fault of the package's, for the worker's log
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None

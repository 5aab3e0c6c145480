"""Corpora of many small files, in a folder tree or in a zip that stays packed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from hm2bp_brian.datasets.archives import Members
from hm2bp_brian.datasets.fetch import download, fetch
from hm2bp_brian.errors import DatasetError

MAX_FILE_SIZE = 8 * 2**20  # an utterance is smaller
ZIP = ""  # a zip's name among the files, where those of a tree have their paths below it


@dataclass(frozen=True)
class Corpus:
    """A `hm2bp_brian.datasets.fetch.Source` of many files, in a tree or in one zip.

    Parameters
    ----------
    name : str
        Name of the loader and of the data set's folder.
    subfolders : tuple of str
        Where the corpus may lie below a folder of the user's.
    pattern : str
        Regular expression, whatever the case, of the paths of its files below that, with ``/`` between the parts.
    archive : str or None
        Pattern of the names of zips that may hold the files instead, such as ``"*.zip"``.
    expected : str
        The files, for messages.
    addresses : tuple of str
        Of a zip that may be downloaded.
    sha256 : str or None
        See `content_hash`; what a download must have.
    """

    name: str
    subfolders: tuple[str, ...]
    pattern: str
    archive: str | None
    expected: str
    addresses: tuple[str, ...] = ()
    sha256: str | None = None
    bundled: None = None

    def open(self, data: str | os.PathLike | None = None) -> Members:
        """The files, found or downloaded as `hm2bp_brian.datasets.fetch.fetch` does; ``data`` may be the zip itself."""
        name, path = next(iter(fetch(self, data).items()))
        # any file of a tree tells where the tree begins
        return self._members(path if name == ZIP else path.parents[name.count("/")])

    def look(self, folder: Path) -> dict[str, Path] | None:
        """The path of each file, by its path below the folder; or of a zip, the folder itself or in it; or None."""
        zips = sorted(folder.glob(self.archive)) if self.archive else []
        for path in (folder, *zips):
            with self._members(path) as members:
                if members.names:
                    return {name: path / name for name in members.names} if path.is_dir() else {ZIP: path}
        return None

    def fill(self, folder: Path) -> dict[str, Path]:
        """Download the zip."""
        return {ZIP: download(self, self.addresses, folder / f"{self.name}.zip", self._check)}

    def _members(self, path: Path) -> Members:
        return Members(path, self.pattern, MAX_FILE_SIZE)

    def _check(self, arrived: Path) -> None:
        with self._members(arrived) as members:
            if not members.names:
                raise DatasetError("the downloaded zip holds no file of this corpus")
            found = content_hash(members)
        if found != self.sha256:
            raise DatasetError(f"expected files with the sha256 {self.sha256}, found {found}")


def content_hash(members: Members) -> str:
    """sha256 of the files' names, without folders, and contents, sorted by name: however they are packed."""
    digest = hashlib.sha256()
    for path in sorted(members.names, key=_base_name):
        digest.update(_base_name(path).encode() + hashlib.sha256(members.read(path)).digest())
    return digest.hexdigest()


def _base_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]

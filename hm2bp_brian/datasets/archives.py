"""Data sets that are published as archives: read where they lie, never unpacked to disk."""

from __future__ import annotations

import hashlib
import math
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hm2bp_brian.datasets.fetch import download
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError


@dataclass(frozen=True)
class Archives:
    """A `hm2bp_brian.datasets.fetch.Source` of files that are kept as they are published.

    Parameters
    ----------
    name : str
        Name of the loader and of the data set's folder.
    published : mapping of str to (str, str)
        Address and md5 sum of each file, by the name that it gets in the cache.
    subfolders : tuple of str
        Where the files may lie below a folder of the user's.
    expected : str
        The files, for messages.
    look : callable
        Finds the data set's files in a folder: a dict of paths, or None.
    """

    name: str
    published: Mapping[str, tuple[str, str]]
    subfolders: tuple[str, ...]
    expected: str
    look: Callable[[Path], dict[str, Path] | None]
    bundled: None = None

    def fill(self, folder: Path) -> dict[str, Path]:
        """Download the files that the folder lacks."""
        for file, (url, md5) in self.published.items():
            if not (folder / file).is_file():
                download(self, [url], folder / file, lambda arrived, md5=md5: check_file_md5(arrived, md5))
        files = self.look(folder)
        if files is None:
            raise DatasetNotFoundError(f"{folder}: expected {self.expected}; delete what is there, it is not that")
        return files


def check_file_md5(path: Path, expected: str) -> None:
    """Raise DatasetError unless a file has the expected md5 sum."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != expected:
        raise DatasetError(f"expected a file with md5 {expected}, found {found}; it is another file or damaged")


class Members:
    """Files in a zip or below a folder, by their path with slashes; a context manager.

    A zip's members are read into memory only, so what their names are can do no harm; those that don't fit the pattern
    are passed over, and so are those with a part that begins with a dot: hidden files, ``..``, macOS's ``._name``.

    Parameters
    ----------
    path : Path
        A zip file, or a folder, which may be absent.
    pattern : str
        Regular expression of the paths of the files in it, whatever the case.
    max_size : int, optional
        Largest file, in bytes, that is read; a zip may claim anything.

    Attributes
    ----------
    names : list of str

    Raises
    ------
    DatasetError
        If a file is no zip, or damaged.
    """

    def __init__(self, path: Path, pattern: str, max_size: float = math.inf):
        self.path = path
        self.max_size = max_size
        self._zip = None
        if path.is_file():
            with _damage_named(path):
                self._zip = zipfile.ZipFile(path)
        names = self._zip.NameToInfo if self._zip else _files_below(path)
        fits = re.compile(pattern, re.IGNORECASE)
        self.names = [name for name in names if fits.fullmatch(name) and "/." not in f"/{name}"]

    def size(self, name: str) -> int:
        """Bytes of one of the files."""
        return self._zip.getinfo(name).file_size if self._zip else (self.path / name).stat().st_size

    def read(self, name: str) -> bytes:
        """Content of one of the files; DatasetError if it is damaged or too large."""
        if (size := self.size(name)) > self.max_size:
            raise DatasetError(f"{self.path}/{name}: expected a file of at most {self.max_size} bytes, found {size}")
        if self._zip is None:
            return (self.path / name).read_bytes()
        with _damage_named(f"{self.path}/{name}"):
            return self._zip.read(name)

    def __enter__(self) -> Members:
        return self

    def __exit__(self, *exception) -> None:
        if self._zip is not None:
            self._zip.close()


def _files_below(folder: Path) -> Iterator[str]:
    for parent, _, files in os.walk(folder):
        for file in files:
            yield (Path(parent) / file).relative_to(folder).as_posix()


class _damage_named:
    """Turns the many exceptions of a damaged zip into a DatasetError that names the file."""

    def __init__(self, name: str | os.PathLike):
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, traceback) -> None:
        # RuntimeError: encrypted; NotImplementedError, of the same family: unknown compression
        if isinstance(error, zipfile.BadZipFile | zlib.error | EOFError | RuntimeError | OSError | ValueError):
            raise DatasetError(
                f"{self.name}: expected a whole zip file, found one that can't be read ({error}). It is truncated, "
                "damaged or encrypted; delete it and fetch it again"
            ) from error

"""Data sets that are published as gzipped IDX files, one by one, as MNIST is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hm2bp_brian.datasets.fetch import download, file_in
from hm2bp_brian.datasets.idx import uncompressed
from hm2bp_brian.errors import DatasetError


@dataclass(frozen=True)
class IdxFiles:
    """A `hm2bp_brian.datasets.fetch.Source` of IDX files.

    Parameters
    ----------
    name : str
        Name of the loader and of the data set's folder, such as ``"fashion_mnist"``.
    md5 : mapping of str to str
        md5 sum of the **uncompressed** content of each file, by its name without ``.gz``.
    addresses : tuple of str
        Addresses to which ``<file>.gz`` is appended, tried in turn.
    torchvision_name : str
        Folder that torchvision keeps the same files in, below the folder it is given.
    bundled : Path or None
        Folder of a copy that comes with the source code.
    """

    name: str
    md5: Mapping[str, str]
    addresses: tuple[str, ...]
    torchvision_name: str
    bundled: Path | None = None

    @property
    def expected(self) -> str:
        """The files, for messages."""
        return ", ".join(f"{file}[.gz]" for file in self.md5)

    @property
    def subfolders(self) -> tuple[str, ...]:
        """Subfolders first: MNIST and Fashion-MNIST have the same file names, so the folder's name decides."""
        return (self.name, f"{self.torchvision_name}/raw", "raw", "")

    def look(self, folder: Path) -> dict[str, Path] | None:
        """The path of each file, plain or ``.gz``, by its name without ``.gz``; None if they are not all there."""
        files = {file: file_in(folder, file) for file in self.md5}
        return files if all(files.values()) else None

    def fill(self, folder: Path) -> dict[str, Path]:
        """Download the files that the folder lacks."""
        return {file: file_in(folder, file) or self._download(file, folder / f"{file}.gz") for file in self.md5}

    def _download(self, file: str, target: Path) -> Path:
        def check(arrived: Path) -> None:
            check_md5(uncompressed(arrived.read_bytes(), "the download"), self.md5[file], "the download")

        return download(self, [f"{address}{file}.gz" for address in self.addresses], target, check)


def check_md5(content: bytes, expected: str, name: object) -> None:
    """Raise DatasetError unless the uncompressed content of a file has the expected md5 sum."""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected:
        raise DatasetError(
            f"{name}: expected content with md5 {expected}, found {found}. This is another data set or a damaged copy; "
            "files of your own can be read with hm2bp_brian.datasets.read_idx"
        )

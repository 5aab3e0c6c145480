"""Data sets that are a few known .npz files, put into a folder by hand."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hm2bp_brian.datasets.fetch import download
from hm2bp_brian.errors import DatasetError


@dataclass(frozen=True)
class NpzFiles:
    """A `hm2bp_brian.datasets.fetch.Source` of .npz files whose bytes are known.

    Parameters
    ----------
    name : str
        Name of the loader and of the data set's folder.
    sha256 : mapping of str to str
        sha256 sum of each file, by its name.
    subfolders : tuple of str
        Where the files may lie below a folder of the user's.
    """

    name: str
    sha256: Mapping[str, str]
    subfolders: tuple[str, ...]
    bundled: None = None

    @property
    def expected(self) -> str:
        """The files, for messages."""
        return ", ".join(self.sha256)

    def look(self, folder: Path) -> dict[str, Path] | None:
        """The path of each file by its name; None if they are not all there."""
        files = {file: folder / file for file in self.sha256}
        return files if all(path.is_file() for path in files.values()) else None

    def fill(self, folder: Path) -> dict[str, Path]:
        """Raise DatasetNotFoundError: the files have no address to download them from."""
        files = {file: folder / file for file in self.sha256}
        return self.look(folder) or {file: download(self, (), path, check=None) for file, path in files.items()}

    def read(self, path: Path) -> dict[str, np.ndarray]:
        """The arrays of one of the files; DatasetError unless its bytes are those that are known.

        Nothing else has to be checked then: what is in the arrays is known, too.
        """
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256[path.name]:
            raise DatasetError(
                f"{path}: expected a file with sha256 {self.sha256[path.name]}, found {found}. It is another file or "
                "a damaged copy; images of your own become a data set by hm2bp_brian.datasets.ImageDataset, spikes by "
                "SpikeDataset"
            )
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)

"""Reading .npz files that may be damaged: what an array claims to be is known before it is unpacked."""

from __future__ import annotations

import io
import math
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

READ_HEADER = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
SMALL = 2**20  # bytes that an array may unpack to however well it is packed


@dataclass(frozen=True)
class ArrayHeader:
    """What an array in a file claims to be; ``length`` is that of the header itself, in bytes."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype
    length: int

    @property
    def size(self) -> int:
        """Bytes of header and values."""
        return self.length + math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"


class ArrayFile:
    """An .npz file without pickled objects, of which no array has been unpacked yet.

    Parameters
    ----------
    path : path
    kind : str
        What the file should be, for the error messages: "checkpoint".
    error : class
        Of those errors.

    Attributes
    ----------
    headers : dict
        An ArrayHeader for each array, by name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    error
        If it is no .npz file, or damaged.
    """

    def __init__(self, path, kind: str, error: type[Exception]):
        self.path, self.kind, self.error = Path(path), kind, error
        content = self.path.read_bytes()
        self.largest_free = max(len(content), SMALL)
        self.headers: dict[str, ArrayHeader] = {}
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
            for member in self._archive.infolist():
                self.headers[member.filename.removesuffix(".npy")] = self._header(member)
        except error:
            raise
        except Exception as cause:  # zipfile and numpy raise many unrelated classes for damaged files
            raise self._damaged(_in_words(cause)) from cause

    def read(self, name: str) -> np.ndarray:
        """Unpack an array; its header has been found to be what is wanted, or ``check_free`` has been called."""
        header = self.headers[name]
        try:
            content = self._archive.read(f"{name}.npy")
        except Exception as cause:  # as above
            raise self._damaged(_in_words(cause)) from cause
        values = np.frombuffer(content, header.dtype, math.prod(header.shape), header.length)
        return values.reshape(header.shape, order="F" if header.fortran_order else "C").copy()

    def check_free(self, name: str) -> None:
        """Refuse to unpack an array of any length that is far larger than the file: this package doesn't pack it."""
        if (size := self.headers[name].size) > self.largest_free:
            raise self._damaged(f"'{name}' would unpack to {size:,} bytes")

    def _header(self, member: zipfile.ZipInfo) -> ArrayHeader:
        name = member.filename
        if not name.endswith(".npy") or name.removesuffix(".npy") in self.headers:
            raise self._damaged(f"'{name}' is no array, or there twice")
        with self._archive.open(member) as file, warnings.catch_warnings():
            warnings.simplefilter("error")  # a header that numpy has to guess is a damaged one
            read_header = READ_HEADER[npy.read_magic(file)]
            header = ArrayHeader(*read_header(file), file.tell())
        if header.dtype.hasobject or not header.dtype.itemsize or min(header.shape, default=0) < 0:
            raise self._damaged(f"'{name}' holds {header}")
        if header.size != member.file_size:
            raise self._damaged(f"'{name}' holds {header}, {header.size} bytes, but has {member.file_size}")
        return header

    def _damaged(self, reason: str) -> Exception:
        return self.error(f"{self.path} is no {self.kind}, or corrupt: {reason}")


def _in_words(cause: Exception) -> str:
    return re.sub("Bad CRC-32 for file '(.*)'", r"the checksum of \1 is wrong", str(cause)) or type(cause).__name__

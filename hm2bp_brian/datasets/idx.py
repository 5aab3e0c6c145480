"""IDX files, the format of MNIST: a header with type and dimensions, then the values, all big-endian."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from hm2bp_brian.errors import DatasetError, DatasetNotFoundError

GZIP_MAGIC = b"\x1f\x8b"
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_DIMENSIONS = 32


def read_idx(file: str | os.PathLike | bytes) -> np.ndarray:
    """Read an IDX file.

    Parameters
    ----------
    file : path or bytes
        The file or its content, plain or compressed by gzip (told apart by the content, not by the name).

    Returns
    -------
    array
        Of the file's dimensions and type (uint8, int8, int16, int32, float32 or float64), in native byte order.

    Raises
    ------
    DatasetNotFoundError
        If there is no such file, or it can't be opened.
    DatasetError
        If the content is truncated, too long, empty or no IDX; the message names the file, what was expected and
        what was found.

    Examples
    --------
    >>> hb.datasets.read_idx(b"\\0\\0\\x08\\x01" + b"\\0\\0\\0\\x03" + b"\\x05\\x00\\x04")  # three uint8
    array([5, 0, 4], dtype=uint8)
    """
    if isinstance(file, bytes):
        return parse_idx(uncompressed(file, "<bytes>"), "<bytes>")
    return parse_idx(read_uncompressed(file), file)


def read_uncompressed(path: str | os.PathLike) -> bytes:
    """Read a file, plain or compressed by gzip."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DatasetNotFoundError(f"{path}: can't be read ({error.strerror}); give the path of an IDX file") from error
    return uncompressed(content, path)


def uncompressed(content: bytes, name: object) -> bytes:
    """Undo gzip if ``content`` is compressed; ``name`` is only for the messages."""
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise DatasetError(
            f"{name}: expected a whole gzip file, found {len(content)} bytes that can't be unpacked ({error}). "
            "The file is truncated or damaged; delete it and fetch it again"
        ) from error


def parse_idx(content: bytes, name: object) -> np.ndarray:
    """Make an array of the (uncompressed) content of an IDX file; ``name`` is only for the messages."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES:
        raise DatasetError(
            f"{name}: no IDX file; expected a first word 00 00 <type> <dimensions> with type one of "
            f"{', '.join(f'{code:02x}' for code in TYPES)}, found {content[:4].hex(' ') or 'nothing'}"
        )
    dtype, n_dimensions = np.dtype(TYPES[content[2]]), content[3]
    if not 1 <= n_dimensions <= MAX_DIMENSIONS:
        raise DatasetError(f"{name}: expected 1 to {MAX_DIMENSIONS} dimensions, found {n_dimensions}")
    header_size = 4 + 4 * n_dimensions
    if len(content) < header_size:
        raise DatasetError(f"{name}: expected a header of {header_size} bytes, found only {len(content)} bytes")
    shape = struct.unpack(f">{n_dimensions}I", content[4:header_size])
    if 0 in shape:
        raise DatasetError(f"{name}: expected values, found an empty array of shape {shape}")
    size = header_size + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if len(content) != size:
        problem = "truncated" if len(content) < size else "followed by other bytes"
        raise DatasetError(
            f"{name}: expected {size} bytes for shape {shape} of {dtype.name}, found {len(content)}; "
            f"the file is {problem}"
        )
    return np.frombuffer(content, dtype, offset=header_size).reshape(shape).astype(dtype.newbyteorder("="))

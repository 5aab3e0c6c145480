"""Writing files so that nothing half-written is ever seen, nor lost once it has been written."""

from __future__ import annotations

import errno
import io
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


def write_atomically(path, content: bytes) -> None:
    """Write a file under a temporary name beside ``path`` and rename it, so that no half-written file is ever seen.

    The file is on the disk, not in the system's memory only, before it replaces an older one.

    Raises
    ------
    OSError
        If it can't be written, such as on a full disk; it names ``path``, and an older file stays as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    with naming(path):
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)


def write_arrays(path, arrays: dict[str, np.ndarray], compressed: bool = False) -> None:
    """Write arrays as an .npz file by ``write_atomically``."""
    content = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(content, **arrays)
    write_atomically(path, content.getvalue())


def remove_leftovers(folder) -> None:
    """Remove the temporary files of ``write_atomically`` that killed processes left; none must be writing there."""
    for temporary in Path(folder).glob(f".*.{'[0-9a-f]' * 32}.tmp"):
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path) -> Iterator[None]:
    """Let an OSError tell the file that the user knows; those of a full disk or of a lock name none."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # of the class that goes with the number


def _sync_folder(folder: Path) -> None:
    """Put the names of a folder's files on the disk, where the file system can do so."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)

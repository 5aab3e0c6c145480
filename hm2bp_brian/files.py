"""Writing files so that nothing half-written is ever seen."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np


def write_atomically(path, content: bytes) -> None:
    """Write a file under a temporary name beside ``path`` and rename it, so that no half-written file is ever seen."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_arrays(path, arrays: dict[str, np.ndarray], compressed: bool = False) -> None:
    """Write arrays as an .npz file by ``write_atomically``."""
    content = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(content, **arrays)
    write_atomically(path, content.getvalue())

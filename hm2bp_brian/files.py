"""Writing files so that nothing half-written is ever seen."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path, content: bytes) -> None:
    """Write a file under a temporary name beside ``path`` and rename it, so that no half-written file is ever seen."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)

"""The folder in which Brian2 writes and compiles a program, for one engine at a time."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from brian2.utils.filelock import FileLock, Timeout

from hm2bp_brian.errors import EngineError


class BuildFolder:
    """A folder that no other engine, in this or another process, uses as long as this object exists.

    Parameters
    ----------
    path : path, optional
        It is made if needed, and stays. Without it a temporary folder is made, that goes with this object.

    Raises
    ------
    EngineError
        If the folder is in use.
    """

    def __init__(self, path=None):
        if path is None:
            self.path = Path(tempfile.mkdtemp(prefix="hm2bp_brian_"))
            weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
            return
        self.path = Path(path).resolve()
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(self.path / "in_use.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise EngineError(
                f"the build folder {self.path} is in use by another engine or process; name another one in "
                "set_device(..., directory=...), or none for a temporary one"
            ) from error
        weakref.finalize(self, lock.release)

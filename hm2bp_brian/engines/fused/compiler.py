"""Compile C++ once, keep it in a cache folder, load it.

A library is called ``KEY-SUM.so``: what it was compiled from, and the sum of its bytes. One renaming puts both in
place, so that a damaged file is known before it is loaded. Of any number of processes that need the same one compiles,
and the others wait for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from hm2bp_brian.cache import ENVIRONMENT_VARIABLE, cache_folder
from hm2bp_brian.errors import CompilationError
from hm2bp_brian.files import write_atomically

KERNELS = Path(__file__).parent / "kernels"
# No fast-math: results are the same on every machine, and linking it would switch denormals off for the process.
FLAGS = "-std=c++17 -O3 -march=native -ffp-contract=off -fno-math-errno -fno-trapping-math -fPIC -shared -pthread"
FULL = {errno.ENOSPC: "No space left on device", errno.EDQUOT: "Disk quota exceeded"}  # as compilers say it
STALE = 24 * 3600.0  # seconds after which nobody compiles in a temporary folder any more
OTHER_FOLDER = f"name another folder in the environment variable {ENVIRONMENT_VARIABLE}"


@cache
def _compiler() -> tuple[str, ...]:
    command = shlex.split(os.environ.get("CXX", "c++"))
    if shutil.which(command[0]) is None:
        raise CompilationError(
            f"no C++ compiler: '{command[0]}' is not found. Install one (Debian, Ubuntu: g++; macOS: the Xcode command "
            "line tools) or name it in the environment variable CXX; engine='brian2' works without"
        )
    return tuple(command)


@cache
def _machine() -> str:
    """What the compiler knows of this processor: a compiled file must not be used on another one."""
    command = [*_compiler(), "-march=native", "-dM", "-E", "-x", "c++", os.devnull]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _vector_width() -> list[str]:
    # gcc prefers half vectors on some processors that have whole ones
    return ["-mprefer-vector-width=512"] if "__AVX512F__" in _machine() else []


@cache
def load(source: str, what: str) -> ctypes.CDLL:
    """Compile a C++ source, unless it was compiled before, and load it.

    With ``HM2BP_KEEP_SOURCE=1`` in the environment the source stays beside the library, and its path is said.

    Parameters
    ----------
    source : str
        It may include the headers of ``kernels/``.
    what : str
        What the source is made from, for messages.

    Raises
    ------
    CompilationError
        If there is no compiler or it refuses the source, its first error being shown; or if the cache folder can't be
        written, is full, or may not hold programs.
    """
    headers = "".join(path.read_text() for path in sorted(KERNELS.glob("*.hpp")))
    key = _sum("\n".join([source, headers, FLAGS, *_compiler(), _machine()]).encode())
    folder = cache_folder() / "kernels"
    try:
        if os.environ.get("HM2BP_KEEP_SOURCE") == "1":
            _keep_source(source, folder / f"{key}.cpp", what)
        library = _compiled(folder, key)
        if library is None:
            folder.mkdir(parents=True, exist_ok=True)
            with _one_at_a_time(key):
                library = _compiled(folder, key) or _compile(source, folder, key, what)
    except OSError as error:
        raise CompilationError(
            f"{what} can't be compiled in {folder}: {error}. Let it be writable and have room, or {OTHER_FOLDER}"
        ) from error
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise CompilationError(
            f"{what} can't be loaded: {error}. If programs may not run from {folder} (mount option noexec), "
            f"{OTHER_FOLDER}"
        ) from error


def load_together(*sources: tuple[str, str]) -> list[ctypes.CDLL]:
    """`load` pairs of a source and what it is made from, compiling them at the same time."""
    with ThreadPoolExecutor(len(sources)) as pool:
        return list(pool.map(load, *zip(*sources, strict=True)))


def _compiled(folder: Path, key: str) -> Path | None:
    return next(filter(_is_whole, folder.glob(f"{key}-*.so")), None)


@contextlib.contextmanager
def _one_at_a_time(key: str) -> Iterator[None]:
    """Let other processes that would compile the same wait; one that dies lets go."""
    locks = cache_folder() / "kernels.locks"
    locks.mkdir(exist_ok=True)
    with open(locks / key[:2], "ab") as file:  # some keys share one, so that there are few
        with contextlib.suppress(OSError):  # on a disk without locks several compile the same, which does no harm
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _is_whole(library: Path) -> bool:
    """Whether its bytes are those that were compiled: loading a damaged file can end the process."""
    return library.stem.endswith(f"-{_sum(library.read_bytes())}")


def _keep_source(source: str, path: Path, what: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, source.encode())
    print(f"hm2bp_brian: {path} is {what}", file=sys.stderr, flush=True)


def _compile(source: str, folder: Path, key: str, what: str) -> Path:
    """Compile into the folder and return the library's path."""
    print(f"hm2bp_brian: compiling {what} (once; a few seconds)", file=sys.stderr, flush=True)
    _remove_stale(folder)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        output = _run_compiler(source, Path(temporary), what)
        library = folder / f"{key}-{_sum(output.read_bytes())}.so"
        os.replace(output, library)
    return library


def _remove_stale(folder: Path) -> None:
    """Remove the temporary folders of processes that were killed while compiling."""
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process may remove it, too
            if path.is_dir() and time.time() - path.stat().st_mtime > STALE:
                shutil.rmtree(path, ignore_errors=True)


def _run_compiler(source: str, folder: Path, what: str) -> Path:
    path, output = folder / "kernels.cpp", folder / "kernels.so"
    path.write_text(source, encoding="utf-8")
    command = [*_compiler(), *FLAGS.split(), *_vector_width(), f"-I{KERNELS}", str(path), "-o", str(output)]
    # its messages are searched, hence in English; its own temporary files go where ours are removed
    environment = os.environ | {"LC_ALL": "C", "TMPDIR": str(folder)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        for number, message in FULL.items():
            if message in result.stderr:
                raise OSError(number, message)
        errors = [line for line in result.stderr.splitlines() if "error" in line] or result.stderr.splitlines()
        first = errors[0] if errors else "no message"
        raise CompilationError(f"the C++ compiler refused {what}\nfirst error: {first}\ncommand: {command[0]}")
    return output

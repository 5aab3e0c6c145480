"""Compile C++ once, keep it in a cache folder, load it."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pooch

from hm2bp_brian.errors import CompilationError

KERNELS = Path(__file__).parent / "kernels"
# No fast-math: results are the same on every machine, and linking it would switch denormals off for the process.
FLAGS = "-std=c++17 -O3 -march=native -ffp-contract=off -fno-math-errno -fno-trapping-math -fPIC -shared -pthread"


def cache_folder() -> Path:
    """Folder that holds compiled kernels: below ``HM2BP_CACHE`` if set, else the user's cache folder."""
    return Path(os.environ.get("HM2BP_CACHE", pooch.os_cache("hm2bp_brian"))) / "kernels"


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

    Parameters
    ----------
    source : str
        It may include the headers of ``kernels/``.
    what : str
        What the source is made from, for messages.

    Raises
    ------
    CompilationError
        If there is no compiler or it refuses the source; its first error is shown.
    """
    headers = "".join(path.read_text() for path in sorted(KERNELS.glob("*.hpp")))
    key = "\n".join([source, headers, FLAGS, *_compiler(), _machine()])
    library = cache_folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.so"
    if not library.exists():
        _compile(source, library, what)
    return ctypes.CDLL(str(library))


def _compile(source: str, library: Path, what: str) -> None:
    print(f"hm2bp_brian: compiling {what} (once; a few seconds)", file=sys.stderr, flush=True)
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        path, output = Path(folder) / "kernels.cpp", Path(folder) / "kernels.so"
        path.write_text(source)
        command = [*_compiler(), *FLAGS.split(), *_vector_width(), f"-I{KERNELS}", str(path), "-o", str(output)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            errors = [line for line in result.stderr.splitlines() if "error" in line] or result.stderr.splitlines()
            first = errors[0] if errors else "no message"
            raise CompilationError(f"the C++ compiler refused {what}\nfirst error: {first}\ncommand: {command[0]}")
        os.replace(output, library)

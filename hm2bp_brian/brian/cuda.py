"""What brian2cuda needs to compile with present CUDA toolkits: a language standard, and cuRAND where it is."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from brian2 import prefs

from hm2bp_brian.errors import ConfigurationError

BACKEND = "devices.cuda_standalone.cuda_backend"
# brian2cuda asks for C++11; the headers of CUDA 13 need C++17. Fast maths and fused operations would change spikes.
NVCC_FLAGS = ["-w", "-std=c++17", "--fmad=false"]
HOST_FLAGS = ["-w", "-O3", "-std=c++17", "-ffp-contract=off"]


def cuda_preferences(folder: Path) -> dict:
    """Brian2 preferences for a CUDA program that is built in a folder.

    Raises
    ------
    ConfigurationError
        If there is no nvcc, or no cuRAND.
    """
    cuda = find_cuda()
    values = {
        f"{BACKEND}.cuda_path": str(cuda),
        f"{BACKEND}.extra_compile_args_nvcc": list(NVCC_FLAGS),
        "codegen.cpp.extra_compile_args_gcc": list(HOST_FLAGS),
    }
    if (cuda / "include" / "curand.h").exists():
        return values
    include, library = find_curand_package(cuda)
    link = folder / "libcurand.so"  # the name that the linker looks for; the package has only libcurand.so.10
    link.unlink(missing_ok=True)
    link.symlink_to(library)
    values[f"{BACKEND}.extra_compile_args_nvcc"].append(f"-I{include}")
    values["codegen.cpp.library_dirs"] = [*prefs["codegen.cpp.library_dirs"], str(folder)]
    values["codegen.cpp.extra_link_args"] = [*prefs["codegen.cpp.extra_link_args"], f"-Wl,-rpath,{library.parent}"]
    return values


def find_cuda() -> Path:
    """Folder of the CUDA toolkit: that of brian2cuda's preference, of ``CUDA_PATH``, or of the nvcc on the path."""
    nvcc = shutil.which("nvcc")
    found = prefs[f"{BACKEND}.cuda_path"] if f"{BACKEND}.cuda_path" in prefs else None
    found = found or os.environ.get("CUDA_PATH") or (Path(nvcc).resolve().parents[1] if nvcc else "/usr/local/cuda")
    cuda = Path(found).expanduser()
    if not (cuda / "bin" / "nvcc").exists():
        raise ConfigurationError(
            f"there is no CUDA compiler {cuda}/bin/nvcc: install NVIDIA's CUDA toolkit, and name its folder in "
            f"prefs.{BACKEND}.cuda_path or the environment variable CUDA_PATH if it is elsewhere"
        )
    return cuda


def find_curand_package(cuda: Path) -> tuple[Path, Path]:
    """Folder of cuRAND's headers and its library in the Python package nvidia-curand, as the toolkit has none."""
    spec = importlib.util.find_spec("nvidia")
    for place in spec.submodule_search_locations if spec else ():
        for header in Path(place).glob("*/include/curand.h"):
            for library in header.parents[1].glob("lib/libcurand.so.*"):
                return header.parent, library
    raise ConfigurationError(
        f"the CUDA toolkit in {cuda} has no cuRAND (include/curand.h): install it there, or the Python package "
        "nvidia-curand, which is in this package's extra 'cuda'; or name another toolkit's folder in "
        f"prefs.{BACKEND}.cuda_path or the environment variable CUDA_PATH"
    )

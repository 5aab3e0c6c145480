"""Finding CUDA's compiler and cuRAND, with made-up folders."""

import pytest

from hm2bp_brian.brian import cuda
from hm2bp_brian.errors import ConfigurationError


@pytest.fixture
def toolkit(tmp_path, monkeypatch):
    """A CUDA toolkit that has a compiler and nothing else."""
    nvcc = tmp_path / "cuda" / "bin" / "nvcc"
    nvcc.parent.mkdir(parents=True)
    nvcc.write_text("")
    monkeypatch.setenv("CUDA_PATH", str(tmp_path / "cuda"))
    return tmp_path / "cuda"


def test_missing_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match=r"no CUDA compiler .*nowhere/bin/nvcc: install .* CUDA_PATH"):
        cuda.cuda_preferences(tmp_path)


def test_toolkit_with_curand_needs_no_package(toolkit, tmp_path):
    (toolkit / "include").mkdir()
    (toolkit / "include" / "curand.h").write_text("")
    found = cuda.cuda_preferences(tmp_path)
    assert found[f"{cuda.BACKEND}.cuda_path"] == str(toolkit)
    assert found[f"{cuda.BACKEND}.extra_compile_args_nvcc"] == ["-w", "-std=c++17", "--fmad=false"]
    assert "codegen.cpp.library_dirs" not in found


def test_curand_of_the_python_package(toolkit, tmp_path, monkeypatch):
    library = tmp_path / "nvidia" / "cu13" / "lib" / "libcurand.so.10"
    header = tmp_path / "nvidia" / "cu13" / "include" / "curand.h"
    for path in (library, header):
        path.parent.mkdir(parents=True)
        path.write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "build"
    folder.mkdir()
    for _ in range(2):  # again in the same folder
        found = cuda.cuda_preferences(folder)
    assert (folder / "libcurand.so").resolve() == library
    assert found[f"{cuda.BACKEND}.extra_compile_args_nvcc"][-1] == f"-I{header.parent}"
    assert found["codegen.cpp.library_dirs"][-1] == str(folder)
    assert found["codegen.cpp.extra_link_args"][-1] == f"-Wl,-rpath,{library.parent}"


def test_no_curand_at_all(toolkit, tmp_path, monkeypatch):
    monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="cuda has no cuRAND .* package nvidia-curand, .* CUDA_PATH"):
        cuda.cuda_preferences(tmp_path)

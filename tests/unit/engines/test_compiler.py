"""The cache of compiled kernels: damage, concurrency, interruption, folders that can't be used."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hm2bp_brian.engines.fused import compiler
from hm2bp_brian.errors import CompilationError

SOURCE = 'extern "C" int answer() { return 42; }'
LOAD = f"""
from hm2bp_brian.engines.fused import compiler
print(compiler.load({SOURCE!r}, "an answer").answer())
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """An empty folder for the kernels, and nothing loaded."""
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HM2BP_KEEP_SOURCE", raising=False)
    forget()
    yield tmp_path / "cache" / "kernels"
    forget()


def forget():
    for cached in (compiler._compiler, compiler._machine, compiler.load):
        cached.cache_clear()


@pytest.fixture
def fake_compiler(monkeypatch, tmp_path):
    """A function that makes a shell command the compiler; it knows nothing of the processor."""

    def use(command):
        script = tmp_path / "fake-compiler"
        script.write_text(f'#!/bin/sh\ncase "$*" in *-dM*) exit 0;; esac\n{command}\n')
        script.chmod(0o755)
        monkeypatch.setenv("CXX", str(script))
        forget()

    return use


def start():
    return subprocess.Popen([sys.executable, "-c", LOAD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def one_bit_wrong(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: b"garbage" * 1000, half, one_bit_wrong])
def test_a_damaged_library_is_compiled_anew(cache, damage, capfd):
    compiler.load(SOURCE, "an answer")
    (library,) = cache.iterdir()
    whole = library.read_bytes()
    library.unlink()  # its pages are mapped into this process
    library.write_bytes(damage(whole))
    process = start()  # as loading half a library would end this one
    found = process.communicate(timeout=60)
    assert (*found, process.returncode) == ("42\n", "hm2bp_brian: compiling an answer (once; a few seconds)\n", 0)
    capfd.readouterr()
    compiler.load.cache_clear()
    assert compiler.load(SOURCE, "an answer").answer() == 42
    assert capfd.readouterr().err == "", "it is mended for good"


def test_processes_that_compile_the_same_at_once_all_succeed(cache):
    processes = [start() for _ in range(3)]
    answers, said = zip(*(process.communicate(timeout=120) for process in processes), strict=True)
    assert answers == ("42\n",) * 3
    assert sorted(said) == ["", "", "hm2bp_brian: compiling an answer (once; a few seconds)\n"]
    assert not [path for path in cache.iterdir() if path.suffix != ".so"]


def test_threads_that_compile_the_same_at_once_all_succeed(cache):
    with ThreadPoolExecutor(4) as pool:
        libraries = list(pool.map(compiler.load, [SOURCE] * 4, ["an answer"] * 4))
    assert [library.answer() for library in libraries] == [42] * 4
    assert not [path for path in cache.iterdir() if path.suffix != ".so"]


def test_what_a_killed_process_left_is_removed_after_a_day(cache, fake_compiler, monkeypatch):
    fake_compiler("kill -TERM $PPID")
    for _ in range(2):
        process = start()
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGTERM
    young, old = cache.iterdir()
    assert (old / "kernels.cpp").read_text() == SOURCE
    yesterday = time.time() - 25 * 3600
    os.utime(old, (yesterday, yesterday))
    monkeypatch.delenv("CXX")
    forget()
    compiler.load(SOURCE, "an answer")
    assert [path for path in cache.iterdir() if path.is_dir()] == [young]


@pytest.mark.parametrize("message", ["No space left on device", "Disk quota exceeded"])
def test_a_full_disk_is_named(cache, fake_compiler, message):
    fake_compiler(f"echo '/usr/bin/ld: final link failed: {message}' >&2; exit 1")
    with pytest.raises(CompilationError, match=rf"{message}.* have room, or name another .* HM2BP_CACHE") as caught:
        compiler.load(SOURCE, "an answer")
    assert f"an answer can't be compiled in {cache}: " in str(caught.value)
    assert "refused" not in str(caught.value)
    assert list(cache.iterdir()) == []


def test_temporary_files_of_the_compiler_lie_in_the_cache(cache, fake_compiler):
    fake_compiler('echo "error: my files are in $TMPDIR" >&2; exit 1')
    with pytest.raises(CompilationError, match=rf"my files are in {cache}/\w+"):
        compiler.load(SOURCE, "an answer")


def test_a_folder_that_can_not_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path / "file"))
    expected = rf"an answer can't be compiled in {tmp_path}/file/kernels: .*writable.* HM2BP_CACHE"
    with pytest.raises(CompilationError, match=expected):
        compiler.load(SOURCE, "an answer")


def test_a_folder_where_programs_may_not_run_is_named(cache, monkeypatch):
    def refuse(path):
        raise OSError(f"{path}: failed to map segment from shared object")

    monkeypatch.setattr(compiler.ctypes, "CDLL", refuse)
    expected = rf"an answer can't be loaded: .*failed to map.*run from {cache} \(mount option noexec\), .* HM2BP_CACHE"
    with pytest.raises(CompilationError, match=expected):
        compiler.load(SOURCE, "an answer")


def test_the_source_is_kept_on_demand(cache, monkeypatch, capfd):
    compiler.load(SOURCE, "an answer")
    assert not list(cache.glob("*.cpp"))
    monkeypatch.setenv("HM2BP_KEEP_SOURCE", "1")
    compiler.load.cache_clear()
    capfd.readouterr()
    compiler.load(SOURCE, "an answer")  # compiled long ago
    (source,) = cache.glob("*.cpp")
    (library,) = cache.glob("*.so")
    assert source.read_text() == SOURCE
    assert library.name.startswith(f"{source.stem}-")
    assert capfd.readouterr().err == f"hm2bp_brian: {source} is an answer\n"

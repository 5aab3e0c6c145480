"""Other compilers and processors give the same spikes in float64."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys

import numpy as np
import pytest
from networks import make_input, make_network

from tests.unit.engines import test_convolution

PROGRAM = "from tests.unit.engines.test_fused_builds import digest; print(digest())"
COMPILER = os.environ.get("CXX", "c++")


def digest() -> str:
    """Of the float64 spikes of a dense and of a convolution network."""
    from hm2bp_brian.engines.registry import simulate

    found = hashlib.sha256()
    for network in (make_network("euler", (70, 9), lateral=0.4), test_convolution.make_network("pool")):
        record = simulate(network, make_input(network, 3), dtype="float64", threads=2)
        for layer in record.layers:
            assert layer.n_spikes > 5
            found.update(layer.neurons.tobytes() + layer.offsets.tobytes())
    return found.hexdigest()


def digest_with(compiler: str) -> str:
    environment = os.environ | {"CXX": compiler, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="only these processors have AVX-512")
def test_without_avx512():
    assert digest_with(f"{COMPILER} -mno-avx512f") == digest()


@pytest.mark.skipif(shutil.which("clang++") is None, reason="clang++ is not installed")
def test_with_clang():
    assert digest_with("clang++") == digest()


@pytest.mark.parametrize("bits", [0, 1, 0x8000000000000001, 0x123456789ABCDEF0])
def test_flags_are_packed_alike_without_avx512(bits, monkeypatch):
    import ctypes

    from hm2bp_brian.engines.fused.compiler import load

    source = """
    #include <cstdint>
    typedef float scalar;
    typedef int32_t flag;
    #undef __AVX512F__
    #include "tile.hpp"
    extern "C" uint64_t packed(const flag *flags) { return pack_bits<64>(flags); }
    """
    flags = np.array([bits >> lane & 1 for lane in range(64)], dtype=np.int32)
    function = load(source, "packing of flags").packed
    function.restype = ctypes.c_uint64
    assert function(ctypes.c_void_p(flags.ctypes.data)) == bits

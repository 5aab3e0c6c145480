"""Other compilers and processors, with narrower vectors, give the same spikes and gradients to the last bit."""

import hashlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from brian2 import ms
from networks import make_input, make_network

from hm2bp_brian.engines.fused.compiler import _machine, load
from tests.unit.engines import test_convolution

PROGRAM = "from tests.unit.engines.test_fused_builds import digest; print(digest('{}'))"
COMPILER = os.environ.get("CXX", "c++")


def recurrent_network():
    """Learned delays, from outside and in a loop; 70 neurons are more than a tile."""
    import hm2bp_brian as hb
    from hm2bp_brian.model.layers import Recurrent

    late = hb.Learned(0 * ms, 20 * ms)
    layers = [
        hb.Dense(70, threshold=1, delay=late, recurrent=Recurrent(hb.Uniform(0.2), delay=late)),
        hb.Dense(9, threshold=1, lateral_inhibition=0.4),
    ]
    return hb.SpikingNetwork(12, layers, hb.LIF(tau_m=20 * ms, tau_s=5 * ms), dt=1 * ms, duration=50 * ms, seed=1)


def digest(dtype: str) -> str:
    """Of the spikes and gradients of a dense, a convolution and a recurrent network."""
    from hm2bp_brian.engines.registry import make_engine
    from hm2bp_brian.learning.losses import SpikeCountLoss
    from hm2bp_brian.learning.rules import Rules

    found = hashlib.sha256()
    for network in (
        make_network("euler", (70, 9), lateral=0.4),
        test_convolution.make_network("pool"),
        recurrent_network(),
    ):
        engine = make_engine(network, "fused", dtype, threads=2)
        tape = engine.forward(network.parameters, make_input(network, 3))
        for layer in tape.record.layers:
            assert layer.n_spikes > 5
            found.update(layer.neurons.tobytes() + layer.offsets.tobytes())
        errors = SpikeCountLoss(desired=5, undesired=1, margin=0).errors(tape.counts, np.arange(3))
        gradients = engine.backward(tape, errors, Rules()).mean()
        assert any(np.any(gradient) for gradient in gradients)
        for gradient in gradients:
            found.update(gradient.tobytes())
    return found.hexdigest()


def digest_with(compiler: str, dtype: str) -> str:
    environment = os.environ | {"CXX": compiler, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM.format(dtype)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("macro", "missing"), [("__AVX512F__", "-mno-avx512f"), ("__AVX__", "-mno-avx")])
def test_narrower_vectors(macro, missing, dtype):
    if macro not in _machine():
        pytest.skip(f"this processor has no vectors to do without ({macro})")
    assert digest_with(f"{COMPILER} {missing}", dtype) == digest(dtype)


@pytest.mark.skipif(shutil.which("clang++") is None, reason="clang++ is not installed")
def test_with_clang():
    assert digest_with("clang++", "float64") == digest("float64")


@pytest.mark.parametrize("bits", [0, 1, 0x8000000000000001, 0x123456789ABCDEF0])
@pytest.mark.parametrize("missing", [(), ("__AVX512F__",), ("__AVX512F__", "__AVX2__")])
def test_flags_are_packed_alike(bits, missing):
    import ctypes

    undefined = "\n".join(f"#undef {macro}" for macro in missing)
    source = f"""
    #include <cstdint>
    typedef float scalar;
    typedef int32_t flag;
    {undefined}
    #include "tile.hpp"
    extern "C" uint64_t packed(const flag *flags) {{
        alignas(64) flag aligned[64];
        memcpy(aligned, flags, sizeof aligned);
        return pack_bits<64>(aligned);
    }}
    """
    flags = np.array([bits >> lane & 1 for lane in range(64)], dtype=np.int32)
    function = load(source, "packing of flags").packed
    function.restype = ctypes.c_uint64
    assert function(ctypes.c_void_p(flags.ctypes.data)) == bits

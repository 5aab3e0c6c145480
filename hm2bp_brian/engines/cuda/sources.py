"""CUDA sources: the kernels behind what is generated."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hm2bp_brian.engines.fused.arguments import DEFINE_RULES
from hm2bp_brian.engines.fused.codegen import NeuronCode
from hm2bp_brian.engines.fused.compiler import KERNELS as HOST_KERNELS
from hm2bp_brian.engines.fused.sources import C_TYPES

KERNELS = Path(__file__).parent / "kernels"
# Without fused multiply-add, as on the processor: the same sums have the same bits.
OPTIONS = ("-std=c++17", "-default-device", "--fmad=false")


def spike_source() -> str:
    """Kernels that turn spikes, and draw them."""
    return "\n".join([(HOST_KERNELS / "hash.hpp").read_text(), _files("spikes")])


def layer_source(code: NeuronCode, dtype: np.dtype) -> str:
    """Kernels of a layer with these neurons."""
    lines = [
        "using namespace std;",
        "template <typename T> static inline int int_(T value) { return int(value); }",
        "template <typename T> static inline T exponential(T value) { return exp(value); }",
        code.lane,
        code.single,
        f"{DEFINE_RULES}\nstruct Rules {{ RULES }};",
    ]
    return "\n".join([_types(dtype), *lines, _files("window", "forward", "backward")])


def update_source(dtype: np.dtype) -> str:
    """Kernels that update weights."""
    return "\n".join([_types(dtype), _files("updates")])


def on_card(source: str) -> str:
    """A source with what NVRTC lacks."""
    return "\n".join([_files("card"), source])


def _types(dtype: np.dtype) -> str:
    scalar, flag = C_TYPES[dtype.name]
    return f"typedef {scalar} scalar;\ntypedef {flag} flag;"


def _files(*names: str) -> str:
    return "\n".join((KERNELS / f"{name}.cuh").read_text() for name in names)

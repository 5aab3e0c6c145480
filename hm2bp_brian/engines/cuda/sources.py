"""CUDA sources: the kernels behind what is generated."""

from __future__ import annotations

from collections.abc import Sequence
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
    return "\n".join([(HOST_KERNELS / "hash.hpp").read_text(), _files("lists", "spikes")])


def image_source() -> str:
    """Kernels that change images."""
    return _files("images")


def layer_source(code: NeuronCode, dtype: np.dtype) -> str:
    """Kernels of a layer with these neurons."""
    rules = f"{DEFINE_RULES}\nstruct Rules {{ RULES }};"
    neuron = [*_before_neurons(dtype), code.lane, code.single]
    return "\n".join([*neuron, rules, _files("lists", "trains", "window", "forward", "backward")])


def component_source(codes: Sequence[NeuronCode], dtype: np.dtype) -> str:
    """The kernel that runs populations with these neurons together."""
    numbers = range(len(codes))
    populations = (
        f"namespace population_{n} {{\n{code.lane}\n{code.single}\n{_files('population')}\n}}"
        for n, code in zip(numbers, codes, strict=True)
    )
    each = " ".join(f"population_{n}::phase(a, {n}, sample, step);" for n in numbers)
    macro = f"#define EACH_POPULATION(phase) {each}"
    return "\n".join([*_before_neurons(dtype), _files("graph"), *populations, macro, _files("component")])


def trajectory_source(code: NeuronCode, dtype: np.dtype) -> str:
    """The kernel of the adjoint of neurons that are not affine."""
    return "\n".join([*_before_neurons(dtype), code.lane, code.single, _files("trains", "graph", "trajectory")])


def connection_source(dtype: np.dtype) -> str:
    """Kernels of the backward pass through lists of connections."""
    return "\n".join([_types(dtype), _files("connections")])


def update_source(dtype: np.dtype) -> str:
    """Kernels that update weights."""
    return "\n".join([_types(dtype), _files("updates")])


def on_card(source: str) -> str:
    """A source with what NVRTC lacks."""
    return "\n".join([_files("card"), source])


def _before_neurons(dtype: np.dtype) -> list[str]:
    """What generated lines use."""
    return [
        _types(dtype),
        "using namespace std;",
        "template <typename T> static inline int int_(T value) { return int(value); }",
        "template <typename T> static inline T exponential(T value) { return exp(value); }",
    ]


def _types(dtype: np.dtype) -> str:
    scalar, flag = C_TYPES[dtype.name]
    return f"typedef {scalar} scalar;\ntypedef {flag} flag;"


def _files(*names: str) -> str:
    return "\n".join((KERNELS / f"{name}.cuh").read_text() for name in names)

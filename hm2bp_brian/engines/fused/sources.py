"""C++ sources: the kernels' headers around what is generated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hm2bp_brian.engines.fused import arguments
from hm2bp_brian.engines.fused.codegen import NeuronCode

C_TYPES = {"float32": ("float", "int32_t"), "float64": ("double", "int64_t")}


def neuron_source(code: NeuronCode, dtype: np.dtype, headers: Sequence[str]) -> str:
    """Neurons' generated code with the headers that need it."""
    lines = [
        '#include "tile.hpp"',
        "using namespace std;",
        "template <typename T> static inline int int_(T value) { return int(value); }",
        code.lane,
        code.tile,
    ]
    return "\n".join([*_common(dtype), *lines, *_includes(headers)])


def adjoint_source(code: NeuronCode, dtype: np.dtype, headers: Sequence[str]) -> str:
    """A backward pass: with the neurons' code only where it runs them again."""
    if code.along_trajectory:
        return neuron_source(code, dtype, ("trajectory.hpp", *headers))
    return plain_source(dtype, headers, code.facts)


def plain_source(dtype: np.dtype, headers: Sequence[str], *facts: str) -> str:
    """Headers that know nothing of neurons but facts."""
    return "\n".join([*_common(dtype), *facts, *_includes(headers)])


def _common(dtype: np.dtype) -> list[str]:
    scalar, flag = C_TYPES[dtype.name]
    return [
        "#include <cmath>",
        "#include <cstdint>",
        f"typedef {scalar} scalar;",
        f"typedef {flag} flag;",
        arguments.DEFINE_RULES,
        '#include "arguments.hpp"',
    ]


def _includes(headers: Sequence[str]) -> list[str]:
    return [f'#include "{header}"' for header in headers]

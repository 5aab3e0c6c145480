"""The structures that cross into C lie there as Python lays them out."""

import ctypes

from hm2bp_brian.engines.fused import calls
from hm2bp_brian.engines.fused.arguments import DEFINE_RULES, STRUCTURES
from hm2bp_brian.engines.fused.compiler import KERNELS, load

HEADER = """
#include <cstddef>
#include <cstdint>
typedef float scalar;
typedef int32_t flag;
#include "graph.hpp"
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
"""


def all_fields(structure) -> list[str]:
    bases = [base for base in reversed(structure.__mro__) if "_fields_" in vars(base)]
    return [name for base in bases for name, _ in base._fields_]


def test_sizes_and_offsets_are_those_of_c():
    expected, numbers = [], []
    for structure in STRUCTURES:
        name = structure.__name__
        expected.append((name, ctypes.sizeof(structure)))
        numbers.append(f"sizeof({name})")
        for field in all_fields(structure):
            place = getattr(structure, field)
            expected += [(f"{name}.{field} at", place.offset), (f"{name}.{field} size", place.size)]
            numbers += [f"offsetof({name}, {field})", f"sizeof({name}::{field})"]
    source = (
        DEFINE_RULES + f'{HEADER}extern "C" const int64_t layout[] = {{{", ".join(f"int64_t({n})" for n in numbers)}}};'
    )
    found = (ctypes.c_int64 * len(numbers)).in_dll(load(source, "the layout of arguments"), "layout")
    assert list(zip((name for name, _ in expected), found, strict=True)) == expected


def test_the_status_of_memory_is_that_of_c():
    source = f'#include "status.hpp"\nextern "C" const int no_memory = NO_MEMORY;  // {KERNELS.name}'
    library = load(source, "a status")
    assert ctypes.c_int.in_dll(library, "no_memory").value == calls.NO_MEMORY

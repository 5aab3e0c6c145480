"""Ways to damage a file: its bytes, the arrays in an .npz file, the values in a recipe."""

from __future__ import annotations

import copy
import datetime
import io

import numpy as np
import pytest


def rounds(few: int, many: int):
    """A test with a short form for every day, and a long one for ``make test-reliability``."""
    return pytest.mark.parametrize("rounds", [few, pytest.param(many, marks=pytest.mark.reliability)])


def damaged_bytes(content: bytes, generator: np.random.Generator) -> bytes:
    """Some bytes changed, zeroed, doubled or lost."""
    damaged = bytearray(content)
    start, end = sorted(generator.integers(0, len(content) + 1, 2).tolist())
    way = generator.integers(5)
    if way == 0:
        for place in generator.integers(0, len(content), generator.integers(1, 9)):
            damaged[place] ^= int(generator.integers(1, 256))
    elif way == 1:
        del damaged[start:]
    elif way == 2:
        del damaged[start:end]
    elif way == 3:
        damaged[start:end] = bytes(end - start)
    else:
        damaged[start:start] = content[start:end]
    return bytes(damaged)


def npz(arrays: dict, compressed: bool = False) -> bytes:
    """The bytes of an .npz file."""
    content = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(content, **arrays)
    return content.getvalue()


def damaged_arrays(arrays: dict, generator: np.random.Generator) -> tuple[str, dict]:
    """Arrays of which one is absent, surplus, or of another type, shape or range; and what was done."""
    name = str(generator.choice(sorted(arrays)))
    others = _others(np.asarray(arrays[name]))
    way = str(generator.choice(["absent", "surplus", *others]))
    if way == "absent":
        return f"{name} {way}", {key: array for key, array in arrays.items() if key != name}
    return f"{name} {way}", arrays | ({f"{name}0": arrays[name]} if way == "surplus" else {name: others[way]})


def _others(array: np.ndarray) -> dict[str, np.ndarray]:
    others = {
        "text": np.array("text"),
        "texts": np.full(array.shape, "text"),
        "bytes": np.full(array.shape, b"text"),
        "objects": np.full(array.shape, None),
        "complex": np.full(array.shape, 1j),
        "times": np.full(array.shape, np.datetime64("2018-05-21")),
        "fields": np.zeros(array.shape, dtype=[("a", "i4"), ("b", "f8")]),
        "truth": np.zeros(array.shape, dtype=bool),
        "other end first": array.astype(array.dtype.newbyteorder()),
        "no dimension": np.array(0.0),
        "one more dimension": array[np.newaxis],
        "flat and longer": np.append(array, array.ravel()[:1]),
        "empty": np.zeros(0, dtype=array.dtype),
        "no rows, many columns": np.zeros((0, 10**9), dtype=array.dtype),
    }
    if array.dtype.kind in "iuf":
        with np.errstate(invalid="ignore"):  # NaN as an integer
            others |= {f"as {kind}": array.astype(kind) for kind in ("f2", "i1", "u8")}
        others |= {"negative": np.full(array.shape, -1, array.dtype if array.dtype.kind == "f" else "i8")}
        others |= {"huge": np.full(array.shape, 2**62)}
    if array.dtype.kind == "f":
        others |= {"NaN": np.full_like(array, np.nan), "infinite": np.full_like(array, np.inf)}
    return {way: other for way, other in others.items() if not _is_same(other, array)}


def _is_same(one: np.ndarray, other: np.ndarray) -> bool:
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


# What a value of a recipe is replaced by.
VALUES = [-1, 0, 1, 2**31, 2**62, 10**30, -0.5, 0.5, 1e-300, 1e300, float("nan"), float("inf"), True, "", "text"]
VALUES += [[], [1], [0, -1], ["text"], [[[]]], datetime.date(2018, 5, 21), datetime.time(12)]
VALUES += [{}, {"kind": "Adam"}, {"kind": ["Adam"]}, {"kind": "Uniform", "limit": -1}]
VALUES += [{"kind": "Dense", "units": 3, "threshold": 1}]


def damaged_table(table: dict, generator: np.random.Generator) -> dict:
    """A nested table in which one value is replaced, absent, or has its name misspelt."""
    table = copy.deepcopy(table)
    holder, key = _places(table)[generator.integers(len(_places(table)))]
    way = generator.integers(6)
    if way > 1 or isinstance(holder, list):
        holder[key] = VALUES[generator.integers(len(VALUES))]
    elif way == 0:
        del holder[key]
    else:
        holder[key[:-1]] = holder.pop(key)
    return table


def _places(table) -> list[tuple]:
    """All pairs (container, key or index) in it."""
    keys = table if isinstance(table, dict) else range(len(table)) if isinstance(table, list) else ()
    return [(table, key) for key in keys] + [place for key in keys for place in _places(table[key])]

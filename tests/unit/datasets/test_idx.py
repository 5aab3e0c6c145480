"""IDX files: what is written comes back; everything else is an error that says what is wrong."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hm2bp_brian.datasets import read_idx
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError, Hm2bpError

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
SMALL = struct.pack(">BBBBII", 0, 0, 0x08, 2, 2, 3) + bytes(range(6))
# without the time of its making: parameters name tests, and pytest's workers must find the same names
SMALL_GZ = gzip.compress(SMALL, mtime=0)


def idx_bytes(array):
    header = struct.pack(">BBBB", 0, 0, CODES[array.dtype.name], array.ndim)
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()


arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=4, max_side=5))
)


@given(arrays, st.booleans())
def test_round_trip(array, compress):
    content = gzip.compress(idx_bytes(array)) if compress else idx_bytes(array)
    result = read_idx(content)
    assert result.dtype == array.dtype and result.dtype.isnative
    np.testing.assert_array_equal(result, array)


def test_reads_plain_and_compressed_files_whatever_their_name(tmp_path):
    for name, content in (("a", SMALL), ("b.gz", SMALL_GZ), ("c.gz", SMALL), ("d", SMALL_GZ)):
        (tmp_path / name).write_bytes(content)
        np.testing.assert_array_equal(read_idx(tmp_path / name), [[0, 1, 2], [3, 4, 5]])
        np.testing.assert_array_equal(read_idx(str(tmp_path / name)), [[0, 1, 2], [3, 4, 5]])


@given(st.binary(max_size=60))
def test_arbitrary_bytes_give_an_array_or_an_error_of_this_package(content):
    try:
        read_idx(content)
    except Hm2bpError as error:
        assert "<bytes>" in str(error)


@settings(max_examples=300)
@given(st.data())
def test_damaged_files_give_an_array_or_an_error_of_this_package(data):
    content = bytearray(data.draw(st.sampled_from([SMALL, SMALL_GZ])))
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[position] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] + data.draw(st.binary(max_size=5))
    try:
        read_idx(bytes(content))
    except DatasetError:
        pass


@given(st.integers(1, len(SMALL)))
def test_a_file_cut_short_is_an_error(n_missing):
    with pytest.raises(DatasetError):
        read_idx(SMALL[:-n_missing])


@given(st.integers(1, len(SMALL_GZ) - 2))
def test_a_compressed_file_cut_short_is_an_error(n_missing):
    with pytest.raises(DatasetError, match="gzip"):
        read_idx(SMALL_GZ[:-n_missing])


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["found nothing"]),
        (b"<!DOCTYPE html>", ["no IDX file", "3c 21 44 4f"]),
        (b"\0\0\x0a\x01\0\0\0\x01\0", ["00 00 0a 01"]),
        (b"\0\0\x08\0", ["found 0"]),
        (b"\0\0\x08\xff" + bytes(4 * 255), ["found 255"]),
        (b"\0\0\x08\x03\0\0\0\x01", ["16 bytes", "8 bytes"]),
        (b"\0\0\x08\x01\0\0\0\0", ["empty", "(0,)"]),
        (b"\0\0\x08\x02" + b"\xff" * 8, [str(12 + (2**32 - 1) ** 2)]),
        (SMALL[:-1], ["expected 18", "found 17", "truncated"]),
        (SMALL + b"\0", ["expected 18", "found 19", "other bytes"]),
        (SMALL_GZ[:-9], ["gzip"]),
        (SMALL_GZ + b"rubbish", ["gzip"]),
    ],
)
def test_errors_name_the_file_and_what_was_expected_and_found(tmp_path, content, parts):
    path = tmp_path / "wrong-idx"
    path.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        read_idx(path)
    for part in [str(path), "expected", *parts]:
        assert part in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path)

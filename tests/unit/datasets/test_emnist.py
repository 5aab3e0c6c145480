"""EMNIST from small files of its format."""

import gzip
import struct

import numpy as np
import pytest
from small_files import write_tree, write_zip

from hm2bp_brian.datasets import EMNIST_BALANCED_CHARACTERS, emnist
from hm2bp_brian.datasets.emnist import N_CLASSES
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError, UnknownNameError


def idx(array) -> bytes:
    array = np.asarray(array, dtype=np.uint8)
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def stored(split="balanced", labels=(0, 46, 10)) -> dict[str, np.ndarray]:
    """The four arrays as the files hold them."""
    generator = np.random.default_rng(0)
    return {
        f"emnist-{split}-{part}-{kind}": array
        for part in ("train", "test")
        for kind, array in (
            ("images-idx3-ubyte", generator.integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)),
            ("labels-idx1-ubyte", np.array(labels)),
        )
    }


def published(arrays) -> dict[str, bytes]:
    return {f"gzip/{name}.gz": gzip.compress(idx(array), 1) for name, array in arrays.items()}


def as_zip(folder, arrays):
    write_zip(folder / "gzip.zip", published(arrays) | published(stored("mnist", (1,))) | {"../escape.gz": b""})


def as_gz(folder, arrays):
    write_tree(folder, {name.removeprefix("gzip/"): content for name, content in published(arrays).items()})


def as_plain(folder, arrays):
    write_tree(folder, {name: idx(array) for name, array in arrays.items()})


@pytest.mark.parametrize("write", [as_zip, as_gz, as_plain])
@pytest.mark.parametrize("place", [".", "emnist", "EMNIST/raw"])
def test_layouts(tmp_path, write, place):
    arrays = stored()
    write(tmp_path / "data" / place, arrays)
    train, test = emnist(data=tmp_path / "data")
    images = arrays["emnist-balanced-test-images-idx3-ubyte"]
    assert test.images.shape == (3, 28, 28, 1)
    assert test.images[1, 20, 3, 0] == images[1, 3, 20]  # the files swap rows and columns
    assert train.labels.tolist() == [0, 46, 10]
    assert (train.n_classes, train.name) == (47, "emnist balanced")
    assert not (tmp_path / "escape.gz").exists() and not (tmp_path / "data" / "escape.gz").exists()


def test_letters_are_counted_from_1_in_the_files_and_from_0_here(tmp_path):
    as_zip(tmp_path, stored("letters", (1, 26)))
    train, _ = emnist("letters", tmp_path)
    assert train.labels.tolist() == [0, 25] and train.n_classes == 26
    as_zip(tmp_path, stored("letters", (0, 26)))
    with pytest.raises(DatasetError, match=r"train-labels.*expected labels 1\.\.26, found 0\.\.26"):
        emnist("letters", tmp_path)


def test_characters_of_the_balanced_split():
    codes = [*range(48, 58), *range(65, 91), 97, 98, 100, 101, 102, 103, 104, 110, 113, 114, 116]
    assert [ord(character) for character in EMNIST_BALANCED_CHARACTERS] == codes
    assert len(EMNIST_BALANCED_CHARACTERS) == N_CLASSES["balanced"]


def test_unknown_split(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown split of EMNIST 'ballanced'. Did you mean 'balanced'"):
        emnist("ballanced", tmp_path)


def test_a_zip_without_the_split(tmp_path):
    as_zip(tmp_path, stored("digits", (1,)))
    with pytest.raises(DatasetNotFoundError, match=r"gzip\.zip, or emnist-letters-train-images-idx3-ubyte\[\.gz\]"):
        emnist("letters", tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train-images-idx3-ubyte", np.zeros((3, 28, 27)), r"\(3, 28, 28\), found uint8 of shape \(3, 28, 27\)"),
        ("train-images-idx3-ubyte", np.zeros(3), r"expected uint8 of shape \(3, 28, 28\)"),
        ("test-labels-idx1-ubyte", np.zeros(4), r"expected uint8 of shape \(3,\)"),
        ("test-labels-idx1-ubyte", [0, 1, 47], r"labels 0\.\.46, found 0\.\.47"),
    ],
)
def test_foreign_content_is_named(tmp_path, file, content, message):
    as_zip(tmp_path, stored() | {f"emnist-balanced-{file}": np.array(content)})
    with pytest.raises(DatasetError, match=rf"gzip\.zip/gzip/emnist-balanced-{file}\.gz: .*{message}"):
        emnist(data=tmp_path)


def test_a_truncated_member_is_named(tmp_path):
    members = published(stored())
    name = "gzip/emnist-balanced-test-images-idx3-ubyte.gz"
    write_zip(tmp_path / "gzip.zip", members | {name: members[name][:-9]})
    with pytest.raises(DatasetError, match=f"{name}: expected a whole gzip file"):
        emnist(data=tmp_path)

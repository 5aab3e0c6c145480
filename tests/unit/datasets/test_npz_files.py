"""Data sets of known .npz files: how they are found, and that no other bytes are taken for them."""

import hashlib

import numpy as np
import pytest

from hm2bp_brian.datasets.fetch import fetch
from hm2bp_brian.datasets.npz_files import NpzFiles
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError


@pytest.fixture
def source(tmp_path, web):
    folder = tmp_path / "data" / "of old"
    folder.mkdir(parents=True)
    for file in ("one.npz", "two.npz"):
        np.savez(folder / file, numbers=np.arange(3), name=np.array(file))
    sha256 = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    return NpzFiles("numbers", sha256, ("numbers", "of old", ""))


def test_found_below_a_folder_and_read(tmp_path, source):
    for data in (tmp_path / "data", tmp_path / "data" / "of old"):
        files = fetch(source, data)
        assert list(files) == ["one.npz", "two.npz"]
        arrays = source.read(files["two.npz"])
        assert arrays["numbers"].tolist() == [0, 1, 2] and arrays["name"] == "two.npz"


def test_all_files_are_needed(tmp_path, source):
    (tmp_path / "data" / "of old" / "two.npz").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"Expected one\.npz, two\.npz in one of the folders"):
        fetch(source, tmp_path / "data")


def test_what_is_nowhere_has_to_be_put_there(tmp_path, source, web):
    with pytest.raises(DatasetNotFoundError, match=r"no address to download it from.\n.*Put one\.npz, two\.npz into"):
        fetch(source)
    assert web.requested == []
    cache = tmp_path / "cache" / "hm2bp_brian" / "numbers"
    (tmp_path / "data" / "of old").rename(tmp_path / "moved")
    cache.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "moved").rename(cache)
    assert fetch(source)["one.npz"] == cache / "one.npz"


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content + b"x", lambda content: b""])
def test_other_bytes_are_refused(tmp_path, source, damage):
    path = tmp_path / "data" / "of old" / "one.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DatasetError, match=rf"one\.npz: expected a file with sha256 {source.sha256['one.npz']}, found"):
        source.read(path)

"""Zips and folders read alike, and archives that are downloaded whole."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_files import write_tree, write_zip

from hm2bp_brian.datasets.archives import Archives, Members
from hm2bp_brian.datasets.fetch import fetch
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError

FILES = {"Train/3/00001.bin": b"one" * 50, "Train/4/00002.bin": b"two" * 50, "Test/3/00001.bin": b"three"}
BINS = r"Train/[^/]+/[^/]+\.bin"


@pytest.mark.parametrize("write", [write_zip, write_tree])
def test_members_that_fit_the_pattern(tmp_path, write):
    write(tmp_path / "data", FILES | {"Train/readme.bin": b"", "Train/3/4/5.bin": b"", "Train/3/00001.txt": b""})
    with Members(tmp_path / "data", BINS) as members:
        assert sorted(members.names) == ["Train/3/00001.bin", "Train/4/00002.bin"]
        assert {name: members.read(name) for name in members.names} == {
            name: content for name, content in FILES.items() if name.startswith("Train")
        }


def test_foreign_and_escaping_members_are_passed_over_and_nothing_is_written(tmp_path):
    foreign = ["../Train/3/00009.bin", "/Train/3/00009.bin", "Train/../../x.bin", "__MACOSX/Train/3/00009.bin"]
    write_zip(tmp_path / "in" / "data.zip", FILES | dict.fromkeys(foreign, b"foreign"))
    with Members(tmp_path / "in" / "data.zip", BINS) as members:
        assert sorted(members.names) == ["Train/3/00001.bin", "Train/4/00002.bin"]
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "data.zip"]


def test_an_absent_folder_has_no_members(tmp_path):
    assert Members(tmp_path / "absent", ".*").names == []


@pytest.mark.parametrize("write", [write_zip, write_tree])
def test_upper_case_fits_and_hidden_files_do_not(tmp_path, write):
    write(tmp_path / "data", dict.fromkeys(["a/B.BIN", "a/._b.bin", ".a/b.bin", "a/../b.bin", "a.b/c.bin"], b"12"))
    with Members(tmp_path / "data", r".+/[^/]+\.bin") as members:
        assert sorted(members.names) == ["a.b/c.bin", "a/B.BIN"]
        assert [members.size(name) for name in members.names] == [2, 2]


@pytest.mark.parametrize("write", [write_zip, write_tree])
def test_no_file_above_the_largest_size_is_read(tmp_path, write):
    write(tmp_path / "data", {"a.bin": b"12", "b.bin": b"123"})
    with Members(tmp_path / "data", ".*", max_size=2) as members:
        assert members.read("a.bin") == b"12"
        with pytest.raises(DatasetError, match=r"data/b\.bin: expected a file of at most 2 bytes, found 3"):
            members.read("b.bin")


@settings(deadline=None)  # files
@given(cut=st.integers(0, 400), flipped=st.integers(0, 400), value=st.integers(1, 255))
def test_a_damaged_zip_is_read_or_refused(tmp_path_factory, cut, flipped, value):
    path = tmp_path_factory.mktemp("zip") / "data.zip"
    write_zip(path, FILES)
    content = bytearray(path.read_bytes())
    content[flipped % len(content)] ^= value
    path.write_bytes(content[: len(content) - cut] if cut < len(content) else b"")
    try:
        with Members(path, BINS) as members:
            for name in members.names:
                members.read(name)
    except DatasetError as error:
        assert str(path) in str(error)


def test_a_truncated_zip_says_what_to_do(tmp_path):
    write_zip(tmp_path / "data.zip", FILES)
    (tmp_path / "data.zip").write_bytes((tmp_path / "data.zip").read_bytes()[:-30])
    with pytest.raises(DatasetError, match=r"data\.zip: expected a whole zip .* fetch it again"):
        Members(tmp_path / "data.zip", ".*")


CONTENT = {"a.zip": b"first", "b.zip": b"second"}


def look(folder):
    files = {file: folder / file for file in CONTENT}
    return files if all(path.is_file() for path in files.values()) else None


SOURCE = Archives(
    name="things",
    published={
        file: (f"https://there.invalid/{file}", hashlib.md5(content).hexdigest()) for file, content in CONTENT.items()
    },
    subfolders=("things", ""),
    expected="a.zip and b.zip",
    look=look,
)


def serve(web, **changed):
    for file, content in (CONTENT | changed).items():
        web[f"https://there.invalid/{file}"] = content


def test_archives_are_downloaded_whole_and_only_once(tmp_path, web):
    serve(web)
    files = fetch(SOURCE)
    cache = tmp_path / "cache" / "hm2bp_brian" / "things"
    assert {file: path.read_bytes() for file, path in files.items()} == CONTENT
    assert sorted(path.name for path in cache.iterdir()) == ["a.zip", "b.zip"]
    assert fetch(SOURCE) == files and len(web.requested) == 2
    (cache / "b.zip").unlink()
    fetch(SOURCE)
    assert web.requested[2:] == ["https://there.invalid/b.zip"]


def test_an_archive_with_another_hash_is_kept_aside(tmp_path, web):
    serve(web, **{"b.zip": b"moved"})
    with pytest.raises(DatasetNotFoundError) as caught:
        fetch(SOURCE)
    rejected = tmp_path / "cache" / "hm2bp_brian" / "things" / "b.zip.rejected"
    assert rejected.read_bytes() == b"moved"
    for part in (hashlib.md5(b"second").hexdigest(), hashlib.md5(b"moved").hexdigest(), f"kept as {rejected}"):
        assert part in str(caught.value)
    assert not rejected.with_name("b.zip").exists()


def test_no_network_says_what_to_put_where(tmp_path, web):
    with pytest.raises(DatasetNotFoundError) as caught:
        fetch(SOURCE)
    cache = tmp_path / "cache" / "hm2bp_brian" / "things"
    for part in ("https://there.invalid/a.zip: no such host", f"Put a.zip and b.zip into {cache}", "HM2BP_DATA"):
        assert part in str(caught.value)


def test_foreign_files_in_the_cache(tmp_path, web):
    source = Archives("things", SOURCE.published, ("",), "a.zip and b.zip", lambda folder: None)
    serve(web)
    with pytest.raises(DatasetNotFoundError, match="expected a.zip and b.zip; delete"):
        fetch(source)

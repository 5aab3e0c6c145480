"""Where files are looked for, and what a download leaves behind, with a data set of two small files."""

import gzip
import hashlib

import pytest

from hm2bp_brian.datasets.fetch import fetch, find
from hm2bp_brian.datasets.idx_files import IdxFiles, check_md5
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError

CONTENT = {"images": b"some pixels", "labels": b"some labels"}
pytestmark = pytest.mark.usefixtures("web")

FIRST, SECOND = "https://first.invalid/", "https://second.invalid/"


@pytest.fixture
def source(tmp_path):
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in CONTENT.items()}
    return IdxFiles("digits", md5, (FIRST, SECOND), "Digits", bundled=tmp_path / "bundled")


def put(folder, suffix=".gz", names=tuple(CONTENT)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        content = CONTENT[name]
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)


def cache(tmp_path):
    return tmp_path / "cache" / "hm2bp_brian" / "digits"


def serve(web, address, names=tuple(CONTENT)):
    for name in names:
        web[f"{address}{name}.gz"] = gzip.compress(CONTENT[name])


@pytest.mark.parametrize("layout", [".", "digits", "Digits/raw", "raw"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("way", ["argument", "environment"])
def test_layouts_of_a_folder(tmp_path, monkeypatch, source, layout, suffix, way):
    folder = tmp_path / "mine" / layout
    put(folder, suffix)
    if way == "environment":
        monkeypatch.setenv("HM2BP_DATA", str(tmp_path / "mine"))
        files = fetch(source)
    else:
        files = fetch(source, tmp_path / "mine")
    assert files == {name: folder / f"{name}{suffix}" for name in CONTENT}


def test_order_of_the_places(tmp_path, monkeypatch, source, web):
    serve(web, FIRST)
    monkeypatch.setenv("HM2BP_DATA", str(tmp_path / "environment"))
    places = [tmp_path / "argument", tmp_path / "environment", tmp_path / "bundled", cache(tmp_path)]
    for place in places:
        put(place)
    for number, place in enumerate(places):
        data = place if number == 0 else None
        assert fetch(source, data)["images"].parent == place
        if number == 1:
            monkeypatch.delenv("HM2BP_DATA")
        for file in place.iterdir():
            file.unlink()
    assert web.requested == []


def test_the_data_sets_own_subfolder_comes_before_the_folder_itself(tmp_path, source):
    put(tmp_path / "mine")
    put(tmp_path / "mine" / "digits")
    assert fetch(source, tmp_path / "mine")["images"].parent == tmp_path / "mine" / "digits"


def test_the_environments_folder_need_not_hold_every_data_set(tmp_path, monkeypatch, source):
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("HM2BP_DATA", str(tmp_path / "other"))
    put(tmp_path / "bundled")
    assert fetch(source)["images"].parent == tmp_path / "bundled"


def test_find_does_not_download(tmp_path, source, web):
    serve(web, FIRST)
    assert find(source) is None
    files = fetch(source)
    requests = len(web.requested)
    assert find(source) == files == {name: cache(tmp_path) / f"{name}.gz" for name in CONTENT}
    assert len(web.requested) == requests


def test_no_fall_through_from_an_explicit_folder(tmp_path, source, web):
    put(tmp_path / "bundled")
    put(cache(tmp_path))
    serve(web, FIRST)
    put(tmp_path / "mine", names=["images"])
    for folder in (tmp_path / "mine", tmp_path / "absent"):
        with pytest.raises(DatasetNotFoundError) as caught:
            fetch(source, folder)
        for part in (str(folder), "data=", "images[.gz]", "labels[.gz]", str(folder / "Digits" / "raw")):
            assert part in str(caught.value)
    assert web.requested == []


def test_an_environment_variable_that_names_no_folder(tmp_path, monkeypatch, source):
    put(tmp_path / "bundled")
    monkeypatch.setenv("HM2BP_DATA", str(tmp_path / "mistyped"))
    with pytest.raises(DatasetNotFoundError, match=r"(?s)HM2BP_DATA.*mistyped"):
        fetch(source)


def test_download_into_the_cache_only_once(tmp_path, source, web):
    serve(web, FIRST)
    files = fetch(source)
    assert files == {name: cache(tmp_path) / f"{name}.gz" for name in CONTENT}
    assert {name: gzip.decompress(path.read_bytes()) for name, path in files.items()} == CONTENT
    assert sorted(path.name for path in cache(tmp_path).iterdir()) == ["images.gz", "labels.gz"]
    assert fetch(source) == files
    assert web.requested == [f"{FIRST}images.gz", f"{FIRST}labels.gz"]


def test_a_recompressed_file_is_as_good(source, web):
    for name, content in CONTENT.items():
        web[f"{FIRST}{name}.gz"] = gzip.compress(content, compresslevel=1, mtime=12345)
    fetch(source)
    assert len(web.requested) == 2


def test_only_missing_files_are_downloaded(tmp_path, source, web):
    put(cache(tmp_path), names=["images"])
    serve(web, FIRST)
    fetch(source)
    assert web.requested == [f"{FIRST}labels.gz"]


def test_addresses_are_tried_in_turn(source, web):
    serve(web, FIRST, ["labels"])
    serve(web, SECOND, ["images"])
    fetch(source)
    assert web.requested == [f"{FIRST}images.gz", f"{SECOND}images.gz", f"{FIRST}labels.gz"]


def test_no_network_says_what_to_put_where(tmp_path, source, web):
    with pytest.raises(DatasetNotFoundError) as caught:
        fetch(source)
    parts = [f"{FIRST}images.gz: no such host", f"{SECOND}images.gz: no such host", "images[.gz]", "HM2BP_DATA"]
    for part in [*parts, str(cache(tmp_path)), "digits(data=folder)"]:
        assert part in str(caught.value)
    assert list(cache(tmp_path).iterdir()) == []
    # no waiting for the other files
    assert web.requested == [f"{FIRST}images.gz", f"{SECOND}images.gz"]


@pytest.mark.parametrize(
    "answer",
    [gzip.compress(b"other pixels", mtime=0), b"<html>moved</html>", gzip.compress(b"cut", mtime=0)[:-4]],
    ids=["other content", "a page", "truncated"],
)
def test_a_wrong_download_is_kept_aside_and_the_next_address_tried(tmp_path, source, web, answer):
    serve(web, SECOND)
    serve(web, FIRST, ["labels"])
    web[f"{FIRST}images.gz"] = answer
    files = fetch(source)
    assert gzip.decompress(files["images"].read_bytes()) == CONTENT["images"]
    assert (cache(tmp_path) / "images.gz.rejected").read_bytes() == answer


def test_a_wrong_download_from_everywhere_tells_the_hashes(tmp_path, source, web):
    serve(web, FIRST)
    for address in (FIRST, SECOND):
        web[f"{address}images.gz"] = gzip.compress(b"other pixels")
    with pytest.raises(DatasetNotFoundError) as caught:
        fetch(source)
    found = hashlib.md5(b"other pixels").hexdigest()
    for part in (source.md5["images"], found, str(cache(tmp_path) / "images.gz.rejected")):
        assert part in str(caught.value)
    assert not (cache(tmp_path) / "images.gz").exists()


def test_an_interrupted_download_leaves_nothing(tmp_path, source, web):
    web[f"{FIRST}images.gz"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        fetch(source)
    assert list(cache(tmp_path).iterdir()) == []


def test_a_cache_that_can_not_be_written(tmp_path, source, web):
    serve(web, FIRST)
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DatasetNotFoundError, match="Put images"):
        fetch(source)


def test_check_md5_names_file_expected_and_found():
    check_md5(b"abc", "900150983cd24fb0d6963f7d28e17f72", "a file")
    with pytest.raises(
        DatasetError, match=r"a file.*900150983cd24fb0d6963f7d28e17f72.*187ef4436122d1cc2f40dc2b92f0eba0"
    ):
        check_md5(b"ab", "900150983cd24fb0d6963f7d28e17f72", "a file")

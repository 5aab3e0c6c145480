"""Where a corpus is looked for, and what is read from folders and zips."""

import dataclasses
import hashlib
import zipfile

import pytest
from small_files import write_tree, write_zip

from hm2bp_brian.datasets import corpus as corpus_module
from hm2bp_brian.datasets.corpus import Corpus
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError

SOURCE = Corpus("words", ("words", "Words", ""), r"(?:[^/]+/)?said/[^/]+\.wav", "*.zip", "the folder said")
FILES = {"said/one.wav": b"1", "said/TWO.WAV": b"22", "said/._one.wav": b"macOS", "said/notes.txt": b"", "a.wav": b""}
CONTENT = {"said/one.wav": b"1", "said/TWO.WAV": b"22"}


pytestmark = pytest.mark.usefixtures("web")


def content_of(source, data=None):
    with source.open(data) as members:
        return {name: members.read(name) for name in members.names}


@pytest.mark.parametrize("layout", ["mine", "mine/words", "mine/Words"])
@pytest.mark.parametrize(
    "put", [write_tree, lambda folder, files: write_zip(folder / "any.zip", files)], ids=["tree", "zip"]
)
@pytest.mark.parametrize("way", ["argument", "environment"])
def test_layouts_of_a_folder(tmp_path, monkeypatch, layout, put, way):
    put(tmp_path / layout, FILES)
    if way == "environment":
        monkeypatch.setenv("HM2BP_DATA", str(tmp_path / "mine"))
    with SOURCE.open(tmp_path / "mine" if way == "argument" else None) as members:
        assert {name: members.size(name) for name in members.names} == {"said/one.wav": 1, "said/TWO.WAV": 2}
        assert {name: members.read(name) for name in members.names} == CONTENT


def test_the_zip_itself_and_the_cache(tmp_path):
    write_zip(tmp_path / "mine.zip", {f"release-1/{name}": content for name, content in FILES.items()})
    assert set(content_of(SOURCE, tmp_path / "mine.zip")) == {f"release-1/{name}" for name in CONTENT}
    write_tree(tmp_path / "cache" / "hm2bp_brian" / "words", FILES)
    assert content_of(SOURCE) == CONTENT


def test_no_fall_through_from_an_explicit_folder(tmp_path):
    write_tree(tmp_path / "cache" / "hm2bp_brian" / "words", FILES)
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DatasetNotFoundError) as caught:
            SOURCE.open(folder)
        for part in (f"words(data=...) names '{folder}'", "the folder said", str(folder / "words")):
            assert part in str(caught.value)


def test_an_environment_variable_that_names_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HM2BP_DATA", str(tmp_path / "mistyped"))
    with pytest.raises(DatasetNotFoundError, match=r"HM2BP_DATA.*mistyped"):
        SOURCE.open()


def test_foreign_paths_in_a_zip_write_nothing(tmp_path):
    write_zip(tmp_path / "mine" / "a.zip", FILES | {"../said/escaped.wav": b"3", "/said/root.wav": b"4"})
    before = sorted(tmp_path.rglob("*"))
    assert content_of(SOURCE, tmp_path / "mine") == CONTENT
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path / "said").exists()


def test_a_damaged_zip(tmp_path):
    write_zip(tmp_path / "a.zip", FILES)
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    with pytest.raises(DatasetError, match=r"cut\.zip: expected a whole zip file"):
        SOURCE.open(tmp_path / "cut.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        start = archive.getinfo("said/TWO.WAV").header_offset
    # the content of the file, behind a header of 30 bytes and its name
    (tmp_path / "a.zip").write_bytes(whole[: start + 42] + b"\xff" + whole[start + 43 :])
    with pytest.raises(DatasetError, match=r"a\.zip/said/TWO\.WAV: expected a whole zip file"):
        content_of(SOURCE, tmp_path / "a.zip")


def test_a_file_that_is_no_utterance(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "MAX_FILE_SIZE", 1)
    write_zip(tmp_path / "a.zip", FILES)
    with pytest.raises(DatasetError, match=r"a\.zip/said/TWO\.WAV: expected .* at most 1 bytes, found 2"):
        content_of(SOURCE, tmp_path / "a.zip")


ADDRESS = "https://it.invalid"
SHA256 = hashlib.sha256(
    b"TWO.WAV" + hashlib.sha256(b"22").digest() + b"one.wav" + hashlib.sha256(b"1").digest()
).hexdigest()
ONLINE = dataclasses.replace(SOURCE, addresses=(ADDRESS,), sha256=SHA256)


def test_downloaded_once(tmp_path, web):
    write_zip(tmp_path / "a.zip", {f"release-1/{name}": content for name, content in FILES.items()})
    web[ADDRESS] = (tmp_path / "a.zip").read_bytes()
    for _ in range(2):
        assert set(content_of(ONLINE).values()) == set(CONTENT.values())
    assert web.requested == [ADDRESS]
    assert [path.name for path in (tmp_path / "cache" / "hm2bp_brian" / "words").iterdir()] == ["words.zip"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (ConnectionError("no such host"), "no such host"),
        (b"<html>", "expected a whole zip file"),
        ({"readme": b"another project"}, "holds no file of this corpus"),
        (FILES | {"said/one.wav": b"changed"}, f"sha256 {SHA256}, found"),
    ],
    ids=["no net", "page", "other", "changed"],
)
def test_a_download_that_is_not_the_corpus_is_kept_aside(tmp_path, web, answer, message):
    if isinstance(answer, dict):
        write_zip(tmp_path / "other.zip", answer)
        answer = (tmp_path / "other.zip").read_bytes()
    web[ADDRESS] = answer
    with pytest.raises(DatasetNotFoundError, match=rf"(?s){ADDRESS}: .*{message}.*Put the folder said"):
        ONLINE.open()
    left = {path.name: path.read_bytes() for path in (tmp_path / "cache" / "hm2bp_brian" / "words").iterdir()}
    assert left == ({"words.zip.rejected": answer} if isinstance(answer, bytes) else {})
    with pytest.raises(DatasetNotFoundError):
        ONLINE.open()
    assert web.requested == [ADDRESS, ADDRESS]


def test_without_an_address_the_message_says_what_to_put_where(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="has no address") as caught:
        SOURCE.open()
    for part in (
        "the folder said",
        str(tmp_path / "cache" / "hm2bp_brian" / "words"),
        "words(data=folder)",
        "HM2BP_DATA",
    ):
        assert part in str(caught.value)

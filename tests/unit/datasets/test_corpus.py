"""Where a corpus is looked for, and what is read from folders and zips."""

import dataclasses
import hashlib
import zipfile

import pooch
import pytest
from speech_files import put_tree, put_zip

from hm2bp_brian.datasets import corpus as corpus_module
from hm2bp_brian.datasets.corpus import CorpusSource, find_corpus
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError

SOURCE = CorpusSource("words", ("words", "Words"), r"(?:[^/]+/)?said/[^/]+\.wav", "*.zip", "the folder said")
FILES = {"said/one.wav": b"1", "said/TWO.WAV": b"22", "said/._one.wav": b"macOS", "said/notes.txt": b"", "a.wav": b""}
CONTENT = {"said/one.wav": b"1", "said/TWO.WAV": b"22"}


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.delenv("HM2BP_DATA", raising=False)


def content_of(corpus):
    with corpus.open() as read:
        return {name: read(name) for name in corpus.sizes}


@pytest.mark.parametrize("layout", ["mine", "mine/words", "mine/Words"])
@pytest.mark.parametrize(
    "put", [put_tree, lambda folder, files: put_zip(folder / "any.zip", files)], ids=["tree", "zip"]
)
@pytest.mark.parametrize("way", ["argument", "environment"])
def test_layouts_of_a_folder(tmp_path, monkeypatch, layout, put, way):
    put(tmp_path / layout, FILES)
    if way == "environment":
        monkeypatch.setenv("HM2BP_DATA", str(tmp_path / "mine"))
    corpus = find_corpus(SOURCE, tmp_path / "mine" if way == "argument" else None)
    assert corpus.sizes == {name: len(content) for name, content in CONTENT.items()}
    assert content_of(corpus) == CONTENT


def test_the_zip_itself_and_the_cache(tmp_path):
    put_zip(tmp_path / "mine.zip", {f"release-1/{name}": content for name, content in FILES.items()})
    assert set(find_corpus(SOURCE, tmp_path / "mine.zip").sizes) == {f"release-1/{name}" for name in CONTENT}
    put_tree(tmp_path / "cache" / "hm2bp_brian" / "words", FILES)
    assert content_of(find_corpus(SOURCE)) == CONTENT


def test_no_fall_through_from_an_explicit_folder(tmp_path):
    put_tree(tmp_path / "cache" / "hm2bp_brian" / "words", FILES)
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DatasetNotFoundError) as caught:
            find_corpus(SOURCE, folder)
        for part in (str(folder), "the folder said", "words/", "words(data=folder)", "HM2BP_DATA"):
            assert part in str(caught.value)


def test_an_environment_variable_that_names_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HM2BP_DATA", str(tmp_path / "mistyped"))
    with pytest.raises(DatasetNotFoundError, match=r"HM2BP_DATA.*mistyped"):
        find_corpus(SOURCE)


def test_foreign_paths_in_a_zip_write_nothing(tmp_path):
    put_zip(tmp_path / "mine" / "a.zip", FILES | {"../said/escaped.wav": b"3", "/said/root.wav": b"4"})
    before = sorted(tmp_path.rglob("*"))
    content_of(find_corpus(SOURCE, tmp_path / "mine"))
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path / "said").exists()


def test_a_damaged_zip(tmp_path):
    put_zip(tmp_path / "a.zip", FILES)
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    with pytest.raises(DatasetError, match=r"cut\.zip: can't be read as a zip"):
        find_corpus(SOURCE, tmp_path / "cut.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        start = archive.getinfo("said/TWO.WAV").header_offset
    # the content of the file, behind a header of 30 bytes and its name
    (tmp_path / "a.zip").write_bytes(whole[: start + 42] + b"\xff" + whole[start + 43 :])
    with pytest.raises(DatasetError, match=r"a\.zip: 'said/TWO\.WAV' can't be read"):
        content_of(find_corpus(SOURCE, tmp_path / "a.zip"))


def test_a_file_that_is_no_utterance(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "MAX_FILE_SIZE", 1)
    put_zip(tmp_path / "a.zip", FILES)
    with pytest.raises(DatasetError, match=r"'said/TWO\.WAV' has 2 bytes, expected .* at most 1"):
        content_of(find_corpus(SOURCE, tmp_path / "a.zip"))


@pytest.fixture
def web(monkeypatch):
    """What the address answers: bytes, or the error that it raises; ``asked`` counts."""

    class Web:
        answer, asked = ConnectionError("no such host"), 0

        def __init__(self, progressbar):
            pass

        def __call__(self, url, output_file, pooch):
            Web.asked += 1
            if isinstance(Web.answer, BaseException):
                raise Web.answer
            with open(output_file, "wb") as file:
                file.write(Web.answer)

    monkeypatch.setattr(pooch, "HTTPDownloader", Web)
    return Web


SHA256 = hashlib.sha256(
    b"TWO.WAV" + hashlib.sha256(b"22").digest() + b"one.wav" + hashlib.sha256(b"1").digest()
).hexdigest()
ONLINE = dataclasses.replace(SOURCE, address="https://it", sha256=SHA256)


def test_downloaded_once(tmp_path, web):
    put_zip(tmp_path / "a.zip", {f"release-1/{name}": content for name, content in FILES.items()})
    web.answer = (tmp_path / "a.zip").read_bytes()
    for _ in range(2):
        assert set(content_of(find_corpus(ONLINE)).values()) == set(CONTENT.values())
    assert web.asked == 1
    assert [path.name for path in (tmp_path / "cache" / "hm2bp_brian" / "words").iterdir()] == ["words.zip"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (ConnectionError("no such host"), "no such host"),
        (b"<html>", "can't be read as a zip"),
        ({"readme": b"another project"}, "holds no file of this corpus"),
        (FILES | {"said/one.wav": b"changed"}, f"sha256 {SHA256}, found"),
    ],
    ids=["no net", "page", "other", "changed"],
)
def test_a_download_that_is_not_the_corpus_is_kept_aside(tmp_path, web, answer, message):
    if isinstance(answer, dict):
        put_zip(tmp_path / "other.zip", answer)
        answer = (tmp_path / "other.zip").read_bytes()
    web.answer = answer
    with pytest.raises(DatasetNotFoundError, match=rf"https://it: .*{message}.*Put the folder said"):
        find_corpus(ONLINE)
    left = {path.name: path.read_bytes() for path in (tmp_path / "cache" / "hm2bp_brian" / "words").iterdir()}
    assert left == ({"words.zip.rejected": answer} if isinstance(answer, bytes) else {})
    with pytest.raises(DatasetNotFoundError):
        find_corpus(ONLINE)
    assert web.asked == 2

"""N-MNIST: real recordings that come with the tests, damaged ones, and the larger subset where it is at hand."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_files import write_tree, write_zip

from hm2bp_brian.datasets.nmnist import NMNIST, nmnist, parse_events
from hm2bp_brian.encoding import nmnist_spikes, paper_channels
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError

RECORDINGS = Path(__file__).parents[2] / "data" / "nmnist"

# Events; then spikes, last step and sum of step * channel as a converter written independently finds them.
KNOWN = {
    "Test/1/00041.bin": (1069, 1058, 512, 320678944),
    "Test/4/00025.bin": (2025, 2013, 514, 558524124),
    "Train/1/00605.bin": (1199, 1172, 520, 366213272),
    "Train/4/00755.bin": (1420, 1390, 513, 389678775),
    "Train/5/00779.bin": (1332, 1314, 521, 292992643),
    "Train/8/00419.bin": (1112, 1080, 509, 262277656),
}


def files() -> dict[str, bytes]:
    return {name: (RECORDINGS / name).read_bytes() for name in KNOWN}


def event_bytes(x, y, p, t) -> bytes:
    return bytes([x, y]) + (p << 23 | t).to_bytes(3, "big")


@pytest.mark.parametrize("name", KNOWN)
def test_real_recordings(name):
    n_events, n_spikes, last, checksum = KNOWN[name]
    events = parse_events((RECORDINGS / name).read_bytes(), name)
    assert len(events) == n_events
    steps, neurons = nmnist_spikes(events)
    assert (len(steps), steps.max()) == (n_spikes, last)
    assert (steps.astype(np.int64) * paper_channels(neurons)).sum() == checksum


def parts(names) -> dict[str, bytes]:
    return {name: content for name, content in files().items() if name.startswith(names)}


def zips(folder):
    write_zip(folder / "train.zip", parts("Train"))
    write_zip(folder / "test.zip", parts("Test"))


def one_zip(folder):
    write_zip(folder / "recordings.zip", files())


def tree(folder):
    write_tree(folder, files())


def zip_and_tree(folder):
    write_zip(folder / "train.zip", parts("Train"))
    write_tree(folder, parts("Test"))


@pytest.mark.parametrize("layout", [zips, one_zip, tree, zip_and_tree])
@pytest.mark.parametrize("place", [".", "nmnist", "NMNIST"])
def test_layouts(tmp_path, layout, place):
    layout(tmp_path / place)
    train, test = nmnist(tmp_path)
    # in the order of the official numbers, not of the folders
    assert (train.labels.tolist(), test.labels.tolist()) == ([8, 1, 4, 5], [4, 1])
    assert (train.shape, train.n_classes, train.name) == ((34, 34, 2), 10, "nmnist subset")
    assert np.diff(train.offsets).tolist() == [1080, 1172, 1390, 1314]
    steps, neurons = nmnist_spikes(parse_events(files()["Train/4/00755.bin"], ""))
    batch = train.batch([2], 540)
    assert np.array_equal(batch.steps, steps) and np.array_equal(batch.neurons, neurons)


def test_found_through_the_environment(tmp_path, monkeypatch):
    tree(tmp_path / "NMNIST")
    monkeypatch.setenv("HM2BP_DATA", str(tmp_path))
    assert len(nmnist()[0]) == 4


def test_nothing_there_says_what_is_expected(tmp_path):
    zips(tmp_path)
    (tmp_path / "test.zip").unlink()
    with pytest.raises(DatasetNotFoundError) as caught:
        nmnist(tmp_path)
    for part in ("nmnist(data=...)", "train.zip and test.zip", "Test/<digit>/<number>.bin", str(tmp_path / "NMNIST")):
        assert part in str(caught.value)


def test_published_files_and_hashes():
    assert {file: md5 for file, (_, md5) in NMNIST.published.items()} == {
        "train.zip": "20959b8e626244a1b502305a9e6e2031",
        "test.zip": "69ca8762b2fe404d9b9bad1103e97832",
    }


def test_a_label_folder_that_is_no_digit(tmp_path):
    one_zip(tmp_path)
    for folder in ("seven", "10", "-1"):
        write_zip(tmp_path / "recordings.zip", files() | {f"Train/{folder}/00009.bin": b"12345"})
        with pytest.raises(DatasetError, match=rf"Train/{folder}/00009\.bin: expected a folder 0\.\.9"):
            nmnist(tmp_path)


def test_files_that_are_no_recordings_are_passed_over(tmp_path):
    foreign = ["Train/3/._00009.bin", "Train/3/note.bin", "../Train/3/00009.bin", "Train/00009.bin", "Train/3/"]
    write_zip(tmp_path / "recordings.zip", files() | dict.fromkeys(foreign, b""))
    assert len(nmnist(tmp_path)[0]) == 4
    write_zip(tmp_path / "recordings.zip", parts("Test") | {"Train/3/note.bin": b""})
    with pytest.raises(DatasetError, match="<number>.bin, found none"):
        nmnist(tmp_path)


def test_a_damaged_recording_is_named(tmp_path):
    broken = files()["Train/1/00605.bin"][:-2]
    for write, path in ((write_zip, "recordings.zip"), (write_tree, "tree")):
        folder = tmp_path / path.split(".")[0]
        write(folder / path if write is write_zip else folder, files() | {"Train/1/00605.bin": broken})
        with pytest.raises(DatasetError, match=r"1/00605\.bin: expected whole events .* found 5993 .* truncated"):
            nmnist(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"1234", "found 4 bytes; the file is truncated"),
        (event_bytes(0, 0, 0, 0) + event_bytes(34, 0, 0, 1), r"x and y in 0\.\.33, event 1 has x = 34, y = 0"),
        (event_bytes(0, 240, 0, 0), "y = 240"),
        (event_bytes(1, 1, 0, 5) + event_bytes(1, 1, 1, 4), "event 1 at 4 us comes after 5 us"),
    ],
    ids=["empty", "truncated", "x", "y", "time"],
)
def test_bad_recordings(content, message):
    with pytest.raises(DatasetError, match=f"a file: .*{message}"):
        parse_events(content, "a file")


events = st.tuples(st.integers(0, 33), st.integers(0, 33), st.booleans(), st.integers(0, 2**23 - 1))


@given(st.lists(events, min_size=1))
def test_fields_are_where_they_belong(rows):
    rows.sort(key=lambda row: row[3])
    parsed = parse_events(b"".join(event_bytes(*row) for row in rows), "")
    assert [(x, y, p, t) for x, y, t, p in parsed.tolist()] == rows


@given(st.binary(max_size=60) | st.lists(st.integers(0, 40), max_size=60).map(bytes))
def test_any_bytes_are_read_or_refused(content):
    try:
        parsed = parse_events(content, "any")
    except DatasetError:
        return
    assert len(parsed) == len(content) / 5 and (np.diff(parsed["t"]) >= 0).all()


def test_the_subset_of_1100_recordings():
    roots = [os.environ.get("HM2BP_DATA"), Path(__file__).parents[4] / "shared" / "data"]
    folder = next((path for root in roots if root and (path := Path(root) / "nmnist_small").is_dir()), None)
    if folder is None:
        pytest.skip("needs nmnist_small, 1100 recordings, in HM2BP_DATA or ../shared/data")
    train, test = nmnist(folder)
    assert (len(train), len(test)) == (1000, 100)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # MNIST's order
    assert round(len(train.steps) / 1000) == 4104
    assert train.steps.max() == 527


def test_the_licence_lies_beside_the_recordings(tmp_path):
    assert "CC BY-SA 4.0" in (RECORDINGS / "README.md").read_text()
    assert sum(path.stat().st_size for path in RECORDINGS.rglob("*.bin")) < 100_000
    shutil.copytree(RECORDINGS, tmp_path / "copy")  # the note does not disturb the loader
    assert len(nmnist(tmp_path / "copy")[1]) == 2

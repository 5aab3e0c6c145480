"""SHD from small files of its format."""

import sys

import h5py
import numpy as np
import pytest
from brian2 import ms
from hypothesis import given, settings
from hypothesis import strategies as st
from small_files import write_zip

from hm2bp_brian.datasets import shd, shd_reader
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError, LabelError, MissingPackageError, SpikeError

MODULE = sys.modules["hm2bp_brian.datasets.shd"]  # which the function of this name hides in the package
TIMES = [[0.0, 0.25, 0.001953125], [], [1.25]]
UNITS = [[699, 0, 3], [], [5]]
LABELS = [19, 0, 7]


def write(path, times=TIMES, units=UNITS, labels=LABELS, without=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, trains, dtype in (("times", times, np.float16), ("units", units, np.uint16)):
            if name != without:
                dataset = file.create_dataset(f"spikes/{name}", (len(trains),), dtype=h5py.vlen_dtype(dtype))
                for number, train in enumerate(trains):
                    dataset[number] = np.array(train, dtype=dtype)
        file["labels"] = np.array(labels, dtype=np.uint16)


@pytest.mark.parametrize("place", [".", "shd", "SHD"])
@pytest.mark.parametrize("suffix", ["", ".zip"])
def test_layouts(tmp_path, place, suffix):
    for part in ("train", "test"):
        file = tmp_path / place / f"shd_{part}.h5"
        write(file, labels=LABELS if part == "train" else LABELS[::-1])
        if suffix:
            write_zip(file.with_name(f"{file.name}.zip"), {file.name: file.read_bytes()})
            file.unlink()
    train, test = shd(tmp_path)
    assert (train.shape, train.n_classes, train.name) == ((1, 700, 1), 20, "shd")
    assert (train.labels.tolist(), test.labels.tolist()) == ([19, 0, 7], [7, 0, 19])
    assert train.steps.tolist() == [0, 1, 250, 1250]
    assert train.neurons.tolist() == [699, 3, 0, 5]
    assert train.offsets.tolist() == [0, 3, 3, 4]
    assert shd(tmp_path, dt=250 * ms)[0].steps.tolist() == [0, 0, 1, 5]


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"units": [[700, 0, 3], [], [5]]}, SpikeError, r"shd, sample 0: x must be in 0\.\.699, event 0 has 700"),
        ({"units": [[1, 0], [], [5]]}, DatasetError, r"shd_train\.h5: sample 0 has 3 times, but 2 units"),
        ({"units": [[1, 0, 3], []]}, DatasetError, "found 3, 2 and 3"),
        ({"times": [[0, 0, np.nan], [], [5]]}, DatasetError, "times of sample 0 must be finite"),
        ({"times": [[0, 0, 1], [], [-1]]}, SpikeError, "sample 2: t must be"),
        ({"labels": [1, 2, 20]}, LabelError, r"0\.\.19"),
        ({"without": "units"}, DatasetError, r"shd_train\.h5: expected HDF5 with spikes/times, spikes/units"),
    ],
    ids=["unit", "lengths", "trains", "nan", "negative", "label", "missing"],
)
def test_bad_files(tmp_path, changed, error, message):
    write(tmp_path / "shd_test.h5")
    write(tmp_path / "shd_train.h5", **changed)
    with pytest.raises(error, match=message):
        shd(tmp_path)


@pytest.fixture(scope="module")
def good_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shd")
    for part in ("train", "test"):
        write(folder / f"shd_{part}.h5")
    return folder, (folder / "shd_train.h5").read_bytes()


@settings(deadline=None, max_examples=8)  # files, and a process each
@given(cut=st.integers(1, 10_000))
def test_a_truncated_file_is_refused(good_file, cut):
    folder, content = good_file
    (folder / "shd_train.h5").write_bytes(content[: max(len(content) - cut, 0)])
    with pytest.raises(DatasetError, match="shd_train.h5"):
        shd(folder)


@settings(deadline=None)
@given(cut=st.integers(1, 10_000))
def test_the_reader_refuses_a_truncated_file(good_file, cut):
    _, content = good_file
    with pytest.raises((OSError, KeyError, RuntimeError, ValueError), match=r"\w+"):
        shd_reader.read(content[: max(len(content) - cut, 0)])


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import time; time.sleep(60)", r"shd_train\.h5: expected HDF5.*within 0\.5 s; it is probably damaged"),
        ("import os; os.abort()", r"shd_train\.h5: expected HDF5.*the HDF5 library crashed"),
    ],
    ids=["hangs", "crashes"],
)
def test_a_reader_that_hangs_or_crashes_is_given_up(good_file, tmp_path, monkeypatch, program, message):
    folder, content = good_file
    (folder / "shd_train.h5").write_bytes(content)
    (tmp_path / "reader.py").write_text(program)
    monkeypatch.setattr(MODULE, "READER", tmp_path / "reader.py")
    monkeypatch.setattr(MODULE, "READING_SECONDS", 0.5 if "sleep" in program else 60)
    with pytest.raises(DatasetError, match=message):
        shd(folder)


def test_nothing_there(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"shd_train\.h5\[\.zip\] and shd_test\.h5\[\.zip\]"):
        shd(tmp_path)


def test_without_h5py(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingPackageError, match=r"pip install hm2bp_brian\[shd\]"):
        shd(tmp_path)

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hm2bp_brian.errors import DatasetError, UnknownNameError
from hm2bp_brian.files import write_atomically
from hm2bp_brian.training.history import COLUMNS, History

NAN = float("nan")


def row(epoch, **more):
    return {"epoch": epoch, "train_loss": 2.5, "train_accuracy": 0.1, "seconds": 1.0} | more


def test_file_is_plain_csv_with_empty_cells_for_what_was_not_measured(tmp_path):
    path = tmp_path / "history.csv"
    History([row(1, rate_0=0.25), row(2, test_accuracy=0.9, rate_0=np.float64(1) / 3, holdout_accuracy=0.5)]).to_csv(
        path
    )
    assert path.read_text() == (
        "epoch,train_loss,train_accuracy,seconds,rate_0,test_accuracy,holdout_accuracy\n"
        "1,2.5,0.1,1.0,0.25,,\n"
        "2,2.5,0.1,1.0,0.3333333333333333,0.9,0.5\n"
    )


VALUES = st.floats(allow_infinity=False)


@given(st.lists(st.tuples(VALUES, VALUES, VALUES, VALUES), max_size=5))
def test_csv_round_trip_is_exact(tmp_path_factory, values):
    columns = [*COLUMNS, "rate_0"]
    history = History.from_table(columns, [(k, *v) for k, v in enumerate(values, start=1)])
    path = tmp_path_factory.mktemp("history") / "h.csv"
    history.to_csv(path)
    again = History.from_csv(path)
    assert [r["epoch"] for r in again] == list(range(1, len(values) + 1))
    assert all(isinstance(r["epoch"], int) for r in again)
    if values:
        assert again.columns == history.columns
        np.testing.assert_array_equal(again.table(), history.table())


def test_rows_and_columns():
    history = History([row(1), row(2, extra=3.0)])
    assert len(history) == 2 and history[-1]["epoch"] == 2 and [r["epoch"] for r in history] == [1, 2]
    assert history.columns == [*COLUMNS, "extra"]
    np.testing.assert_array_equal(history.column("extra"), [NAN, 3.0])
    assert History().table().shape == (0, len(COLUMNS))
    np.testing.assert_array_equal(history["loss"], [2.5, 2.5])
    np.testing.assert_array_equal(history["extra"], [NAN, 3.0])
    with pytest.raises(UnknownNameError, match="unknown column of the history 'extras'. Did you mean 'extra'"):
        history["extras"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header must have epoch,train_loss"),
        (b"time,voltage\n1,2\n", r"found \['time', 'voltage'\]"),
        (b"\xff\xfe", "is no history"),
        (",".join(COLUMNS).encode() + b"\n1,2,3\n", "line 2: expected 4 cells, found 3"),
        (",".join(COLUMNS).encode() + b"\n1,2,3,4\n2,x,3,4\n", "line 3: could not convert"),
        (",".join(COLUMNS).encode() + b"\n,2,3,4\n", "line 2"),
        (",".join(COLUMNS).encode() + b"\ninf,2,3,4\n", "line 2"),
        (",".join(COLUMNS).encode() + b"\n-1,2,3,4\n", "epochs of the history should be 1, 2, 3 .*found .-1.0"),
        (",".join(COLUMNS).encode() + b"\n1.5,2,3,4\n", "epochs of the history"),
        (",".join(COLUMNS).encode() + b"\n1,2,3,4\n3,2,3,4\n", "epochs of the history"),
        (",".join(COLUMNS).encode() + b",a,a\n1,2,3,4,5,6\n", "columns of the history"),
    ],
)
def test_other_files_are_refused_with_name_and_line(tmp_path, content, message):
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message) as caught:
        History.from_csv(path)
    assert str(path) in str(caught.value)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def refuse(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"

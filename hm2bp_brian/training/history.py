"""What a training run was like, one row a finished epoch, and its CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from hm2bp_brian.errors import DatasetError, UnknownNameError
from hm2bp_brian.files import write_atomically
from hm2bp_brian.rendering import curve_picture, notebook_view
from hm2bp_brian.tables import csv_table

COLUMNS = ("epoch", "train_loss", "train_accuracy", "seconds")
LAST_EPOCHS = 10  # that a notebook shows


class History(Sequence):
    """One row, a dictionary, for each finished epoch.

    Every row has the columns ``epoch`` (from 1), ``train_loss``, ``train_accuracy`` and ``seconds`` (of training,
    without evaluation). They and ``rate_0``, ... (mean spike count of a neuron of layer 0 in a presentation) are
    measured during the epoch, with the weights as they change. Others, such as ``validation_accuracy``,
    ``test_accuracy`` and ``holdout_accuracy``, are measured after it, with the averaged weights where training averages
    them. Accuracies are fractions; a value that was not measured is NaN, an empty cell in the file.

    Parameters
    ----------
    rows : iterable of dict

    Examples
    --------
    >>> history = History([{"epoch": 1, "train_loss": 2.5, "train_accuracy": 0.5, "seconds": 1.0}])
    >>> history["loss"], history[-1]["train_accuracy"]
    (array([2.5]), 0.5)
    """

    def __init__(self, rows: Iterable[dict] = ()):
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key):
        """The row of an epoch, counted from 0; or a column, where "loss" and "accuracy" are those of training."""
        if not isinstance(key, str):
            return self.rows[key]
        name = key if key in self.columns else f"train_{key}"
        if name not in self.columns:
            raise UnknownNameError("column of the history", key, self.columns)
        return self.column(name)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of all rows: the fixed ones, then the others in order of appearance."""
        return list(dict.fromkeys([*COLUMNS, *(name for row in self.rows for name in row)]))

    def column(self, name: str) -> np.ndarray:
        """Values of one column, float64 (n_epochs,)."""
        return np.array([row.get(name, np.nan) for row in self.rows], dtype=np.float64)

    def table(self) -> np.ndarray:
        """All values, float64 (n_epochs, n_columns), in the order of ``columns``."""
        return np.stack([self.column(name) for name in self.columns], axis=1)

    def _repr_html_(self) -> str:
        rows = [self.columns, *([f"{value:.4g}" for value in row] for row in self.table()[-LAST_EPOCHS:])]
        return notebook_view("History", rows, self.picture())

    def picture(self) -> str:
        """SVG of the accuracy after each epoch: the last one of the columns."""
        column = [name for name in self.columns if name.endswith("accuracy")][-1]
        return curve_picture(column, self.column(column))

    @classmethod
    def from_table(cls, columns: Sequence[str], table: Sequence[Sequence[float]]) -> History:
        """Make a history from what ``columns`` and ``table()`` return; DatasetError if they are not a history's."""
        columns = list(columns)
        if columns[:1] != ["epoch"] or not set(COLUMNS) <= set(columns) or len(set(columns)) < len(columns):
            raise DatasetError(
                f"the columns of the history should be epoch, {', '.join(COLUMNS[1:])} and others, found {columns}"
            )
        if np.shape(table)[1:] not in ((), (len(columns),)):
            raise DatasetError(f"the {len(columns)} columns of the history don't fit its table of {np.shape(table)}")
        rows = [dict(zip(columns, map(float, values), strict=True)) for values in table]
        epochs = np.array([row["epoch"] for row in rows])
        if rows and not (1 <= epochs[0] < 2**53 and np.array_equal(epochs, np.floor(epochs[0]) + np.arange(len(rows)))):
            raise DatasetError(f"the epochs of the history should be 1, 2, 3 ..., found {epochs.tolist()}")
        return cls(row | {"epoch": int(row["epoch"])} for row in rows)

    def to_csv(self, path) -> None:
        """Write the history with a header line; floats are written exactly."""
        values = ([row.get(name, np.nan) for name in self.columns] for row in self.rows)
        rows = (["" if np.isnan(value) else str(value) for value in row] for row in values)
        write_atomically(path, csv_table(self.columns, rows))

    @classmethod
    def from_csv(cls, path) -> History:
        """Read a file that ``to_csv`` wrote.

        Raises
        ------
        DatasetError
            If it is another kind of file, or a cell is no number.
        """
        try:
            rows = list(csv.reader(io.StringIO(Path(path).read_bytes().decode())))
        except (UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(f"{path} is no history: {error}") from error
        header = rows[0] if rows else []
        if header[:1] != ["epoch"] or not set(COLUMNS) <= set(header):
            raise DatasetError(f"{path} is no history: its header must have {','.join(COLUMNS)}, found {header}")
        table = []
        for line, cells in enumerate(rows[1:], start=2):
            if len(cells) != len(header):
                raise DatasetError(f"{path}, line {line}: expected {len(header)} cells, found {len(cells)}")
            try:
                table.append([float(cell) if cell else np.nan for cell in cells])
                int(table[-1][0])
            except (ValueError, OverflowError) as error:
                raise DatasetError(f"{path}, line {line}: {error}") from error
        try:
            return cls.from_table(header, table)
        except DatasetError as error:
            raise DatasetError(f"{path}: {error}") from error

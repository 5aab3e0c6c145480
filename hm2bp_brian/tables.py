"""Tables as Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np


def to_markdown(rows: Sequence[Mapping]) -> str:
    """A Markdown table of rows with the same keys, which become its header; numbers as in ``cell``."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([cell(value) for value in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def to_csv(rows: Sequence[Mapping]) -> bytes:
    """The rows as CSV with a header of all their keys; floats are written exactly, what a row lacks is empty."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    return csv_table(header, ([row.get(name, "") for name in header] for row in rows))


def csv_table(header: Iterable, rows: Iterable[Iterable]) -> bytes:
    """A table as CSV; floats are written exactly."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def cell(value) -> str:
    """A value as tables to read show it: a float with four significant digits, or all those before the point."""
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def mean_and_sd(percent: np.ndarray) -> str:
    """Mean and standard deviation over seeds, the latter if there are several; '-' if a seed lacks the figure."""
    if np.isnan(percent).any():
        return "-"
    mean = f"{percent.mean():.2f}"
    return mean if len(percent) == 1 else f"{mean} ± {percent.std(ddof=1):.2f}"

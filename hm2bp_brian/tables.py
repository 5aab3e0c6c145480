"""Tables as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence


def to_markdown(rows: Sequence[Mapping]) -> str:
    """A Markdown table of rows with the same keys, which become its header; floats with four significant digits."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def to_csv(rows: Sequence[Mapping]) -> bytes:
    """The rows as CSV with a header; floats are written exactly."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _cell(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

import re
from pathlib import Path

import hm2bp_brian
from hm2bp_brian.tables import csv_table, to_csv, to_markdown

ROWS = [
    {"name": "a, b", "x": 1 / 3, "n": 12345678},
    {"name": "c", "x": float("nan"), "n": 0},
    {"name": "d", "x": 12345.6, "n": 1},
]


def test_markdown_rounds_floats_only():
    assert to_markdown(ROWS).splitlines() == [
        "| name | x | n |",
        "| --- | --- | --- |",
        "| a, b | 0.3333 | 12345678 |",
        "| c | - | 0 |",
        "| d | 12346 | 1 |",
    ]


def test_csv_is_exact():
    assert to_csv(ROWS).decode() == 'name,x,n\n"a, b",0.3333333333333333,12345678\nc,nan,0\nd,12345.6,1\n'


def test_values_go_by_their_names():
    assert to_csv([{"a": 1, "b": 2}, {"b": 4, "a": 3}]) == b"a,b\n1,2\n3,4\n"
    assert to_csv([{"a": 1, "b": 2}, {"a": 3}, {"c": 5, "b": 0}]) == b"a,b,c\n1,2,\n3,,\n,0,5\n"


def test_table_of_any_iterables():
    written = csv_table(iter(["a", 1]), (iter(row) for row in (['say "x"', 0.1 + 0.2], ["two\nlines", ""])))
    assert written == b'a,1\n"say ""x""",0.30000000000000004\n"two\nlines",\n'
    assert csv_table(["a"], []) == b"a\n"


def test_one_function_writes_all_csv_files():
    sources = Path(hm2bp_brian.__file__).parent.rglob("*.py")
    writers = [path.name for path in sources if re.search(r"csv\.(Dict)?[wW]riter", path.read_text(encoding="utf-8"))]
    assert writers == ["tables.py"]

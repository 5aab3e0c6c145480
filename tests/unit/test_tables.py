from hm2bp_brian.tables import to_csv, to_markdown

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

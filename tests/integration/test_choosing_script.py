"""The figure of the page on choosing, with few digits."""

import csv

import matplotlib.pyplot as plt
from scripts import ROOT, RUN_WITHOUT_WARNINGS, run_script


def test_quick_figure(tmp_path):
    script = ROOT / "analysis" / "choosing.py"
    done = run_script("-c", RUN_WITHOUT_WARNINGS, script, tmp_path, "--quick", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "choosing.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 2 * 2
    rates = [float(row["rate_before_hz"]) for row in rows if row["varied"] == "gain"]
    assert all(small < large for small, large in zip(rates[::2], rates[1::2], strict=True))
    # units change nothing: the thresholds of both are in one unit, and weights and learning rate follow them
    assert rates[0] == rates[2] and rates[1] == rates[3]
    assert plt.imread(tmp_path / "choosing.png").min() < 0.5

"""What the page says, however a recipe is named."""

import dataclasses
import re

from tiny_run import RECIPE, make_run, use_tiny_data_and_engine

from hm2bp_brian.experiments.report import write_report
from hm2bp_brian.experiments.trained import load_trained


def test_names_are_text_and_no_html(tmp_path, monkeypatch):
    use_tiny_data_and_engine(monkeypatch)
    make_run(tmp_path / "run", dataclasses.replace(RECIPE, name="<script>a & b</script>", epochs=1))
    page = write_report(load_trained(tmp_path / "run"), sample=1).read_text(encoding="utf-8")
    assert "<title>&lt;script&gt;a &amp; b&lt;/script&gt;, seed 1</title>" in page
    assert "<script" not in page
    assert re.findall("<h2>(.*)</h2>", page) == [
        "Summary",
        "History",
        "What test sample 1 does",
        "What made a spike of sample 1",
        "Neurons",
        "Weights",
        "Confusion matrix",
        "Worst mistakes",
        "Firing statistics",
        "Recipe and versions",
    ]
    assert page.count("<img ") == page.count("data:image/png;base64,iVBOR") >= 6

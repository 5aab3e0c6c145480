"""The README's Python samples run, in the order in which they stand."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[2] / "README.md"
PAPER = "examples/frompapers/Jin_et_al_2018"


def test_python_samples(capsys):
    samples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(samples) == 3
    scope = {}
    exec(samples[0], scope)
    network, record = scope["network"], scope["record"]
    assert "635,200" in capsys.readouterr().out
    assert scope["history"][0]["validation_accuracy"] > 0.88
    assert record.counts(1).shape == (4, 10) and record.dense(0).shape == (4, 400, 800)
    assert [g.shape for g in scope["grads"]] == [w.shape for w in network.weights]
    exec(samples[1], scope)
    assert scope["trace"].u.shape == (10, 4 * 400)
    assert np.mean(scope["record"].dense(0) == record.dense(0)) > 0.999
    exec(samples[2], scope)
    assert scope["neuron"].state_variables == ("I", "h", "u")


def test_code_on_the_first_page_fits_its_box():
    """Of the documentation, whose first page is the part before Exchange: 46em hold 84 characters of code."""
    page = README.read_text(encoding="utf-8").partition("\n## Exchange")[0]
    blocks = re.findall(r"```python\n(.*?)```|((?:^    [^\n]*\n)+)", page, flags=re.DOTALL | re.MULTILINE)
    lines = [line for fenced, indented in blocks for line in (fenced or textwrap.dedent(indented)).splitlines()]
    assert len(lines) > 40
    assert [line for line in lines if len(line) > 84] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "examples/README.md", PAPER + "/README.md"])
def test_links_and_pictures_lead_to_files(page):
    path = README.parent / page
    targets = re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8"))
    files = [target.partition("#")[0] for target in targets if not target.startswith(("http", "#"))]
    assert [file for file in files if not (path.parent / file).exists()] == []

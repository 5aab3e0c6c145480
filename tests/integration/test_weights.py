"""The weight files in the repository score what is reported of them."""

import json
import re
from pathlib import Path

import pytest

from hm2bp_brian.experiments import cli, pretrained
from hm2bp_brian.training.history import History

FOLDER = pretrained.FOLDER
HISTORIES = Path(__file__).parents[2] / "examples" / "frompapers" / "Jin_et_al_2018" / "histories"
ROW = re.compile(r"\| `(.+)` \| (.+) \| (\d+) \| (\d+) \| ([\d.]+) \|")
REPORTED = {name: values for name, *values in ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))}


def test_every_file_is_reported_and_small():
    assert sorted(REPORTED) == sorted(path.name for path in FOLDER.glob("*.npz"))
    assert all(path.stat().st_size <= 3e6 for path in FOLDER.glob("*.npz"))


@pytest.mark.parametrize("name", sorted(REPORTED))
def test_a_file_scores_what_is_reported(name, capsys):
    recipe, seed, epochs, percent = REPORTED[name]
    assert cli.main(["evaluate", str(FOLDER / name)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["recipe"], found["seed"], found["epochs"]) == (recipe, int(seed), int(epochs))
    assert found["samples"] == 10_000
    # another processor may round a few membrane potentials otherwise
    assert 100 * found["accuracy"] == pytest.approx(float(percent), abs=0.03)
    last = History.from_csv(HISTORIES / f"{recipe}-seed{seed}.csv")[-1]
    assert 100 * last["test_accuracy"] == pytest.approx(float(percent), abs=0.005)

"""Every script answers --help, and does nothing else then."""

import json

import pytest
from scripts import ROOT, run_script

MODULES = {"command_line.py", "task.py"}  # of the folder's scripts; no script
# One process for a folder's scripts, as importing Brian2 for each would take most of the time.
ASK = """
import contextlib, io, json, runpy, sys
from pathlib import Path

import hm2bp_brian

answers, argv = {}, sys.argv[1:]
for script in argv:
    sys.argv, sys.path[0] = [script, "--help"], str(Path(script).parent)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            runpy.run_path(script, run_name="__main__")
            answers[script] = "went on", printed.getvalue()
        except SystemExit as end:
            answers[script] = end.code, printed.getvalue()
print(json.dumps(answers))
"""


@pytest.mark.parametrize("folder", ["examples", "analysis"])
def test_help_does_nothing_else(folder, tmp_path):
    scripts = [
        path
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name not in MODULES and path.parent.name != "networks"
    ]
    assert len(scripts) > 5
    done = run_script("-W", "ignore::DeprecationWarning", "-c", ASK, *scripts, folder=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    for script in scripts:
        code, printed = answers[str(script)]
        assert code == 0 and printed.startswith(f"usage: {script.name} "), f"{script}: {printed}"
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []

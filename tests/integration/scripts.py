"""Running and importing the scripts in examples and analysis."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "examples" / "frompapers" / "Jin_et_al_2018"

# Brian2 calls pyparsing's old names; every other warning is an error
RUN_WITHOUT_WARNINGS = """
import runpy, sys, warnings
for module in ("brian2.*", "pyparsing.*"):
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=module)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_script(*arguments, folder, timeout=120):
    """Run Python with these arguments in a folder, warnings being errors."""
    environment = os.environ | {"MPLBACKEND": "Agg"}
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def import_from(folder, name, monkeypatch):
    """Import a script of a folder; a generator for fixtures, which forgets the folder's scripts in the end."""
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module(name)
    for script in folder.glob("*.py"):
        sys.modules.pop(script.stem, None)

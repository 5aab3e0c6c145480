"""The command before and around the package's import, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = "import sys, hm2bp_command; sys.exit(hm2bp_command.main())"


def run(*arguments, before=()):
    """The command in a process, with folders before all others in its path of imports."""
    path = os.pathsep.join([*map(str, before), str(Path(__file__).parents[2])])
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-c", START, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    ("ends_by", "code", "said"),
    [
        ("KeyboardInterrupt", 130, "hm2bp: interrupted\n"),
        ("MemoryError", 1, "hm2bp: error: not enough memory to start\n"),
    ],
)
def test_an_import_that_is_cut_short_ends_in_a_line(tmp_path, ends_by, code, said):
    (tmp_path / "brian2.py").write_text(f"raise {ends_by}")
    done = run("recipes", before=[tmp_path])
    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)


def test_the_command_runs_the_package():
    done = run("recipes")
    assert done.returncode == 0 and "mnist-mlp" in done.stdout.split()

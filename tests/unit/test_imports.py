"""What importing the package does not bring along."""

import subprocess
import sys

import pytest

HEAVY = ("matplotlib.pyplot", "sklearn", "distributed", "h5py", "neo", "nir", "pandas", "pynwb")
HEAVY += ("scipy.signal", "soundfile")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["hm2bp_brian", "hm2bp_brian.experiments.cli"])
def test_no_pyplot_nor_optional_package(module):
    # Brian2 itself takes pylab, and so pyplot, where there is one: here it finds none
    loaded = run(f"import sys; sys.modules['pylab'] = None; import {module}; print(*sys.modules, sep='\\n')").split()
    assert "hm2bp_brian.plotting.raster" in loaded and "brian2" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_the_users_backend_stays(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "svg")
    assert run("import hm2bp_brian; import matplotlib; print(matplotlib.get_backend())") == "svg\n"

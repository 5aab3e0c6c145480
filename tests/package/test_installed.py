"""The package as a user installs it: sdist, wheel from the sdist, and an environment without the source tree."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "hm2bp_brian"
BUILT_FROM = (PACKAGE, "hm2bp_command.py", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")


def tracked_files() -> list[str]:
    """What the package is built from: files that git knows, or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *BUILT_FROM]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"not in a git checkout, whose files are compared: {listed.stderr}")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("sdist")
    for name in tracked_files():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((ROOT / name).read_bytes())
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(out)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=tree, check=True)
    (archive,) = out.iterdir()
    return archive


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(out), str(sdist)], check=True)
    (archive,) = out.iterdir()
    return archive


class Environment:
    """A virtual environment with the wheel, and with what this one has but the package.

    Parameters
    ----------
    wheel, folder : path
    """

    def __init__(self, wheel: Path, folder: Path):
        self.folder = folder / "environment"
        self.python = self.folder / "bin" / "python"
        self.variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
            "HM2BP_CACHE": str(folder / "cache"),
            "HM2BP_DATA": str(ROOT / "examples" / "data" / "mnist"),
            "MPLBACKEND": "Agg",
        }
        venv.create(self.folder, symlinks=True)
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet", "--no-index"]
        subprocess.run([*pip, "--no-deps", str(wheel)], env=self.variables, check=True)
        # Python looks there for packages, but not for .pth files, by which an editable installation would be found
        dependencies = [path for path in sys.path if path.endswith("site-packages")]
        (self.site_packages / "dependencies.pth").write_text("\n".join(dependencies))
        # setuptools' gives Brian2 the module distutils, which Python 3.12 no longer has
        for path in dependencies:
            for distutils in Path(path).glob("distutils-precedence.pth"):
                shutil.copy(distutils, self.site_packages)

    @property
    def site_packages(self) -> Path:
        (folder,) = self.folder.glob("lib/python*/site-packages")
        return folder

    def run(self, program: str, *arguments, folder: Path) -> str:
        """What a program of the environment prints when it runs in a folder."""
        command = [self.folder / "bin" / program, *arguments]
        done = subprocess.run(command, cwd=folder, env=self.variables, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    return Environment(wheel, tmp_path_factory.mktemp("installed"))


def test_sdist_and_wheel_hold_every_file_of_the_package(sdist, wheel):
    tracked = {name for name in tracked_files() if name.startswith(f"{PACKAGE}/")}
    assert any(name.endswith(".hpp") for name in tracked)
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if name.startswith(f"{PACKAGE}/")} == tracked
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
        assert {name for name in names if name.startswith(f"{PACKAGE}/")} == tracked


def test_samples_of_the_readme(environment, tmp_path):
    samples = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    ending = (
        f"import {PACKAGE}, sys; print({PACKAGE}.__file__, history[0]['validation_accuracy'], trace.u.shape, sep='\\n')"
    )
    beginning = "import brian2; brian2.prefs.codegen.target = 'numpy'"
    printed = environment.run("python", "-c", "\n".join([beginning, *samples, ending]), folder=tmp_path)
    path, accuracy, shape = printed.splitlines()[-3:]
    assert Path(path).parent == environment.site_packages / PACKAGE, "another package was tested"
    assert float(accuracy) > 0.5
    assert shape == "(10, 1600)"


def test_the_command_line(environment, tmp_path):
    few = ("--train-samples", "500", "--test-samples", "200", "--epochs", "1")
    environment.run("hm2bp", "train", "mnist-mlp", *few, "--out", "run", folder=tmp_path)
    run = tmp_path / "run"
    assert {"history.csv", "weights.npz", "recipe.toml", "figures"} <= {path.name for path in run.iterdir()}
    found = json.loads(environment.run("hm2bp", "evaluate", "run", folder=tmp_path))
    assert found["accuracy"] > 0.3  # one in ten by chance
    assert found["samples"] == 200
    environment.run("hm2bp", "inspect", "run", "--test-samples", "20", folder=tmp_path)
    assert "<img" in (run / "report.html").read_text(encoding="utf-8")
    small = ("--width", "20", "--duration", "20", "--batch-size", "10")
    assert json.loads(environment.run("hm2bp", "bench", "--json", *small, folder=tmp_path))["steps"] == 20


ALL_LAYERS = """
import brian2, numpy as np
from brian2 import ms
import hm2bp_brian as hb

brian2.prefs.codegen.target = "numpy"
layers = [hb.Conv2D(2, 3, threshold=2), hb.SumPool2D(2, threshold=1), hb.Dense(3, threshold=1)]
network = hb.SpikingNetwork((6, 6, 1), layers, hb.LIF(tau_m=64 * ms, tau_s=8 * ms), dt=1 * ms, duration=50 * ms, seed=1)
spikes = hb.SpikeBatch.from_dense(np.random.default_rng(1).random((2, 50, 6, 6, 1)) < 0.3)
one, other = (hb.simulate(network, spikes, engine=engine, dtype="float64") for engine in ("fused", "brian2"))
assert all(layer.n_spikes for layer in one.layers)
assert list(one.layers) == list(other.layers)
trainer = hb.Trainer(network, hb.SpikeCountLoss(), "adam", engine="fused")
tape = trainer.engine.forward(network.weights, spikes)
errors = trainer.loss.errors(tape.counts, np.array([0, 2]))
print(len(trainer.engine.backward(tape, errors, trainer.rules).arrays))
"""


def test_both_engines_with_every_kind_of_layer(environment, tmp_path):
    assert environment.run("python", "-c", ALL_LAYERS, folder=tmp_path).split() == ["3"]

"""Training speed and memory of packages that train spiking networks, beside this one on the same machine.

Run it with ``python analysis/compare_packages/compare.py OUT_DIR --make``.

Each package has an environment of its own in ``runs/compare_packages``, made by ``--make`` from the versions in the
folder ``environments``. They train 784-800-10 on the same spikes of MNIST, from the same weights, each in a process of
its own that follows one of this package; what is compared, and what is not, is in README.md. Measurements are added to
the table in OUT_DIR, so that several short runs on a quiet machine make one table.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np

import hm2bp_brian as hb
from hm2bp_brian.checks import check_count
from hm2bp_brian.engines.registry import available_cores
from hm2bp_brian.errors import ConfigurationError, EngineError, Hm2bpError, MissingPackageError
from hm2bp_brian.files import write_arrays, write_atomically
from hm2bp_brian.plotting import COLOURS, png
from hm2bp_brian.tables import to_csv, to_markdown

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parent))

from benchmark import machine  # noqa: E402

ENVIRONMENTS = FOLDER.parents[1] / "runs" / "compare_packages"
THIS = "hm2bp_brian"
PACKAGES = tuple(sorted(path.stem for path in (FOLDER / "environments").glob("*.txt")))
STEPS, BATCH_SIZE, BATCHES = (100, 400), 100, 20
QUICK_STEPS, QUICK_BATCH_SIZE, QUICK_BATCHES = (50,), 20, 8
N_HIDDEN, N_CLASSES = 800, 10
# Largest initial weights, for a threshold of 1: those of the recipe mnist-mlp over its thresholds and over tau_s.
LIMITS = (0.5 / 10 / 8, 0.5 / 8 / 8)
SEED = 1


def main(out_dir, packages=PACKAGES, steps=STEPS, threads=None, repeats: int = 3, data=None, quick: bool = False):
    """Measure, add to ``comparison.csv``, and draw ``comparison.png``; ``comparison_quick`` if quick.

    Parameters
    ----------
    out_dir : path
        Folder, made if need be.
    packages : sequence of str
        Of those in the folder ``environments``.
    steps : sequence of int
        Lengths of a presentation.
    threads : int, optional
        Cores that each process may use; all if not given.
    repeats : int
        Of each package and each length.
    data : path, optional
        Folder of MNIST's files.
    quick : bool
        This package beside itself, on few small batches, into an empty table: to try the script, not to report.

    Returns
    -------
    list of dict
        The summary of the table, as `summary` makes it.

    Raises
    ------
    MissingPackageError
        If a package's environment has not been made.
    ConfigurationError
        If the table has rows of another machine or other settings, or a number is impossible.
    EngineError
        If a process fails, or its network does not learn.
    """
    if quick:
        packages, steps, repeats = (THIS,), QUICK_STEPS, 1
    check_count("repeats", repeats)
    cores = available_cores()
    threads = cores if threads is None else check_count("threads", threads)
    if threads > cores:
        raise ConfigurationError(f"this process may use {cores} cores, found threads = {threads}")
    batch_size, batches = (QUICK_BATCH_SIZE, QUICK_BATCHES) if quick else (BATCH_SIZE, BATCHES)
    settings = machine() | {"threads": threads, "batch_size": batch_size, "batches": batches}
    for package in packages:
        interpreter(package)
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    table = out_dir / f"comparison{'_quick' if quick else ''}.csv"
    rows = [] if quick else read(table, settings)
    train, _ = hb.datasets.mnist(data)
    with tempfile.TemporaryDirectory() as folder:
        for n_steps in steps:
            task = write_task(Path(folder) / f"{n_steps}.npz", train, n_steps, batch_size, batches)
            for _ in range(repeats):
                for package in packages:
                    rows += measure_beside(package, task, n_steps, settings)
                    write_atomically(table, to_csv(rows))
    found = summary(rows)
    write_atomically(table.with_suffix(".png"), png(lambda axes: draw(axes, found), (9, 3.6), columns=2))
    print(to_markdown(found))
    return found


def make_environments(packages) -> None:
    """Install each package, in the versions of its list, into an environment of its own; those that are there stay."""
    for package in packages:
        wanted, home = (FOLDER / "environments" / f"{package}.txt").read_bytes(), ENVIRONMENTS / package
        installed = home / "installed.txt"
        if installed.exists() and installed.read_bytes() == wanted:
            continue
        print(f"installing {package} into {home} ...", flush=True)
        venv.create(home, clear=True, with_pip=True)
        command = [home / "bin" / "python", "-m", "pip", "install", "-r", FOLDER / "environments" / f"{package}.txt"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise MissingPackageError(f"pip can't install {package}, exit code {done.returncode}:\n{done.stderr}")
        write_atomically(installed, wanted)


def interpreter(package: str) -> str:
    """The Python of a package's environment, and for this package the one that runs."""
    if package == THIS:
        return sys.executable
    if not (ENVIRONMENTS / package / "installed.txt").exists():
        raise MissingPackageError(f"there is no environment for {package} in {ENVIRONMENTS}: make it with --make")
    return str(ENVIRONMENTS / package / "bin" / "python")


def read(table: Path, settings: dict) -> list[dict]:
    """The rows that a table has, numbers as numbers; ConfigurationError if one has other settings."""
    if not table.exists():
        return []
    with open(table, newline="", encoding="utf-8") as file:
        rows = [{name: number(value) for name, value in row.items()} for row in csv.DictReader(file)]
    for row in rows:
        if other := {name: row[name] for name, value in settings.items() if row[name] != value}:
            raise ConfigurationError(f"{table} has rows of {other}, found {settings} now: take another folder")
    return rows


def number(text: str):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def write_task(path: Path, train, n_steps: int, batch_size: int, batches: int) -> Path:
    """Write spikes of the first images, their labels, and initial weights, for `task.py` to read."""
    generator = np.random.default_rng(SEED)
    sizes = (int(np.prod(train.shape)), N_HIDDEN, N_CLASSES)
    arrays = {"n_steps": n_steps, "n_batches": batches}
    for name, shape, limit in zip(("hidden", "output"), zip(sizes, sizes[1:], strict=False), LIMITS, strict=True):
        arrays[name] = generator.uniform(-limit, limit, shape).astype(np.float32)
    for batch in range(batches):
        indices = np.arange(batch * batch_size, (batch + 1) * batch_size)
        spikes = hb.encoding.BernoulliEncoder().encode(train.images[indices], n_steps, SEED, indices=indices)
        arrays[f"neurons_{batch}"], arrays[f"offsets_{batch}"] = spikes.neurons, spikes.offsets
        arrays[f"labels_{batch}"] = train.labels[indices].astype(np.int64)
    write_arrays(path, arrays)
    return path


def measure_beside(package: str, task: Path, n_steps: int, settings: dict) -> list[dict]:
    """Rows of this package and, directly after it, of another one, with its time and memory over this package's."""
    rows = []
    for name in (THIS, package):
        found = measure(name, task, settings["threads"])
        if not (found["loss_last"] < found["loss_first"] and found["layers_trained"] == 2 and found["hidden_spikes"]):
            raise EngineError(f"{name} does not learn, and its speed says nothing: {found}")
        this = rows[0] if rows else found
        ratios = {
            "times_as_long": round(this["samples_per_second"] / found["samples_per_second"], 3),
            "times_the_memory": round(found["peak_memory_mib"] / this["peak_memory_mib"], 3),
        }
        today = {"date": datetime.date.today().isoformat(), "package": name, "beside": package, "steps": n_steps}
        rows.append(today | found | ratios | settings)
        print(f"{n_steps} steps, {name}: {found}", flush=True)
    return rows


def measure(package: str, task: Path, threads: int) -> dict:
    """Run `worker.py` in the package's environment, and return what it found."""
    command = [interpreter(package), FOLDER / "worker.py", package, task, threads]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise EngineError(f"training with {package} failed with exit code {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def summary(rows: list[dict]) -> list[dict]:
    """Medians over the repeats, a row for each number of steps and each package's versions; the fastest first."""
    groups = {}
    for row in rows:
        groups.setdefault((row["steps"], row["package"], row["versions"]), []).append(row)
    names = ("samples_per_second", "times_as_long", "peak_memory_mib", "times_the_memory", "first_batch_seconds")
    found = [
        {"steps": n_steps, "package": package, "versions": versions}
        | {name: float(statistics.median(row[name] for row in group)) for name in names}
        for (n_steps, package, versions), group in groups.items()
    ]
    return sorted(found, key=lambda row: (row["steps"], -row["samples_per_second"]))


def draw(axes, found: list[dict]) -> None:
    """Bars of samples/s and of memory, a colour for each number of steps."""
    packages = list(dict.fromkeys(row["package"] for row in found))
    steps = sorted({row["steps"] for row in found})
    width = 0.8 / len(steps)
    for ax, name, label in zip(
        axes.flat, ("samples_per_second", "peak_memory_mib"), ("training samples/s", "peak memory (MiB)"), strict=True
    ):
        for i, n_steps in enumerate(steps):
            chosen = [row for row in found if row["steps"] == n_steps]
            x = [packages.index(row["package"]) + (i - (len(steps) - 1) / 2) * width for row in chosen]
            bars = ax.bar(x, [row[name] for row in chosen], width, color=COLOURS[i], label=f"{n_steps} steps")
            ax.bar_label(bars, fmt="%.0f", fontsize=7)
        ax.set_ylabel(label)
        ax.set_xticks(range(len(packages)), packages, fontsize=8)
    axes.flat[1].legend(frameon=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Training speed and memory of other packages beside this one.")
    parser.add_argument("out_dir", metavar="OUT_DIR", help="folder of comparison.csv and comparison.png")
    parser.add_argument("--make", action="store_true", help="install what is missing of the packages first")
    parser.add_argument(
        "--packages", nargs="+", choices=PACKAGES, default=PACKAGES, metavar="NAME", help=", ".join(PACKAGES)
    )
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS, metavar="N", help="default: 100 400")
    parser.add_argument("--threads", type=int, default=None, metavar="N", help="default: all cores")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="default: %(default)s")
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of MNIST's files")
    parser.add_argument(
        "--quick", action="store_true", help="this package beside itself; comparison_quick.csv and .png"
    )
    arguments = vars(parser.parse_args())
    try:
        if arguments.pop("make"):
            make_environments(arguments["packages"])
        main(**arguments)
    except (Hm2bpError, OSError) as error:
        sys.exit(f"error: {error}")

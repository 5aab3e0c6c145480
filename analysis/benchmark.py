"""Training speed and peak memory against duration, batch size, layer width and number of threads.

One of them is varied at a time, from 784-800-10 on MNIST with 400 steps, batches of 100 and all cores; and the paper's
convolutional network is measured as its recipe is. Each
measurement runs in a process of its own, as peak memory is that of a whole process, and takes some 10 to 60 s; keep the
machine free of other work meanwhile. Run it with ``python analysis/benchmark.py OUT_DIR``.
"""

import argparse
import csv
import json
import platform
import subprocess
import sys
from pathlib import Path

from hm2bp_brian.engines.registry import available_cores
from hm2bp_brian.errors import EngineError, Hm2bpError
from hm2bp_brian.files import write_atomically
from hm2bp_brian.plotting import COLOURS, png
from hm2bp_brian.tables import to_csv

RECIPE = "mnist-mlp"
CNN, CNN_BATCH = "mnist-cnn", 50
# What every sweep starts from, and the values of each sweep; threads are added for the machine at hand.
BASE = {"duration_ms": 400, "batch_size": 100, "width": 800}
SWEEPS = {
    "duration_ms": (100, 200, 400, 1000),
    "batch_size": (1, 10, 50, 100, 200),
    "width": (200, 400, 800, 1600),
}
QUICK_BASE = {"duration_ms": 50, "batch_size": 10, "width": 50}
QUICK_SWEEPS = {"duration_ms": (25, 50), "batch_size": (5, 10), "width": (25, 50)}

OPTIONS = {
    "recipe": "--recipe",
    "duration_ms": "--duration",
    "batch_size": "--batch-size",
    "width": "--width",
    "threads": "--threads",
}
AXES = {"duration_ms": "duration (ms)", "batch_size": "batch size", "width": "hidden neurons", "threads": "threads"}
ROWS = {"train_samples_per_second": "training samples/s", "peak_memory_mib": "peak memory (MiB)"}


def main(out_dir, quick: bool = False) -> Path:
    """Measure, write ``benchmark.csv`` and draw ``benchmark.png``; ``benchmark_quick`` if quick.

    Parameters
    ----------
    out_dir : path
        Folder, made if need be.
    quick : bool
        Few measurements of a small network: to try the script, not to report.

    Returns
    -------
    Path
        The table, one row a measurement. ``varied`` is what differs from the row "nothing"; ``processor`` and
        ``cores`` describe the machine; the other columns are those of `hm2bp_brian.experiments.benchmark.benchmark`,
        with ``spikes`` of input and layers separated by spaces.

    Raises
    ------
    EngineError
        If a measurement fails.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    points, rows = plan(quick, available_cores()), []
    print(f"{len(points)} measurements, each in a process of its own", flush=True)
    for varied, settings in points:
        result = measure(settings)
        speed, memory = result["train_samples_per_second"], result["peak_memory_mib"]
        print(f"{settings}: {speed} samples/s, {memory} MiB", flush=True)
        result["spikes"] = " ".join(map(str, result["spikes"]))
        rows.append({"varied": varied} | settings | result | machine())
    table = out_dir / f"{'benchmark_quick' if quick else 'benchmark'}.csv"
    write_atomically(table, to_csv(rows))
    draw(table, table.with_suffix(".png"))
    return table


def plan(quick: bool, cores: int) -> list[tuple[str, dict]]:
    """What to measure: pairs of what is varied and the settings, the unvaried ones first."""
    base, sweeps = (QUICK_BASE, QUICK_SWEEPS) if quick else (BASE, SWEEPS)
    base = base | {"threads": cores}
    # 1, 2, 4, ... and all cores; first, so that what is compared is measured in the same minute
    sweeps = {"threads": sorted({2**k for k in range(cores.bit_length())} | {cores})} | sweeps
    varied = [
        (name, base | {name: value}) for name, values in sweeps.items() for value in values if value != base[name]
    ]
    cnn = {name: value for name, value in base.items() if name != "width"} | {"recipe": CNN, "batch_size": CNN_BATCH}
    return [("nothing", base), *varied, *([] if quick else [("recipe", cnn)])]


def measure(settings: dict) -> dict:
    """Run ``hm2bp bench`` in a new process and return what it found."""
    command = [sys.executable, "-m", "hm2bp_brian.experiments.cli", "bench", "--json"]
    for name, value in ({"recipe": RECIPE} | settings).items():
        command += [OPTIONS[name], str(value)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise EngineError(f"the measurement of {settings} failed with exit code {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout)


def machine() -> dict:
    """Name of the processor and the number of cores this process may use."""
    return {"processor": processor(), "cores": available_cores()}


def processor() -> str:
    """Name of the processor; platform.processor() knows only its architecture on most systems."""
    if platform.system() == "Linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if platform.system() == "Darwin":
        return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True).strip()
    return platform.processor() or platform.machine()


def draw(table, out) -> None:
    """Draw the table: samples/s above peak memory, one column for each thing that is varied."""
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    picture = png(
        lambda axes: draw_rows(axes, rows), (11, 5), rows=len(ROWS), columns=len(AXES), sharex="col", sharey="row"
    )
    write_atomically(out, picture)


def draw_rows(axes, rows: list[dict]) -> None:
    """Draw the rows of the table into axes (len(ROWS), len(AXES))."""
    base = rows[0]
    for column, (name, label) in enumerate(AXES.items()):
        points = sorted((row for row in rows if row["varied"] in ("nothing", name)), key=lambda row: float(row[name]))
        x = [float(row[name]) for row in points]
        for ax, key, colour in zip(axes[:, column], ROWS, COLOURS, strict=False):
            ax.plot(x, [float(row[key]) for row in points], "o-", color=colour, markersize=4)
            ax.plot(float(base[name]), float(base[key]), "o", markersize=9, fillstyle="none", color="0.3")
            ax.grid(color="0.9")
        lowest = axes[-1, column]  # its ticks are those of the whole column
        lowest.set_xscale("log")
        lowest.set_xticks(x, labels=[f"{value:g}" for value in x], fontsize=9)
        lowest.minorticks_off()
        lowest.set_xlabel(label)
    for ax, key in zip(axes[:, 0], ROWS, strict=True):
        ax.set(ylabel=ROWS[key], ylim=(0, 1.1 * max(float(row[key]) for row in rows)))
    axes[0, 0].figure.suptitle(
        f"{base['recipe']}, {base['engine']}, {base['dtype']} on {base['processor']} ({base['cores']} cores); ringed: "
        f"{base['duration_ms']} ms, batch {base['batch_size']}, {base['width']} neurons, {base['threads']} threads",
        fontsize=10,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure training speed and memory, and draw them.")
    parser.add_argument("out_dir", metavar="OUT_DIR", help="folder of benchmark.csv and benchmark.png")
    parser.add_argument("--quick", action="store_true", help="few of a small network; benchmark_quick.csv and .png")
    arguments = parser.parse_args()
    try:
        print(f"saved {main(arguments.out_dir, arguments.quick)}")
    except Hm2bpError as error:
        sys.exit(f"error: {error}")

"""Where training one network on several workers pays: measured on this machine, and on paper for a network of machines.

Run it with ``python analysis/cluster_scaling.py OUT_DIR`` on a machine that does nothing else meanwhile. It trains
mnist-mlp in one process with 1, 2, ... threads, and on as many Dask workers of one thread, for several batch sizes
(``cluster_scaling.csv``). From the time of a sample on one thread it then reckons the efficiency of 1 to 256 machines
on links of 1 and 10 Gbit/s (``cluster_scaling_on_paper.csv``).
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from hm2bp_brian.engines.registry import available_cores
from hm2bp_brian.errors import Hm2bpError, MissingPackageError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.files import write_atomically
from hm2bp_brian.tables import to_csv, to_markdown
from hm2bp_brian.training.trainer import Trainer

RECIPE = "mnist-mlp"
SAMPLES, QUICK_SAMPLES = 6000, 100
BATCH_SIZES, QUICK_BATCH_SIZES = (50, 100, 200, 400, 800), (50,)
MACHINES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LINKS = {"1 Gbit/s": 125e6, "10 Gbit/s": 1.25e9}  # bytes a second
LATENCY = 1e-3  # seconds for a call of a worker and its answer


def main(out_dir, data=None, quick: bool = False) -> tuple[list[dict], list[dict]]:
    """Measure, reckon, and write two tables.

    Parameters
    ----------
    out_dir : path
        Folder, made if need be.
    data : path, optional
        Folder of the data files.
    quick : bool
        Few samples and one batch size: to try the script, not to report.

    Returns
    -------
    tuple of two lists of dict
        Measured: ``batch_size``, ``workers`` (0: none, one process), ``threads`` in all, ``samples_per_second``, and
        ``relative``, the speed over that of one process with as many threads. On paper: ``link``, ``batch_size``,
        ``machines``, ``samples_per_second``, and ``efficiency``, the speed over that of so many machines without links.
    """
    recipe = recipes.get(RECIPE)
    recipe = dataclasses.replace(recipe, augmentation=None, train_samples=QUICK_SAMPLES if quick else SAMPLES)
    train = recipe.load_data(data)[0]
    cores = available_cores()  # now, as Dask makes OMP_NUM_THREADS 1 in this process, too
    measured = []
    for batch_size in QUICK_BATCH_SIZES if quick else BATCH_SIZES:
        for threads in range(1, cores + 1):
            alone = speed(recipe, train, batch_size, threads=threads)
            shared = speed(recipe, train, batch_size, workers=threads)
            setting = {"batch_size": batch_size, "workers": 0, "threads": threads}
            measured.append(setting | {"samples_per_second": alone, "relative": 1.0})
            measured.append(setting | {"workers": threads, "samples_per_second": shared, "relative": shared / alone})
    seconds = 1 / max(row["samples_per_second"] for row in measured if row["threads"] == 1 and not row["workers"])
    n_bytes = np.dtype(recipe.dtype).itemsize * sum(w.size for w in recipe.make_network(train.shape).weights)
    paper = [
        {"link": link, "batch_size": batch_size, "machines": machines}
        | on_paper(seconds, n_bytes, batch_size, machines, bandwidth)
        for link, bandwidth in LINKS.items()
        for batch_size in (400, 6400)
        for machines in MACHINES
    ]
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, rows in (("cluster_scaling", measured), ("cluster_scaling_on_paper", paper)):
        print(to_markdown(rows))
        write_atomically(out_dir / f"{name}{'_quick' if quick else ''}.csv", to_csv(rows))
    return measured, paper


def speed(recipe, train, batch_size: int, threads: int = 1, workers: int = 0) -> float:
    """Training samples a second in the second epoch, in this process or on Dask workers of one thread."""
    with cluster_of(workers) if workers else nullcontext() as client:
        network = recipe.make_network(train.shape)
        settings = {"threads": threads, "encoder": recipe.encoder, "cluster": client}
        trainer = Trainer(network, recipe.loss, recipe.optimizer, **settings)
        trainer.fit(train, epochs=1, batch_size=batch_size, progress=False)
        started = time.perf_counter()
        trainer.fit(train, epochs=1, batch_size=batch_size, progress=False)
        return len(train) / (time.perf_counter() - started)


def cluster_of(workers: int):
    """A client of a cluster of this machine, which ends with it."""
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingPackageError("this needs dask.distributed: pip install hm2bp_brian[cluster]") from error
    return Client(n_workers=workers, threads_per_worker=1, dashboard_address=":0", direct_to_workers=True)


def on_paper(seconds: float, n_bytes: int, batch_size: int, machines: int, bandwidth: float) -> dict:
    """Speed if each machine takes its part of a batch, and weights and gradients pass one link, one after the other.

    Parameters
    ----------
    seconds : float
        Of a sample on one machine.
    n_bytes : int
        Of the weights, and of their gradients.
    batch_size, machines : int
    bandwidth : float
        Bytes a second of the link of the process that trains.
    """
    transfer = 2 * machines * n_bytes / bandwidth + LATENCY
    batch = seconds * batch_size / machines + transfer
    return {"samples_per_second": batch_size / batch, "efficiency": seconds * batch_size / machines / batch}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Where training one network on several workers pays.")
    parser.add_argument("out_dir", metavar="OUT_DIR", help="folder for the tables")
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    parser.add_argument("--quick", action="store_true", help="few samples: to try the script, not to report")
    arguments = parser.parse_args()
    try:
        main(arguments.out_dir, arguments.data, arguments.quick)
    except (Hm2bpError, OSError) as error:
        sys.exit(f"error: {error}")

"""Train one package's network on the file of `compare.py` and print, as JSON, what it took.

    PYTHON worker.py PACKAGE FILE THREADS

PYTHON is that of the package's environment, so this and `task.py` import nothing but numpy and the package.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import resource
import statistics
import sys
import time
from importlib.metadata import version

import numpy as np

# Losses of single batches go up and down: the first few are compared with the last few.
FEW = 3


def main(package: str, path, threads: int) -> dict:
    """Train one batch after the other.

    Parameters
    ----------
    package : str
        A module of the folder ``networks``, which has the class ``Network`` and the names of what it is ``MADE_OF``.
    path : path
        Of the file with the task.
    threads : int
        Processor cores that this process may use.

    Returns
    -------
    dict
        ``samples_per_second`` is the median over all batches but the first, whose ``first_batch_seconds`` have what is
        compiled. Putting a batch of spikes into the package's form is timed for none. ``hidden_spikes`` are those of a
        sample after training, ``layers_trained`` is how many layers' weights have changed.
    """
    use_cores(threads)
    from task import Task

    module = importlib.import_module(f"networks.{package}")
    task = Task(path)
    network = module.Network(task)
    before, seconds, losses = network.arrays(), [], []
    for batch in task.batches():
        spikes, labels = network.prepare(batch)
        started = time.perf_counter()
        losses.append(network.train_batch(spikes, labels))
        seconds.append(time.perf_counter() - started)
    memory = peak_memory_mib()
    changed = [not np.array_equal(*pair) for pair in zip(before, network.arrays(), strict=True)]
    return {
        "versions": ", ".join([*(f"{name} {version(name)}" for name in module.MADE_OF), python()]),
        "samples_per_second": round(len(batch.labels) / statistics.median(seconds[1:]), 1),
        "first_batch_seconds": round(seconds[0], 2),
        "peak_memory_mib": round(memory, 1),
        "loss_first": round(statistics.mean(losses[:FEW]), 4),
        "loss_last": round(statistics.mean(losses[-FEW:]), 4),
        "hidden_spikes": round(network.hidden_spikes(spikes), 1),
        "layers_trained": sum(changed),
    }


def use_cores(threads: int) -> None:
    """Let this process use the first cores only: XLA takes as many threads as there are cores."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def python() -> str:
    return f"Python {platform.python_version()}"


def peak_memory_mib() -> float:
    """The largest amount of memory that this process has had, Python and its packages included."""
    # the unit is bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train one package's network: a process of compare.py.")
    parser.add_argument("package", metavar="PACKAGE", help="a module of the folder networks")
    parser.add_argument("file", metavar="FILE", help="spikes and weights")
    parser.add_argument("threads", type=int, metavar="THREADS")
    arguments = parser.parse_args()
    print(json.dumps(main(arguments.package, arguments.file, arguments.threads)))

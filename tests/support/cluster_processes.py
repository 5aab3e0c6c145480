"""A Dask scheduler and workers as processes of their own on 127.0.0.1, as a user would start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEADLINE = 120  # seconds for a process to start, on a busy machine


class ClusterProcesses:
    """To be used in a ``with`` block; workers have one thread and no nanny, so that a kill is one."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._log = open(folder / "cluster.log", "ab")
        self.workers: dict[str, tuple[subprocess.Popen, dict]] = {}  # by their names, with what is special about them
        self._started = 0

    def __enter__(self) -> ClusterProcesses:
        self._scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        wait_until(lambda: self._file.exists() and self._file.read_text().endswith("}"))
        self.address = json.loads(self._file.read_text())["address"]
        return self

    def __exit__(self, *exception) -> None:
        while self.workers:
            self.kill_worker()
        _kill(self._scheduler)
        self._log.close()

    def set_workers(self, client, count: int, **environment: str) -> None:
        """So many workers with this environment: those that are there stay, as starting one takes seconds."""
        fitting = [name for name, (_, own) in self.workers.items() if own == environment][:count]
        for name in set(self.workers) - set(fitting):
            self.kill_worker(name)
        while len(self.workers) < count:
            self.add_worker(**environment)
        wait_until(lambda: {worker["name"] for worker in workers(client).values()} == set(self.workers))

    def add_worker(self, **environment: str) -> None:
        self._started += 1
        name = f"worker-{self._started}"
        arguments = ["--nthreads", "1", "--no-nanny", "--name", name]
        self.workers[name] = self._start("worker", *arguments, **environment), environment

    def kill_worker(self, name: str | None = None) -> None:
        """Kill this worker, or the oldest one."""
        process, _ = self.workers.pop(name or next(iter(self.workers)))
        _kill(process)

    def _start(self, kind: str, *arguments: str, **environment: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "dask", kind, "--scheduler-file", str(self._file), "--no-dashboard"]
        path = os.pathsep.join(filter(None, [environment.pop("PYTHONPATH", ""), str(ROOT)]))
        environment = os.environ | environment | {"PYTHONPATH": path}
        # not in the folder of the tests, which Python would look into first
        where = {"cwd": self._folder, "env": environment, "stdout": self._log, "stderr": self._log}
        return subprocess.Popen([*command, *arguments], **where)


def _kill(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def workers(client) -> dict[str, dict]:
    """What the scheduler knows of each worker, by its address."""
    return client.scheduler_info(n_workers=-1)["workers"]


def wait_until(condition) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {DEADLINE} s in vain")
        time.sleep(0.05)

"""A Dask scheduler and workers as processes of their own on 127.0.0.1, as a user would start them."""

from __future__ import annotations

import json
import os
import signal
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
        self.workers: list[subprocess.Popen] = []
        self._started = 0

    def __enter__(self) -> ClusterProcesses:
        self._scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        wait_until(lambda: self._file.exists() and self._file.read_text().endswith("}"))
        self.address = json.loads(self._file.read_text())["address"]
        return self

    def __exit__(self, *exception) -> None:
        for process in [*self.workers, self._scheduler]:
            process.kill()
            process.wait()
        self._log.close()

    def set_workers(self, client, count: int, **environment: str) -> None:
        """Stop all workers and start so many new ones."""
        for process in self.workers:
            process.kill()
            process.wait()
        self.workers.clear()
        wait_until(lambda: not addresses(client))
        for _ in range(count):
            self.add_worker(**environment)
        wait_until(lambda: len(addresses(client)) == count)

    def add_worker(self, **environment: str) -> None:
        self._started += 1
        arguments = ["--nthreads", "1", "--no-nanny", "--name", f"worker-{self._started}"]
        self.workers.append(self._start("worker", *arguments, **environment))

    def kill_worker(self, number: int = 0) -> None:
        process = self.workers.pop(number)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def _start(self, kind: str, *arguments: str, **environment: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "dask", kind, "--scheduler-file", str(self._file), "--no-dashboard"]
        path = os.pathsep.join(filter(None, [environment.pop("PYTHONPATH", ""), str(ROOT)]))
        environment = os.environ | environment | {"PYTHONPATH": path}
        # not in the folder of the tests, which Python would look into first
        where = {"cwd": self._folder, "env": environment, "stdout": self._log, "stderr": self._log}
        return subprocess.Popen([*command, *arguments], **where)


def addresses(client) -> list[str]:
    return list(client.scheduler_info(n_workers=-1)["workers"])


def wait_until(condition) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {DEADLINE} s in vain")
        time.sleep(0.05)

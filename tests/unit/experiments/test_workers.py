"""Processes for tasks: answers, kills, an early end. Tasks are functions of Python's own, which processes find."""

import os
import signal
import time
from concurrent.futures import CancelledError

import pytest

from hm2bp_brian.errors import ClusterError
from hm2bp_brian.experiments import workers as workers_module
from hm2bp_brian.experiments.workers import LocalWorkers


def test_each_task_has_a_process_of_its_own():
    with LocalWorkers(2) as workers:
        futures = [workers.submit(os.getpid) for _ in range(3)]
        answers = {future.result() for future in futures}
    assert len(answers) == 3 and os.getpid() not in answers


def test_a_task_that_is_killed_each_time_is_given_up(monkeypatch):
    monkeypatch.setattr(workers_module, "STARTS", 2)  # a process takes seconds
    with LocalWorkers(1) as workers, pytest.raises(ClusterError, match="killed 2 times, last by signal 9 .*memory"):
        workers.submit(signal.raise_signal, signal.SIGKILL).result()


def test_a_process_that_ends_by_itself_is_not_started_again():
    with LocalWorkers(1) as workers, pytest.raises(ClusterError, match="ended with exit code 3, .*__main__"):
        workers.submit(os._exit, 3).result()


def test_leaving_ends_what_runs_and_drops_what_waits():
    started = time.monotonic()
    with LocalWorkers(1) as workers:
        running, waiting = workers.submit(time.sleep, 600), workers.submit(time.sleep, 600)
        while not workers._processes:
            time.sleep(0.01)
    assert time.monotonic() - started < 60
    assert waiting.cancelled()
    with pytest.raises(CancelledError):
        running.result()

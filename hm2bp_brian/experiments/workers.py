"""Processes of this machine, one for each task, as an executor that goes on when one of them is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

from tqdm import tqdm

from hm2bp_brian.errors import ClusterError

# A forked process would inherit threads' locks in whatever state they are.
CONTEXT = multiprocessing.get_context("spawn")
STARTS = 4  # of a task whose process is killed; as Dask does it


class LocalWorkers:
    """Runs each task in a new process; to be used in a ``with`` block, at whose end the processes end, too.

    A task whose process is killed is started again.

    Parameters
    ----------
    workers : int
        Tasks at a time.

    Raises
    ------
    ClusterError
        From a future, if the processes of its task were killed several times.
    """

    def __init__(self, workers: int):
        self._threads = ThreadPoolExecutor(workers)
        self._lock = threading.Lock()
        self._processes = set()
        self._ended = False

    def __enter__(self) -> LocalWorkers:
        return self

    def __exit__(self, *exception) -> None:
        with self._lock:
            self._ended = True
            for process in self._processes:
                process.terminate()
        self._threads.shutdown(cancel_futures=True)

    def submit(self, task, *arguments) -> Future:
        """Call a function of a module in a process of its own; a future of what it returns; it must not raise."""
        return self._threads.submit(self._run, task, arguments)

    def _run(self, task, arguments):
        for _ in range(STARTS):
            receiver, sender = CONTEXT.Pipe(duplex=False)
            process = CONTEXT.Process(target=_answer, args=(sender, task, arguments), daemon=True)
            self._start(process)
            sender.close()  # only the process has it now: when it dies, the pipe ends
            try:
                return receiver.recv()
            except EOFError:
                process.join()
            finally:
                receiver.close()
                self._forget(process)
            if process.exitcode > 0:
                raise ClusterError(
                    f"a process of this machine ended with exit code {process.exitcode}, see above; a script that "
                    "starts processes needs its work under: if __name__ == '__main__':"
                )
        raise ClusterError(
            f"its process was killed {STARTS} times, last by signal {-process.exitcode} (9: by the system, mostly for "
            "want of memory); with fewer workers there is more memory for each"
        )

    def _start(self, process) -> None:
        with self._lock:
            if self._ended:
                raise CancelledError
            process.start()
            self._processes.add(process)

    def _forget(self, process) -> None:
        with self._lock:
            self._processes.discard(process)


def _answer(sender, task, arguments) -> None:
    """What a process does: the task, unless its parent ends before."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all processes; the parent ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    tqdm.set_lock(threading.RLock())  # its own is a semaphore of the system, which a killed process would leave behind
    sender.send(task(*arguments))


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)

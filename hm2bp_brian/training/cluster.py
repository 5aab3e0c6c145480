"""Reaching a Dask cluster, and making sure that its workers can do what this process asks."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version

from hm2bp_brian.errors import ClusterError, MissingPackageError

PACKAGE = "hm2bp_brian"
ANSWER_TIME = 10  # seconds


def connect(address: str):
    """A client of the Dask scheduler at an address.

    Parameters
    ----------
    address : str
        Such as "tcp://127.0.0.1:8786".

    Returns
    -------
    distributed.Client

    Raises
    ------
    MissingPackageError
        If dask.distributed is not installed.
    ClusterError
        If no scheduler answers there within ten seconds.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingPackageError(
            "a scheduler needs dask.distributed, which is not installed: pip install hm2bp_brian[cluster]"
        ) from error
    try:
        with ThreadPoolExecutor(1) as thread:  # as this one may have an event loop
            thread.submit(asyncio.run, _ask(address)).result()
        return Client(address, timeout=ANSWER_TIME, direct_to_workers=True, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} within {ANSWER_TIME} s ({type(error).__name__} {error}); start "
            "one with 'dask scheduler', or give the address that it prints, such as tcp://127.0.0.1:8786"
        ) from error


async def _ask(address: str) -> None:
    """Ask a scheduler what it is: making a client would wait for ever for one that takes calls but never answers."""
    from distributed import rpc

    async with asyncio.timeout(ANSWER_TIME), rpc(address) as scheduler:
        await scheduler.identity()


def check_workers(client) -> None:
    """Raise ClusterError unless all workers that there are have this package in the version of this process."""
    # a function of Python's own, as a worker with another version may lack what this package would send
    answers = client.run(version, PACKAGE, on_error="return")
    # what else may come back is of workers that are just being lost
    known = {at: found for at, found in answers.items() if isinstance(found, str | PackageNotFoundError)}
    others = {at: _in_words(found) for at, found in known.items() if found != version(PACKAGE)}
    if others:
        counts = ", ".join(f"{count} with {what}" for what, count in sorted(Counter(others.values()).items()))
        raise ClusterError(
            f"this process has {PACKAGE} {version(PACKAGE)}, but of {len(answers)} workers there are {counts}, such as "
            f"{min(others)}; install the same version for all"
        )


def check_version(expected: str) -> None:
    """Raise ClusterError unless this process has the package in the expected version."""
    if version(PACKAGE) != expected:
        raise ClusterError(
            f"the process that sent this has {PACKAGE} {expected}, this worker {version(PACKAGE)}; install the same "
            "version for all"
        )


def _in_words(found) -> str:
    return f"version {found}" if isinstance(found, str) else "none"

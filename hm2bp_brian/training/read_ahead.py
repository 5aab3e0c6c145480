"""The next item is made in the background while this one is used."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

BACKGROUND_PRIORITY = 5  # of the thread that makes the next item; 0 is normal, 19 the lowest


def map_ahead(make: Callable, items: Iterable) -> Iterator:
    """``map(make, items)``, of which a thread makes the next result while this one is used."""
    with ThreadPoolExecutor(1, initializer=stand_back) as worker:
        ahead = None
        for item in items:
            ready, ahead = ahead, worker.submit(make, item)
            if ready is not None:
                yield ready.result()
        if ahead is not None:
            yield ahead.result()


def stand_back() -> None:
    """Let this thread take what the others leave idle, where threads have priorities of their own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BACKGROUND_PRIORITY)

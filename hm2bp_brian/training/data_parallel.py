"""One training on many machines: each Dask worker computes some shards of every batch."""

from __future__ import annotations

import copy
import ctypes
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from hm2bp_brian.errors import ClusterError, ConfigurationError, Hm2bpError
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.training.cluster import check_workers
from hm2bp_brian.training.evaluator import batches
from hm2bp_brian.training.read_ahead import stand_back
from hm2bp_brian.training.shards import Shard, cut, tree_sum

TRIES = 4  # of a batch whose workers are lost; as Dask does it with tasks
PATIENCE = 60  # seconds without any worker
LOOK = 5  # seconds, after which it is looked whether a worker that does not answer is still there
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_MEMORY = 2**25  # bytes; glibc takes no more for the second


class ShardWorker:
    """Lives on a worker, as an actor: a trainer with an engine of its own, and the data.

    Parameters
    ----------
    make_trainer : callable
        ``make_trainer(threads=n)``.
    train : ImageDataset or SpikeDataset
    """

    def __init__(self, make_trainer: Callable, train):
        from distributed import get_worker

        _keep_freed_memory()
        # in a cluster of threads it holds the network of the process that trains, which must stay as it is
        self._trainer = copy.deepcopy(make_trainer)(threads=get_worker().state.nthreads)
        self._train = train
        self._background = ThreadPoolExecutor(1, initializer=stand_back)
        self._begun = {}  # spikes of the parts that follow

    def summed(self, parameters, sample_weights, parts: Sequence[np.ndarray], following, epoch: int) -> Shard | None:
        """Sum of the shards of these indices; None if there are no samples in them.

        The input spikes of the ``following`` parts, which are asked for next, are made while results travel.
        """
        state = self._trainer.state
        for own, sent in zip(state.parameters, parameters, strict=True):
            own[...] = sent
        state.sample_weights = sample_weights
        shards = [
            self._trainer.shard(self._train, indices, spikes) if len(indices) else None
            for indices, spikes in zip(parts, self._spikes_of(parts, epoch), strict=True)
        ]
        self._begin(following, epoch)
        total = tree_sum(shards)
        # deltas are for looking at, and as large as the rest
        return total and replace(total, gradient=replace(total.gradient, deltas=()))

    def _spikes_of(self, parts, epoch: int) -> list[SpikeBatch | None]:
        begun = self._begun.pop(_key(parts, epoch), None)
        return begun.result() if begun else self._encode(parts, epoch)

    def _begin(self, parts, epoch: int) -> None:
        # an epoch that was interrupted left some
        self._begun = {key: spikes for key, spikes in self._begun.items() if key[0] == epoch}
        if any(map(len, parts)):  # nothing follows the last batch of an epoch
            self._begun[_key(parts, epoch)] = self._background.submit(self._encode, parts, epoch)

    def _encode(self, parts, epoch: int) -> list[SpikeBatch | None]:
        return [self._trainer.input_spikes(self._train, i, epoch) if len(i) else None for i in parts]


def _key(parts, epoch: int) -> tuple:
    return (epoch, *(part.tobytes() for part in parts))


def _keep_freed_memory() -> None:
    """Let the allocator keep what a batch frees for the next one, as it does elsewhere.

    Dask's nannies have it give back all at once, and taking it again takes as long as a small batch.
    """
    allocator = ctypes.CDLL(None)
    if hasattr(allocator, "mallopt"):  # glibc
        allocator.mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY)
        allocator.mallopt(M_MMAP_THRESHOLD, KEPT_MEMORY)


class DataParallel:
    """Computes batches on the workers of a Dask cluster; what is lost with a worker is done again.

    Parameters
    ----------
    client : distributed.Client
    make_trainer : callable
        See `ShardWorker`.
    shards : int
        Parts of each batch, a power of two; the bits of the results depend on it, not on the workers.

    Raises
    ------
    ConfigurationError
        If the client is none that can be waited for.
    """

    def __init__(self, client, make_trainer: Callable, shards: int):
        if getattr(client, "asynchronous", True):
            raise ConfigurationError(
                "cluster must be a distributed.Client, not an asynchronous one, such as Client('tcp://127.0.0.1:8786', "
                f"direct_to_workers=True); found {client!r}"
            )
        self._client = client
        self._make_trainer = make_trainer
        self._shards = shards
        self._train = None
        self._actors = []

    def batches(self, parameters, sample_weights, train, order: np.ndarray, batch_size: int, epoch: int) -> Iterator:
        """Indices of each batch, and its sum for the parameters as they are when it is asked for.

        Raises
        ------
        ClusterError
            If a batch can't be finished, as there are no workers, or they are lost each time.
        """
        if train is not self._train:
            self._train, self._actors = train, []
        each = [cut(indices, self._shards) for indices in batches(order, batch_size)]
        for parts, following in zip(each, [*each[1:], cut(order[:0], self._shards)], strict=True):
            yield np.concatenate(parts), self._batch(parameters, sample_weights, parts, following, epoch)

    def _batch(self, parameters, sample_weights, parts: list[np.ndarray], following, epoch: int) -> Shard:
        for attempt in range(TRIES):
            try:
                if not self._actors:
                    self._start()
                return self._sum(parameters, sample_weights, parts, following, epoch)
            except Hm2bpError:
                raise
            except Exception as error:  # many, if a worker is lost, depending on when
                self._actors = []
                if attempt == TRIES - 1:
                    raise ClusterError(
                        f"a batch of epoch {epoch} was begun {TRIES} times, and something kept the workers from ending "
                        f"it each time (last: {type(error).__name__}: {error}); their logs say more"
                    ) from error

    def _sum(self, parameters, sample_weights, parts: list[np.ndarray], following, epoch: int) -> Shard:
        """Each actor sums neighbouring parts, and their sums are added here."""
        n_units = min(len(parts), 1 << (len(self._actors) - 1).bit_length())
        size = len(parts) // n_units
        answers = []
        for unit in range(n_units):
            address, actor = self._actors[unit % len(self._actors)]
            own = slice(unit * size, (unit + 1) * size)
            answers.append((address, actor.summed(parameters, sample_weights, parts[own], following[own], epoch)))
        return tree_sum([self._answer(address, future) for address, future in answers])

    def _answer(self, address: str, future):
        while True:
            try:
                return future.result(timeout=LOOK)
            except TimeoutError:
                if address not in self._addresses():
                    raise

    def _start(self) -> None:
        """Make an actor on each worker that there is."""
        from distributed import Actor

        client = self._client
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise ClusterError(
                f"the cluster has no workers, and none came within {PATIENCE} s; start some, such as 'dask worker "
                f"{client.scheduler.address}'"
            ) from error
        check_workers(client)
        addresses = self._addresses()
        if len(addresses) > self._shards:
            enough = 1 << (len(addresses) - 1).bit_length()
            warnings.warn(
                f"{len(addresses)} workers for batches of {self._shards} shards: no more than {self._shards} of them "
                f"have work; Trainer(shards={enough}) gives all of them some, and other last bits",
                UserWarning,
                stacklevel=2,
            )
        with client.as_current():
            arguments = client.scatter([self._make_trainer, self._train], broadcast=True, hash=False)
            futures = [client.submit(ShardWorker, *arguments, actor=True, workers=[at], pure=False) for at in addresses]
            client.gather(futures)  # raises what kept one from being made
            # made here, as those that come back belong to whatever client is the default one
            self._actors = [
                (at, Actor(ShardWorker, at, future.key)) for at, future in zip(addresses, futures, strict=True)
            ]

    def _addresses(self) -> list[str]:
        return sorted(self._client.scheduler_info(n_workers=-1)["workers"])

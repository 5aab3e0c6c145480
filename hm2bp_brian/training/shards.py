"""A batch cut into shards: their sum has the same bits, wherever each of them was computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_count
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.learning.gradient_sum import GradientSum

ON_A_CLUSTER = 4  # shards, if the user gives no number: each has its own sum of gradients


@dataclass(frozen=True, eq=False)
class Shard:
    """What training takes of some samples.

    Parameters
    ----------
    counts : int array (n_samples, n_outputs)
        Spike counts of the output neurons.
    n_spikes : tuple of int
        Spikes of all samples in the input and in each layer.
    gradient : GradientSum
    """

    counts: np.ndarray
    n_spikes: tuple[int, ...]
    gradient: GradientSum

    def __add__(self, other: Shard) -> Shard:
        n_spikes = tuple(a + b for a, b in zip(self.n_spikes, other.n_spikes, strict=True))
        return Shard(np.concatenate([self.counts, other.counts]), n_spikes, self.gradient + other.gradient)


def check_shards(shards: int | None, on_a_cluster: bool) -> int:
    """The number of shards, by default one, or several on a cluster; ConfigurationError unless it is a power of two."""
    if shards is None:
        return ON_A_CLUSTER if on_a_cluster else 1
    shards = check_count("shards", shards)
    if shards.bit_count() != 1:
        raise ConfigurationError(f"shards must be a power of two, as their sums are added in pairs; found {shards}")
    return shards


def cut(indices: np.ndarray, shards: int) -> list[np.ndarray]:
    """The indices in so many parts, in order, of nearly equal length; of few indices the last parts are empty."""
    return np.array_split(indices, shards)


def tree_sum(parts: Sequence):
    """The sum of 2, 4, 8, ... parts, added in pairs, in order: ((a + b) + (c + d)) + ...

    Any half of a half of the parts may be summed elsewhere before, by the same rule, without changing a bit.

    Parameters
    ----------
    parts : sequence
        Of a length that is a power of two; None stands for a part without samples, and comes last.
    """
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    first, second = tree_sum(parts[:middle]), tree_sum(parts[middle:])
    return first if second is None else first + second

"""Delay lines: an input population several times over, each time later by a fixed number of steps.

A leaky neuron soon forgets, so that one layer of them hardly tells in which order things came. Behind delay lines what
came at different times arrives together, as in the time-delay networks of Waibel et al. (1989).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hm2bp_brian.checks import is_integer
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.spikes import SpikeBatch


def check_delays(delays: Sequence[int]) -> tuple[int, ...]:
    """The delays as a tuple; ConfigurationError unless they are whole numbers of steps from 0 on that rise."""
    found = tuple(delays) if isinstance(delays, tuple | list | np.ndarray) else (delays,)
    whole = all(map(is_integer, found))
    if not whole or any(delay < 0 for delay in found) or any(a >= b for a, b in zip(found, found[1:], strict=False)):
        raise ConfigurationError(
            f"delays must be whole numbers of steps from 0 on, each larger than the one before; found {delays!r}"
        )
    return tuple(map(int, found))


def delayed_shape(shape: Sequence[int], delays: Sequence[int]) -> tuple[int, ...]:
    """Shape of a population behind delay lines: one more axis, the delays; without delays it stays as it is."""
    return (*shape, len(delays)) if delays else tuple(shape)


def delay_lines(batch: SpikeBatch, delays: Sequence[int]) -> SpikeBatch:
    """The spikes of a batch behind delay lines.

    Parameters
    ----------
    batch : SpikeBatch
        Of a population of any shape.
    delays : sequence of int
        In steps, from 0 on, rising. What is delayed past the end of the presentation is lost.

    Returns
    -------
    SpikeBatch
        Of shape ``(*batch.shape, len(delays))``: neuron ``(..., k)`` fires ``delays[k]`` steps after neuron ``(...)``.
        Without delays it is the batch itself.

    Raises
    ------
    ConfigurationError
        If the delays are not whole numbers of steps from 0 on that rise.

    Examples
    --------
    >>> batch = hb.SpikeBatch.from_events([0], [1], [0], n_samples=1, n_steps=6, shape=(1,))
    >>> delayed = hb.encoding.delay_lines(batch, [0, 2, 4])
    >>> delayed.shape, delayed.steps.tolist(), delayed.neurons.tolist()
    ((1, 3), [1, 3, 5], [0, 1, 2])
    """
    delays = np.array(check_delays(delays), dtype=np.int64)
    if delays.size == 0:
        return batch
    n_neurons = batch.n_neurons * delays.size
    steps = batch.steps[:, np.newaxis] + delays
    inside = steps < batch.n_steps
    rows = batch.samples[:, np.newaxis] * batch.n_steps + steps
    neurons = batch.neurons[:, np.newaxis].astype(np.int64) * delays.size + np.arange(delays.size)
    numbers = np.sort((rows * n_neurons + neurons)[inside])
    return SpikeBatch.from_numbers(numbers, batch.n_samples, batch.n_steps, (*batch.shape, delays.size))

"""Gradients that can be added: of a batch, of parts of it, in one process or in many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class GradientSum:
    """Sum of the gradients of some samples. Sums of parts, added in order, have the same bits wherever they were made.

    Parameters
    ----------
    arrays : tuple of float arrays
        One a layer, of the shape of the layer's weights.
    loss : float
        Sum of the samples' losses.
    n_samples : int
    deltas : tuple of float arrays (n_samples, n_neurons), optional
        delta of each layer's neurons, sample by sample; an engine may leave them out.
    """

    arrays: tuple[np.ndarray, ...]
    loss: float
    n_samples: int
    deltas: tuple[np.ndarray, ...] = ()

    def __add__(self, other: GradientSum) -> GradientSum:
        arrays = tuple(a + b for a, b in zip(self.arrays, other.arrays, strict=True))
        deltas = ()
        if self.deltas and other.deltas:
            deltas = tuple(np.concatenate(pair) for pair in zip(self.deltas, other.deltas, strict=True))
        return GradientSum(arrays, self.loss + other.loss, self.n_samples + other.n_samples, deltas)

    def mean(self, weights=(), regularizer=None) -> Gradients:
        """The gradient of the mean loss, plus the regulariser's.

        Parameters
        ----------
        weights : sequence of arrays, optional
            Those of the regulariser.
        regularizer : WeightLimit, optional
        """
        arrays = tuple(array / array.dtype.type(self.n_samples) for array in self.arrays)
        loss = self.loss / self.n_samples
        if regularizer is not None:
            pairs = zip(arrays, weights, strict=False)
            pulled = [array + regularizer.gradient(w) if w.size else array for array, w in pairs]
            arrays = (*pulled, *arrays[len(pulled) :])
            loss += sum(regularizer.value(w) for w in weights if w.size)
        return Gradients(arrays, loss, self.deltas)


@dataclass(frozen=True, eq=False)
class Gradients(Sequence):
    """Gradients of one batch: a sequence of one array a layer, each of the shape of the layer's weights.

    Parameters
    ----------
    arrays : tuple of float arrays (n_pre, n_post)
    loss : float
        Mean of the samples' weighted losses, plus the regulariser's value.
    deltas : tuple of float arrays (n_samples, n_neurons)
        delta of each layer's neurons, times the sample's weight; empty if the engine left them out.

    Examples
    --------
    >>> from brian2 import ms
    >>> layers = [hb.Dense(5, threshold=1), hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((4,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> spikes = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((3, 50, 4)) < 0.3)
    >>> record = hb.simulate(network, spikes, engine="brian2")
    >>> grads = hb.gradients(network, record, [0, 1, 0])
    >>> [g.shape for g in grads]
    [(4, 5), (5, 2)]
    """

    arrays: tuple[np.ndarray, ...]
    loss: float
    deltas: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, layer):
        return self.arrays[layer]

"""Utterances brought to one tempo: each is stretched or squeezed in time until it lasts as long as the others."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_integer
from hm2bp_brian.errors import ConfigurationError, SpikeError
from hm2bp_brian.model.units import to_float


@dataclass(frozen=True)
class Stretch:
    """Stretches each sample of a data set of spikes in time; an object of this class is called with the data set.

    Speakers differ in tempo, and delays that were learned from some fit others badly. Where a sample begins and ends
    is asked of its own spikes, so the whole of it must be known: a network that listens as somebody speaks can't do so.

    Parameters
    ----------
    first, last : int
        Steps in which each sample begins and ends afterwards.
    tails : float
        Fraction of a sample's spikes that come before its begin, and of those that come after its end: single early or
        late spikes decide nothing. They are stretched with the others, and lost where they come to lie before step 0.

    Raises
    ------
    ConfigurationError
        Unless 0 <= first < last, both integers, and tails lies in 0..0.5, 0.5 excluded.

    Examples
    --------
    >>> slow = hb.datasets.SpikeDataset([4, 8, 16, 1], [0, 1, 0, 1], [0, 3, 4], [0, 1], (2,), 2, "slow")
    >>> stretched = hb.encoding.Stretch(first=0, last=3, tails=0)(slow)
    >>> stretched.steps.tolist(), stretched.neurons.tolist(), stretched.offsets.tolist()
    ([0, 1, 3, 0], [0, 1, 0, 1], [0, 3, 4])
    """

    first: int = 10
    last: int = 310
    tails: float = 0.01

    def __post_init__(self):
        check_integer("Stretch.first", self.first, 0)
        check_integer("Stretch.last", self.last, self.first + 1)
        if not 0 <= to_float("Stretch.tails", self.tails, expected="a fraction") < 0.5:
            raise ConfigurationError(f"Stretch.tails must be at least 0 and below 0.5, found {self.tails!r}")

    def __call__(self, dataset):
        """Stretch the samples of a data set.

        Parameters
        ----------
        dataset : SpikeDataset

        Returns
        -------
        SpikeDataset
            A new one of the same kind. Of spikes that meet in a neuron and step one remains.

        Raises
        ------
        SpikeError
            If the samples are no spike trains.
        """
        if not hasattr(dataset, "offsets"):
            raise SpikeError(f"spike trains can be stretched in time, found {dataset!r}; leave out stretch")
        offsets, counts = dataset.offsets[:-1], np.diff(dataset.offsets)
        samples = np.repeat(np.arange(len(counts)), counts)
        begin, end = (
            self._steps_at(dataset, offsets, counts, round_to(part * (counts - 1)))
            for part, round_to in ((self.tails, np.floor), (1 - self.tails, np.ceil))
        )
        factor = np.where(end > begin, (self.last - self.first) / np.maximum(end - begin, 1), 1.0)
        steps = np.floor(self.first + (dataset.steps - begin[samples]) * factor[samples] + 0.5).astype(np.int64)
        inside = steps >= 0
        return _with_spikes(dataset, samples[inside], steps[inside], dataset.neurons[inside])

    @staticmethod
    def _steps_at(dataset, offsets, counts, place) -> np.ndarray:
        """Of each sample the step of the spike at a place in it; 0 where there is no spike."""
        steps = np.zeros(len(counts), dtype=np.int64)
        fired = counts > 0
        steps[fired] = dataset.steps[offsets[fired] + place[fired].astype(np.int64)]
        return steps


def _with_spikes(dataset, samples: np.ndarray, steps: np.ndarray, neurons: np.ndarray):
    """The data set with other spikes, in order and each once."""
    n_steps, n_neurons = int(steps.max(initial=0)) + 1, int(np.prod(dataset.shape))
    row, neurons = np.divmod(np.unique((samples * n_steps + steps) * n_neurons + neurons), n_neurons)
    samples, steps = np.divmod(row, n_steps)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(samples, minlength=len(dataset)))])
    return dataclasses.replace(dataset, steps=steps, neurons=neurons, offsets=offsets)

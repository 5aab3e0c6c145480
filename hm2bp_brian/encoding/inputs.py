"""From samples of a data set to a network's input spikes: augmentation, encoder, delay lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hm2bp_brian.encoding.delays import check_delays, delay_lines, delayed_shape
from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError
from hm2bp_brian.spikes import SpikeBatch


@dataclass(frozen=True)
class Inputs:
    """Makes the input spikes of a network from samples of a data set.

    What it makes of a sample depends on seed, epoch and the sample's index only.

    Parameters
    ----------
    shape : tuple of int
        Of the network's input population, behind the delay lines.
    n_steps : int
        Steps of a presentation.
    dt : float
        Length of a step in seconds.
    encoder : optional
        ``encode(images, n_steps, seed, epoch, indices)`` returns a SpikeBatch; spike trains need none.
    augmentation : optional
        ``augmentation(samples, seed, epoch, indices)`` returns changed images or spike trains.
    delays : sequence of int
        Delay lines, in steps; see `hm2bp_brian.encoding.delays`.

    Examples
    --------
    >>> import numpy as np
    >>> from hm2bp_brian.datasets import ImageDataset
    >>> data = ImageDataset(np.full((2, 4, 4, 1), 255, np.uint8), [0, 1], 2, "white")
    >>> Inputs((4, 4, 1), n_steps=50, dt=0.001).spikes(data, [0, 1], seed=1, epoch=1).shape
    (4, 4, 1)
    """

    shape: tuple[int, ...]
    n_steps: int
    dt: float
    encoder: object = BernoulliEncoder()
    augmentation: object = None
    delays: Sequence[int] = ()

    def __post_init__(self):
        object.__setattr__(self, "delays", check_delays(self.delays))

    def plain(self) -> Inputs:
        """The same without augmentation: what evaluation takes."""
        return replace(self, augmentation=None)

    def spikes(self, dataset, indices, seed: int, epoch: int) -> SpikeBatch:
        """Input spikes of some samples of a data set."""
        return self.encode(self.samples(dataset, indices, seed, epoch), indices, seed, epoch)

    def samples(self, dataset, indices, seed: int, epoch: int):
        """Images or spike trains as the data set has them, changed by the augmentation."""
        samples = dataset.batch(indices, self.n_steps)
        return samples if self.augmentation is None else self.augmentation(samples, seed, epoch, indices)

    def encode(self, samples, indices, seed: int, epoch: int) -> SpikeBatch:
        """Input spikes of images or spike trains, behind the delay lines."""
        if not isinstance(samples, SpikeBatch):
            samples = self.encoder.encode(samples, self.n_steps, seed, epoch, indices)
            if getattr(samples, "n_samples", None) != len(indices):
                raise SpikeError(
                    f"{type(self.encoder).__name__}.encode must return a SpikeBatch of the {len(indices)} images that "
                    f"it got, found {samples!r}"
                )
        return delay_lines(samples, self.delays)

    def check(self, name: str, dataset) -> None:
        """Check that the network can be shown a data set.

        Raises
        ------
        ConfigurationError, ShapeError, SpikeError
            If it is empty, its samples have another shape or time step, or all spikes come after the presentation.

        Warns
        -----
        UserWarning
            If it has no spikes, or the presentation cuts some off.
        """
        if len(dataset) == 0:
            raise ConfigurationError(f"{name} is empty; at least one sample is needed")
        shape = delayed_shape(dataset.shape, self.delays)
        if shape != self.shape:
            delayed = f" behind delays={self.delays}" if self.delays else ""
            same_size = math.prod(shape) == math.prod(self.shape)
            hint = "; reshape the samples, or give the network their input_shape" if same_size else ""
            raise ShapeError(
                f"{name} has samples of shape {shape}{delayed}, but the network's input_shape is {self.shape}{hint}"
            )
        dataset.check_presentation(self.n_steps, self.dt)

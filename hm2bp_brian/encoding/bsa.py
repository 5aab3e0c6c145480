"""BSA: analog signals to spike trains from which a filter gives the signals back.

References
----------
B. Schrauwen and J. Van Campenhout (2003). BSA, a fast and accurate spike train encoding scheme. IJCNN, 2825-2830.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_count
from hm2bp_brian.errors import ConfigurationError, NumericalError, ShapeError

KERNEL_LENGTH = 24
KERNEL = np.exp(-((np.arange(KERNEL_LENGTH) - KERNEL_LENGTH / 2) ** 2) / 25)
KERNEL /= KERNEL.sum()


@dataclass(frozen=True)
class BSA:
    """Ben's spiker algorithm; an object of this class is called with signals.

    Each value of the signal, times ``scale``, is held for ``hold`` steps; silence follows. With s what is left of the
    signal and h the kernel, exp(-(j - 12)² / 25) for j = 0..23 with sum 1, there is a spike after step i if ::

        sum_j |s(i + j) - h(j)| < sum_j |s(i + j)| - threshold

    and then h is subtracted from s at i. The kernel and the default values are those of Jin, Zhang & Li (2018) for
    spoken letters.

    Parameters
    ----------
    hold : int
        Steps a value.
    scale : float
    threshold : float

    Raises
    ------
    ConfigurationError
        If ``hold`` is no whole number from 1 on, ``scale`` not above 0, or ``threshold`` not in 0..1 (a spike takes
        away at most 1, the kernel's sum).

    Examples
    --------
    >>> signals = np.full((1, 20, 1), 0.00025)  # 0.5 a step, when scaled
    >>> spikes = hb.encoding.BSA()(signals)
    >>> spikes.shape, int(spikes.sum())
    ((1, 201, 1), 111)
    """

    hold: int = 10
    scale: float = 2000.0
    threshold: float = 0.6

    def __post_init__(self):
        check_count("BSA.hold", self.hold)
        if not 0 < self.scale < math.inf:
            raise ConfigurationError(f"BSA.scale must be finite and above 0, found {self.scale!r}")
        if not 0 <= self.threshold <= 1:
            raise ConfigurationError(f"BSA.threshold must lie in 0..1, found {self.threshold!r}")

    def __call__(self, signals: np.ndarray) -> np.ndarray:
        """Spikes of signals.

        Parameters
        ----------
        signals : float array (n_signals, n_frames, n_channels)

        Returns
        -------
        bool array (n_signals, n_frames * hold + 1, n_channels)
            Whether a channel fires in a step; never in step 0.

        Raises
        ------
        ShapeError
            If there are not three dimensions.
        NumericalError
            If a value is not finite.
        """
        signals = np.asarray(signals, dtype=np.float64)
        if signals.ndim != 3:
            raise ShapeError(f"signals must be (n_signals, n_frames, n_channels), found shape {signals.shape}")
        if not np.isfinite(signals).all():
            raise NumericalError("a signal has a value that is not finite")
        n_signals, n_frames, n_channels = signals.shape
        n_steps = n_frames * self.hold
        trains = signals.transpose(1, 0, 2).reshape(n_frames, n_signals * n_channels)
        rest = np.zeros((n_steps + KERNEL_LENGTH, n_signals * n_channels))
        rest[:n_steps] = np.repeat(trains * self.scale, self.hold, axis=0)
        spikes = np.zeros((n_steps + 1, n_signals * n_channels), dtype=bool)
        for step in range(n_steps):
            window = rest[step : step + KERNEL_LENGTH]
            size = np.abs(window).sum(axis=0)
            # where less than the threshold is left, no spike can be
            candidates = np.flatnonzero(size > self.threshold)
            after = window[:, candidates] - KERNEL[:, np.newaxis]
            better = np.abs(after).sum(axis=0) < size[candidates] - self.threshold
            fired = candidates[better]
            spikes[step + 1, fired] = True
            window[:, fired] = after[:, better]
        return spikes.reshape(n_steps + 1, n_signals, n_channels).transpose(1, 0, 2)

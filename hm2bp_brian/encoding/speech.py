"""From sounds to spike trains as Jin, Zhang & Li (2018) encode spoken letters: Lyon's ear, then BSA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.encoding.bsa import BSA
from hm2bp_brian.encoding.cochlea import LyonEar
from hm2bp_brian.errors import ShapeError


@dataclass(frozen=True)
class SpeechEncoder:
    """An ear and the spikes of its channels; with the defaults 78 channels and steps of 1.6 ms.

    Parameters
    ----------
    ear : LyonEar
    bsa : BSA

    Examples
    --------
    >>> encoder = hb.encoding.SpeechEncoder()
    >>> tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(2000) / 12500)
    >>> [(steps, channels)] = encoder.encode([tone])
    >>> encoder.ear.n_channels, encoder.step_ms, int(np.bincount(channels).argmax())
    (78, 1.6, 52)
    """

    ear: LyonEar = LyonEar(12500)
    bsa: BSA = BSA()

    @property
    def name(self) -> str:
        """What the spikes depend on, for names of files."""
        ear, bsa = self.ear, self.bsa
        return (
            f"lyon-{ear.sample_rate:g}-{ear.ear_q:g}-{ear.step_factor:g}-{ear.tau_factor:g}-{ear.decimation}"
            f"-bsa-{bsa.hold}-{bsa.scale:g}-{bsa.threshold:g}"
        )

    @property
    def step_ms(self) -> float:
        """Duration of a step in ms."""
        return 1000 * self.ear.decimation / self.ear.sample_rate / self.bsa.hold

    def encode(self, sounds: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Spikes of sounds.

        Parameters
        ----------
        sounds : sequence of float arrays (n_samples,)
            Of any lengths, at the ear's sample rate. Those of one call are padded to the longest: it saves time to
            call with sounds of about the same length.

        Returns
        -------
        list of (steps, neurons)
            For each sound the step and channel of each spike, int64 (n_spikes,), sorted by (step, channel). A sound
            has ``n_samples // ear.decimation * bsa.hold + 1`` steps; those shorter than one frame have no spikes.

        Raises
        ------
        ShapeError, NumericalError
            If a sound has another number of dimensions, or a sample that is not finite.
        """
        heard = self.ear(padded(sounds, 1))
        lengths = [len(sound) // self.ear.decimation for sound in sounds]
        return self.encode_signals([signal[:length] for signal, length in zip(heard, lengths, strict=True)])

    def encode_signals(self, signals: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Spikes of signals that an ear has made, float arrays (n_frames, n_channels); see ``encode``."""
        # what is left of a signal after its end is never above 0, so the padding has no spikes
        return [np.nonzero(trains) for trains in self.bsa(padded(signals, 2))]


def padded(arrays: Sequence[np.ndarray], ndim: int) -> np.ndarray:
    """Arrays of different lengths as one, (n_arrays, longest, ...), with zeros at the ends.

    Raises
    ------
    ShapeError
        If there is no array, or one has not ``ndim`` dimensions or other sizes behind the first dimension.
    """
    arrays = [np.asarray(array, dtype=np.float64) for array in arrays]
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) != 1 or any(array.ndim != ndim for array in arrays):
        raise ShapeError(
            f"expected at least one array, all of {ndim} dimension(s) that differ in the first only, found "
            f"{sorted({array.shape for array in arrays})}"
        )
    together = np.zeros((len(arrays), max(map(len, arrays)), *shapes.pop()))
    for row, array in zip(together, arrays, strict=True):
        row[: len(array)] = array
    return together

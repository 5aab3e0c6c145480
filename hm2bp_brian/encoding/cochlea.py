"""Lyon's passive ear: what the nerve fibres along the cochlea would tell the brain about a sound.

References
----------
R. F. Lyon (1982). A computational model of filtering, detection, and compression in the cochlea. ICASSP, 1282-1285.

M. Slaney (1988). Lyon's cochlear model. Apple Computer Technical Report 13; as revised in M. Slaney (1998). Auditory
Toolbox, version 2. Interval Research Technical Report 1998-010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import is_integer
from hm2bp_brian.errors import ConfigurationError, NumericalError, ShapeError

EAR_BREAK_FREQUENCY = 1000.0  # Hz; below it the bandwidth of the channels stops falling with their frequency
ZERO_OFFSET = 1.5  # a channel's zeros lie so many channel spacings above its poles
ZERO_SHARPNESS = 5.0  # and are so many times sharper
PREEMPHASIS_CORNER = 300.0  # Hz
N_PRELIMINARY = 2  # sections ahead of the channels: preemphasis of the outer ear, compensation of the first channel
AGC_TIME_CONSTANTS = (0.64, 0.16, 0.04, 0.01)  # s, of the four gain controls in a row
AGC_TARGETS = (0.0032, 0.0016, 0.0008, 0.0004)
AGC_LIMIT = 0.9  # a gain control takes away at most so much
MIN_SAMPLE_RATE = 2000.0


@dataclass(frozen=True)
class LyonEar:
    """Lyon's passive ear; an object of this class is called with sounds.

    A cascade of filters, from high to low frequencies, each with an output (a channel); half-wave rectification; four
    stages of automatic gain control, in each of which a channel is turned down by its own past and that of its two
    neighbours; the difference between neighbouring channels, rectified; smoothing; and one value kept of each
    ``decimation`` samples.

    Parameters
    ----------
    sample_rate : float
        In Hz, from 2000 on.
    ear_q : float
        Centre frequency over bandwidth of the channels, at high frequencies.
    step_factor : float
        Distance between neighbouring channels, in bandwidths.
    tau_factor : float
        Time constant of the smoothing, in frames.
    decimation : int
        Samples a frame.

    Raises
    ------
    ConfigurationError
        If a number is not finite or too small.

    Notes
    -----
    8 kHz gives 64 channels, 12.5 kHz gives 78, 16 kHz gives 86.

    Examples
    --------
    >>> ear = hb.encoding.LyonEar(12500)
    >>> tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(2000) / 12500)
    >>> rates = ear(tone[np.newaxis])
    >>> loudest = rates[0].mean(axis=0).argmax()
    >>> rates.shape, int(ear.center_frequencies[loudest])
    ((1, 10, 78), 970)
    """

    sample_rate: float
    ear_q: float = 8.0
    step_factor: float = 0.25
    tau_factor: float = 3.0
    decimation: int = 200

    def __post_init__(self):
        if not MIN_SAMPLE_RATE <= self.sample_rate < math.inf:
            raise ConfigurationError(
                f"LyonEar.sample_rate must be in Hz and at least {MIN_SAMPLE_RATE:g}, found {self.sample_rate!r}"
            )
        if not 1 <= self.ear_q < math.inf:
            raise ConfigurationError(f"LyonEar.ear_q must be finite and at least 1, found {self.ear_q!r}")
        for name in ("step_factor", "tau_factor"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigurationError(f"LyonEar.{name} must be finite and above 0, found {getattr(self, name)!r}")
        if not is_integer(self.decimation) or self.decimation < 1:
            raise ConfigurationError(
                f"LyonEar.decimation must be a whole number of samples from 1 on, found {self.decimation!r}"
            )
        if self.n_channels < 2:
            raise ConfigurationError(
                f"{self} has {max(self.n_channels, 0)} channels; lower step_factor to get 2 or more"
            )

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.center_frequencies)

    @property
    def center_frequencies(self) -> np.ndarray:
        """Centre frequency of each channel in Hz, the highest first; float64 (n_channels,).

        The bandwidth at the frequency f is sqrt(f² + 1000²) / ear_q; the places of the channels are ``step_factor``
        bandwidths apart, which solves df/dk = -step_factor * bandwidth(f).
        """
        step = self.step_factor / self.ear_q
        lowest = EAR_BREAK_FREQUENCY / math.sqrt(4 * self.ear_q**2 - 1)
        top, bottom = (math.asinh(f / EAR_BREAK_FREQUENCY) for f in (self._top_frequency, lowest))
        n_channels = math.floor((top - bottom) / step)
        return EAR_BREAK_FREQUENCY * np.sinh(top - step * np.arange(1, n_channels + 1))

    @property
    def _top_frequency(self) -> float:
        """Where the cascade begins: so low that the zeros of the first channel stay below half of the sample rate."""
        nyquist = self.sample_rate / 2
        bandwidth = math.hypot(nyquist, EAR_BREAK_FREQUENCY) / self.ear_q
        return nyquist - (ZERO_OFFSET - 1) * self.step_factor * bandwidth

    def sections(self) -> np.ndarray:
        """The filters as second-order sections, in the layout of `scipy.signal.sosfilt`; float64 (n_channels + 2, 6).

        Each has the input of the ear (the first) or the output of the one before.
        """
        rate = self.sample_rate
        frequencies = self.center_frequencies
        bandwidths = np.hypot(frequencies, EAR_BREAK_FREQUENCY) / self.ear_q
        poles = _polynomial(frequencies, frequencies / bandwidths, rate)
        zero_frequencies = frequencies + ZERO_OFFSET * self.step_factor * bandwidths
        zeros = _polynomial(zero_frequencies, ZERO_SHARPNESS * zero_frequencies / bandwidths, rate)
        # at 0 Hz each channel lets through as much as makes up for the narrower band of the next
        gains = np.empty(len(frequencies))
        gains[1:] = frequencies[:-1] / frequencies[1:]
        gains[0] = gains[1]
        channels = [_with_gain(z, p, g, 0.0, rate) for z, p, g in zip(zeros, poles, gains, strict=True)]

        preemphasis = [0.0, 1.0, -math.exp(-2 * math.pi * PREEMPHASIS_CORNER / rate)]
        compensation = _polynomial(np.array([self._top_frequency]), frequencies[:1] / bandwidths[:1], rate)[0]
        preliminary = [
            _with_gain(np.array(preemphasis), np.array([1.0, 0.0, 0.0]), 1.0, rate / 4, rate),
            _with_gain(np.array([1.0, 0.0, -1.0]), compensation, 1.0, rate / 4, rate),
        ]
        return np.array(preliminary + channels)

    def __call__(self, sounds: np.ndarray) -> np.ndarray:
        """Firing rates of the channels.

        Parameters
        ----------
        sounds : float array (n_sounds, n_samples)
            In -1..1. The gain controls make the result depend on the loudness.

        Returns
        -------
        float64 array (n_sounds, n_samples // decimation, n_channels)
            From 0 on, small numbers; the highest frequency first. What is left after the last whole frame is not
            heard. A sound's frames don't depend on what follows them, so sounds may be padded at their ends.

        Raises
        ------
        ShapeError
            If the array has another number of dimensions, or no sound.
        NumericalError
            If a sample is not finite.
        """
        sounds = np.asarray(sounds, dtype=np.float64)
        if sounds.ndim != 2 or len(sounds) == 0:
            raise ShapeError(
                f"sounds must be (n_sounds, n_samples) with at least one sound, found {sounds.shape}; one sound x is "
                "given as x[numpy.newaxis]"
            )
        if not np.isfinite(sounds).all():
            raise NumericalError("a sound has a sample that is not finite")
        n_frames = sounds.shape[1] // self.decimation
        frames = np.empty((n_frames, self.n_channels, len(sounds)))
        filters = _FilterCascade(self.sections(), len(sounds))
        gain_control = _GainControl(self.sample_rate, len(filters.sections), len(sounds))
        smoothing = 1 - math.exp(-1 / (self.tau_factor * self.decimation))
        # two leaky integrators in a row, each fed with what came out one sample earlier
        difference, first, second = np.zeros((3, len(filters.sections), len(sounds)))
        for frame, rates in enumerate(frames):
            block = sounds[:, frame * self.decimation : (frame + 1) * self.decimation]
            for rectified in filters(block):
                second += smoothing * (first - second)
                first += smoothing * (difference - first)
                difference = _difference(gain_control(rectified))
            rates[:] = second[N_PRELIMINARY:]
        return frames.transpose(2, 0, 1)


class _FilterCascade:
    """The sections for a batch of sounds, block after block."""

    def __init__(self, sections: np.ndarray, n_sounds: int):
        self.sections = sections
        self.states = np.zeros((len(sections), 1, n_sounds, 2))

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """From samples (n_sounds, n_samples) to half-wave rectified outputs (n_samples, n_sections, n_sounds)."""
        from scipy.signal import sosfilt  # here, as it takes longer to load than all else of this package

        outputs = np.empty((block.shape[1], len(self.sections), len(block)))
        for number, section in enumerate(self.sections):
            block, self.states[number] = sosfilt(section[np.newaxis], block, zi=self.states[number])
            outputs[:, number] = block.T
        np.maximum(outputs, 0, out=outputs)
        # in the toolbox a block begins with silence in these two, which the gain control of their neighbour feels
        outputs[0, :N_PRELIMINARY] = 0
        return outputs


class _GainControl:
    """Four gain controls in a row for a batch of sounds, sample after sample.

    With x the input and s the state of a stage (epsilon = 1 - exp(-1 sample / time constant)):

        y_i = x_i (1 - s_i)
        s_i <- min(epsilon y_i / target + (1 - epsilon) (s_{i-1} + s_i + s_{i+1}) / 3, 0.9)

    where a channel at the edge is its own neighbour.
    """

    def __init__(self, sample_rate: float, n_sections: int, n_sounds: int):
        epsilons = [1 - math.exp(-1 / (tau * sample_rate)) for tau in AGC_TIME_CONSTANTS]
        self.uptake = [epsilon / target for epsilon, target in zip(epsilons, AGC_TARGETS, strict=True)]
        self.share = [(1 - epsilon) / 3 for epsilon in epsilons]
        # one more row at each edge, a copy of the outermost channel
        self.states = np.zeros((len(epsilons), n_sections + 2, n_sounds))
        self.buffer, self.driven = np.empty((2, n_sections, n_sounds))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Turn down one sample of all sections, (n_sections, n_sounds), in place."""
        buffer, driven = self.buffer, self.driven
        for state, uptake, share in zip(self.states, self.uptake, self.share, strict=True):
            own = state[1:-1]
            np.subtract(1, own, out=buffer)
            x *= buffer
            state[0], state[-1] = state[1], state[-2]
            np.add(state[:-2], own, out=buffer)
            buffer += state[2:]
            buffer *= share
            np.multiply(x, uptake, out=driven)
            buffer += driven
            np.minimum(buffer, AGC_LIMIT, out=own)
        return x


def _difference(x: np.ndarray) -> np.ndarray:
    """Each channel but the first taken from the one before, half-wave rectified."""
    difference = x.copy()
    np.subtract(x[:-1], x[1:], out=difference[1:])
    return np.maximum(difference, 0, out=difference)


def _polynomial(frequencies: np.ndarray, sharpness: np.ndarray, sample_rate: float) -> np.ndarray:
    """z² + c1 z + c2 with a pair of roots at a frequency and of a sharpness Q, as rows (1, c1, c2)."""
    angles = 2 * np.pi * frequencies / sample_rate
    radii = np.exp(-angles / (2 * sharpness))
    rotation = angles * np.sqrt(1 - 1 / (4 * sharpness**2))
    return np.stack([np.ones_like(radii), -2 * radii * np.cos(rotation), radii**2], axis=1)


def _with_gain(zeros, poles, gain: float, frequency: float, sample_rate: float) -> np.ndarray:
    """A second-order section of the given zeros and poles, with the given gain at a frequency."""
    z = np.exp(2j * np.pi * frequency / sample_rate)
    present = abs(np.polyval(zeros, z) / np.polyval(poles, z))
    return np.concatenate([zeros * (gain / present), poles])

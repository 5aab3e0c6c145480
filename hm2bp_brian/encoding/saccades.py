"""Simulated recordings of images by an event camera that makes N-MNIST's three saccades (Orchard et al. 2015).

The image moves over the sensor along a triangle. Each pixel remembers the logarithm of a brightness, and sends an event
when the present one differs from it by a threshold: the memory then moves by that threshold (Lichtsteiner, Posch &
Delbruck 2008). No recording is copied; what comes out is simulated, and is to be called so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from hm2bp_brian.encoding.events import EVENT_DTYPE, NMNIST_SIDE
from hm2bp_brian.errors import ConfigurationError, ShapeError

IMAGE_SHAPE = (28, 28, 1)
N_PIXELS = NMNIST_SIDE**2
# Where the image's first pixel lies on the sensor, (x, y) in pixels, before, between and after the saccades, and when
# these begin and end, in ms.
CORNERS = np.array([(0.1, 1.4), (1.9, 7.4), (5.8, 1.2), (0.1, 1.4)])
SACCADES_MS = np.array([(-4.0, 93.0), (93.0, 196.5), (206.0, 301.0)])
DURATION_MS = 316.0
STEP_MS = 2.0  # a pixel sends no more than one event a step, as a refractory period would have it
MARGIN = 8  # dark pixels around the image, more than it moves
MISMATCH_FLOOR = 0.05  # no pixel's threshold is a smaller part of the mean than this


@dataclass(frozen=True)
class SaccadeCamera:
    """An event camera that makes three saccades in front of an image of 28 x 28 pixels.

    The defaults, and the path of the image, are fitted to the first 40 of N-MNIST's real training recordings: they
    minimise the squared difference of the spikes, counted in bins of 12 ms and smoothed, but for the threshold, which
    makes the number of spikes agree.

    Parameters
    ----------
    threshold : float
        Change of the logarithm of the brightness that makes an event, on average.
    mismatch : float
        Standard deviation of the pixels' thresholds for either polarity, as a part of ``threshold``.
    darkness : float
        Brightness of a black pixel, when a white one has 1 more.
    blur : float
        Standard deviation in pixels of the Gaussian that the lens makes of a point.
    delay_ms : float
        Mean of the time that passes until an event is sent; its distribution is exponential.
    noise_hz : float
        Events a pixel and second that no change of brightness has made.

    Raises
    ------
    ConfigurationError
        If a parameter is negative or not finite, or threshold or darkness are 0.

    Examples
    --------
    >>> images = np.zeros((1, 28, 28, 1), np.uint8)
    >>> images[:, 10:18, 10:18] = 255
    >>> [events] = hb.encoding.SaccadeCamera().record(images, [np.random.default_rng(0)])
    >>> events.dtype.names, bool(events["t"].max() < 316_000)
    (('x', 'y', 't', 'p'), True)
    """

    threshold: float = 0.134
    mismatch: float = 0.05
    darkness: float = 0.8
    blur: float = 0.45
    delay_ms: float = 4.4
    noise_hz: float = 0.05

    def __post_init__(self):
        for field, value in vars(self).items():
            positive = field in ("threshold", "darkness")
            if not (0 < value if positive else 0 <= value) or not value < np.inf:
                raise ConfigurationError(
                    f"SaccadeCamera.{field} must be a finite number {'above' if positive else 'from'} 0, "
                    f"found {value!r}"
                )

    @property
    def name(self) -> str:
        """What the recordings depend on, for names of files."""
        return "saccades-" + "-".join(f"{value:g}" for value in vars(self).values())

    def record(self, images: np.ndarray, generators: Sequence[np.random.Generator]) -> list[np.ndarray]:
        """Simulated recordings of a batch of images.

        Parameters
        ----------
        images : uint8 array (batch, 28, 28, 1)
        generators : sequence of numpy.random.Generator
            One for each image, so that a recording does not depend on the batch that it is made in; see
            ``image_generator``.

        Returns
        -------
        list of structured arrays (n_events,)
            For each image its events, sorted by time: x, y (of the 34 x 34 pixels), t (microseconds) and p, which is
            set where a pixel got *darker*, as it is in N-MNIST's files.

        Raises
        ------
        ShapeError
            If the images have another shape, there is none, or not one generator for each.
        ConfigurationError
            If the images are not uint8.
        """
        images = np.asarray(images)
        if images.shape[1:] != IMAGE_SHAPE or len(images) == 0 or len(generators) != len(images):
            raise ShapeError(
                f"expected images (batch, {', '.join(map(str, IMAGE_SHAPE))}), at least one, and one generator for "
                f"each, found {images.shape} and {len(generators)} generators"
            )
        if images.dtype != np.uint8:
            raise ConfigurationError(f"images must be uint8 (pixels 0..255), found {images.dtype}")
        places, steps, darker = self._crossings(self._scenes(images[..., 0]), generators)
        image = places // N_PIXELS
        order = np.argsort(image, kind="stable")
        ends = np.cumsum(np.bincount(image, minlength=len(images)))[:-1]
        parts = (np.split(array[order], ends) for array in (places % N_PIXELS, steps * STEP_MS, darker))
        return [self._events(*part, generator) for *part, generator in zip(*parts, generators, strict=True)]

    def _scenes(self, images: np.ndarray) -> np.ndarray:
        """Images as the lens shows them, (batch, 44, 44), between ``darkness`` and ``darkness`` + 1."""
        scenes = np.pad(images.astype(np.float32) / 255, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
        return gaussian_filter(scenes, (0, self.blur, self.blur)) + np.float32(self.darkness)

    def _crossings(self, scenes: np.ndarray, generators: Sequence[np.random.Generator]):
        """Flat index (image, row, column), step and polarity of each threshold that is crossed, sorted by step."""
        draws = np.stack([_pixel_draws(generator) for generator in generators]).astype(np.float32)
        limits = self.threshold * np.maximum(1 + self.mismatch * draws[:, :2], MISMATCH_FLOOR)
        rise, fall = (np.ascontiguousarray(limits[:, polarity]).reshape(-1) for polarity in (0, 1))
        path = image_path(np.arange(0, DURATION_MS + STEP_MS, STEP_MS))
        # at the start, pixels are anywhere between two events
        memory = (np.log(_seen(scenes, *path[0])) + self.threshold * draws[:, 2]).reshape(-1)
        found = []
        for step, corner in enumerate(path[1:], 1):
            change = np.log(_seen(scenes, *corner)).reshape(-1) - memory
            brighter, darker = np.flatnonzero(change >= rise), np.flatnonzero(change <= -fall)
            memory[brighter] += rise[brighter]
            memory[darker] -= fall[darker]
            found += [(brighter, step, False), (darker, step, True)]
        places = np.concatenate([place for place, _, _ in found])
        counts = [len(place) for place, _, _ in found]
        steps, polarities = (np.repeat([row[field] for row in found], counts) for field in (1, 2))
        return places, steps, polarities

    def _events(self, pixels, times_ms, darker, generator: np.random.Generator) -> np.ndarray:
        """Events of one image, delayed at random and mixed with noise."""
        n_noise = generator.poisson(self.noise_hz * N_PIXELS * DURATION_MS / 1000)
        n_crossings = len(times_ms)
        crossed_ms = times_ms - STEP_MS * generator.random(n_crossings)  # at any time in the step
        sent_ms = crossed_ms + self.delay_ms * generator.standard_exponential(n_crossings)
        sent_ms = np.concatenate([sent_ms, DURATION_MS * generator.random(n_noise)])
        order = np.argsort(sent_ms)
        order = order[sent_ms[order] < DURATION_MS]
        pixels = np.concatenate([pixels, generator.integers(N_PIXELS, size=n_noise)])[order]
        events = np.empty(len(order), EVENT_DTYPE)
        events["y"], events["x"] = np.divmod(pixels, NMNIST_SIDE)
        events["t"] = 1000 * sent_ms[order]
        events["p"] = np.concatenate([darker, generator.integers(2, size=n_noise)])[order]
        return events


def image_path(times_ms: np.ndarray) -> np.ndarray:
    """Where the image's first pixel lies on the sensor, (n, 2): x and y in pixels, at n times.

    In each saccade the speed is a raised cosine: position = u - sin(2 pi u) / (2 pi) of the way, for u from 0 to 1.
    """
    begin, end = SACCADES_MS.T
    u = np.clip((np.asarray(times_ms)[:, np.newaxis] - begin) / (end - begin), 0, 1)
    return CORNERS[0] + (u - np.sin(2 * np.pi * u) / (2 * np.pi)) @ np.diff(CORNERS, axis=0)


def image_generator(seed: int, index: int) -> np.random.Generator:
    """The random numbers of the recording of one image, by its index in the data set."""
    return np.random.default_rng([seed, index])


def _pixel_draws(generator: np.random.Generator) -> np.ndarray:
    """Mismatch of the thresholds for brighter and darker, and the memory at the start: (3, 34, 34)."""
    mismatch = generator.standard_normal((2, NMNIST_SIDE, NMNIST_SIDE))
    return np.concatenate([mismatch, generator.random((1, NMNIST_SIDE, NMNIST_SIDE)) - 0.5])


def _seen(scenes: np.ndarray, x: float, y: float) -> np.ndarray:
    """What the sensor sees of scenes when the images' first pixels lie at (x, y): bilinear interpolation."""
    row, column = int(np.floor(MARGIN - y)), int(np.floor(MARGIN - x))
    below, right = np.float32(MARGIN - y - row), np.float32(MARGIN - x - column)
    window = scenes[:, row : row + NMNIST_SIDE + 1, column : column + NMNIST_SIDE + 1]
    rows = window[:, :-1] + below * (window[:, 1:] - window[:, :-1])
    return rows[:, :, :-1] + right * (rows[:, :, 1:] - rows[:, :, :-1])

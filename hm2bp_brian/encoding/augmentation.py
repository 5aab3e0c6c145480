"""Augmentation: images mirrored, shifted, scaled, rotated and elastically distorted at random.

What happens to an image depends on (seed, epoch, index of the image) only, not on the batch it is in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter

from hm2bp_brian.checks import check_integer
from hm2bp_brian.encoding.random_numbers import random_integers, random_words, sample_keys
from hm2bp_brian.errors import ConfigurationError, ShapeError

SMOOTHING = 4.0  # standard deviation in pixels, by Simard, Steinkraus & Platt (2003)
N_FIELDS = 256
N_WORDS = 12
# changes the keys and the seed, so that these random numbers are others than those of the spikes
STREAM = np.array([0x61756776, 0x656E7465], dtype=np.uint32)
CHUNK = 256  # images at a time, which bounds the memory


@dataclass(frozen=True)
class Augmentation:
    """Random changes of images; an object of this class is called with images and the indices they have.

    Scale, rotation, elastic distortion and shift make up one map from the pixels of the new image to places in the
    old one, which is read there once, by bilinear interpolation; outside of it everything is 0. Scale and rotation
    are about the image's centre.

    Parameters
    ----------
    shift : int
        Largest shift in whole pixels; rows and columns are shifted independently and uniformly. A mere shift copies
        the pixels as they are.
    scale : float
        Height and width are multiplied independently by factors drawn uniformly from ``1 - scale`` to ``1 + scale``.
    rotation : float
        Largest angle in degrees, drawn uniformly from both senses.
    elastic : float
        Strength of the elastic distortion (Simard, Steinkraus & Platt 2003): noise, uniform in -1..1 for each pixel,
        is smoothed by a Gaussian of standard deviation 4 pixels, whose weights sum to 4, and multiplied by
        ``elastic``; two such fields displace rows and columns. This is the scaling of the 3.4 that Jin, Zhang & Li
        (2018) give for their convolutional network. Each pixel moves by 0.16 ``elastic`` (root mean square along each
        axis): 0.55 pixels for 3.4.
    flip : bool
        Whether every other image, drawn by lot, is mirrored first: left becomes right.

    Raises
    ------
    ConfigurationError
        If a value is negative, not finite, or too large (scale from 1, rotation above 180).

    Examples
    --------
    >>> images = np.zeros((2, 5, 5, 1), np.uint8)
    >>> images[:, 2, 2] = 255
    >>> moved = hb.encoding.Augmentation(shift=1)(images, seed=1, epoch=0, indices=[0, 1])
    >>> np.argwhere(moved[..., 0])  # image, row, column
    array([[0, 1, 3],
           [1, 1, 1]])
    """

    shift: int = 1
    scale: float = 0.0
    rotation: float = 0.0
    elastic: float = 0.0
    flip: bool = False

    def __post_init__(self):
        check_integer("Augmentation.shift", self.shift, 0)
        if not 0 <= self.scale < 1:
            raise ConfigurationError(f"Augmentation.scale must be a fraction, at least 0 and below 1: {self.scale!r}")
        if not 0 <= self.rotation <= 180:
            raise ConfigurationError(f"Augmentation.rotation must be an angle in 0..180 degrees: {self.rotation!r}")
        if not 0 <= self.elastic < math.inf:
            raise ConfigurationError(f"Augmentation.elastic must be a finite number from 0 on: {self.elastic!r}")

    def __call__(self, images: np.ndarray, seed: int, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Change images.

        Parameters
        ----------
        images : uint8 array (batch, height, width, channels)
        seed, epoch : int
        indices : int array (batch,)
            Index of each image in its data set.

        Returns
        -------
        uint8 array of the same shape
            Always a new array.

        Raises
        ------
        ShapeError
            If the shapes don't fit.
        ConfigurationError
            If the images are not uint8, or seed, epoch or an index is negative.
        """
        images, indices = np.asarray(images), np.asarray(indices)
        if images.ndim != 4 or indices.shape != images.shape[:1]:
            raise ShapeError(
                "expected images (batch, height, width, channels) and one index for each, "
                f"found {images.shape} and {indices.shape}"
            )
        if images.dtype != np.uint8:
            raise ConfigurationError(f"images must be uint8 (pixels 0..255), found {images.dtype}")
        keys = sample_keys(seed, epoch, indices) ^ STREAM
        words = random_words(keys[:, np.newaxis], np.arange(N_WORDS, dtype=np.uint32))
        return self._changed(images, words, seed)

    def _changed(self, images: np.ndarray, words: np.ndarray, seed: int) -> np.ndarray:
        if self.flip:
            mirrored = self._mirrored(words)[:, np.newaxis, np.newaxis, np.newaxis]
            images = np.where(mirrored, images[:, :, ::-1], images)
        if self._only_shifts:
            return shifted(images, self._shifts(words))
        changed = np.empty_like(images)
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            changed[part] = interpolated(images[part], self._places(words[part], images.shape[1:3], seed))
        return changed

    @property
    def _only_shifts(self) -> bool:
        return not (self.scale or self.rotation or self.elastic)

    def _mirrored(self, words: np.ndarray) -> np.ndarray:
        return self.flip & (words[:, 11] >= 2**31)

    def _shifts(self, words: np.ndarray) -> np.ndarray:
        return random_integers(words[:, :2], 2 * self.shift + 1) - self.shift

    def _maps(self, words: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        uniform = words[:, 2:5] * 2.0**-31 - 1
        factors, angles = 1 + self.scale * uniform[:, :2], np.deg2rad(self.rotation) * uniform[:, 2]
        return affine_maps(shape, self._shifts(words), factors, angles)

    def _places(self, words: np.ndarray, shape: tuple[int, int], seed: int) -> np.ndarray:
        places = affine_places(shape, self._maps(words, shape))
        if self.elastic:
            windows = np.lib.stride_tricks.sliding_window_view(smooth_noise(shape, seed), shape, axis=(1, 2))
            field, row, column = np.moveaxis(self._fields(words, shape), -1, 0)
            places += self.elastic * windows[field, row, column]
        return places

    @staticmethod
    def _fields(words: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Two fields for each image, random ones of the pool, rolled along both axes: int64 (batch, 2, 3)."""
        drawn = (random_integers(words[:, 5 + 2 * i : 7 + 2 * i], n) for i, n in enumerate((N_FIELDS, *shape)))
        return np.stack(list(drawn), axis=-1)


def shifted(images: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Shift images by whole pixels, zeros coming in from the sides.

    Parameters
    ----------
    images : array (batch, height, width, channels)
    shifts : int array (batch, 2)
        Pixels down and to the right.

    Returns
    -------
    array of the same shape and type
    """
    margin = int(np.abs(shifts).max(initial=0))
    canvas = np.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(canvas, images.shape[1:3], axis=(1, 2))
    picked = windows[np.arange(len(images)), margin - shifts[:, 0], margin - shifts[:, 1]]
    return np.ascontiguousarray(np.moveaxis(picked, 1, -1))


def affine_maps(shape: tuple[int, int], shifts, factors, angles) -> np.ndarray:
    """Maps from the pixels of scaled, then rotated, then shifted images to places in the old images.

    Parameters
    ----------
    shape : tuple of int
        Height and width.
    shifts : array (batch, 2)
        Pixels down and to the right.
    factors : array (batch, 2)
        By which height and width are multiplied.
    angles : array (batch,)
        In radians, counterclockwise as seen with row 0 at the top.

    Returns
    -------
    float64 array (batch, 6)
        Row and column to which the centre goes; by how much a place's row grows with row and column of the pixel, its
        column with column, and falls with row.
    """
    centre = (np.array(shape) - 1) / 2
    cos, sin = np.cos(angles), np.sin(angles)
    (height, width), origins = factors.T, centre + shifts
    return np.column_stack([origins, cos / height, sin / height, cos / width, sin / width])


def affine_places(shape: tuple[int, int], maps: np.ndarray) -> np.ndarray:
    """Where maps of `affine_maps` lead.

    Returns
    -------
    float32 array (batch, 2, height, width)
        Row and column, 0 being the centre of the first pixel.
    """
    centre = (np.array(shape) - 1) / 2
    of_row, of_column, row_row, row_column, column_column, column_row = maps.T[..., np.newaxis, np.newaxis]
    rows, columns = np.arange(shape[0])[:, np.newaxis] - of_row, np.arange(shape[1]) - of_column
    places = np.empty((len(maps), 2, *shape), dtype=np.float32)
    places[:, 0] = centre[0] + rows * row_row + columns * row_column
    places[:, 1] = centre[1] + columns * column_column - rows * column_row
    return places


def interpolated(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Read images between their pixels, bilinearly; everything outside is 0.

    Parameters
    ----------
    images : uint8 array (batch, height, width, channels)
    places : float32 array (batch, 2, height, width)
        Row and column to read for each pixel of the result.

    Returns
    -------
    uint8 array (batch, height, width, channels)
    """
    n_images, height, width, n_channels = images.shape
    # a border of zeros, in which every place outside of the image is brought to lie
    pixels = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(-1, n_channels)
    row, row_part = _split(places[:, 0] + 1, height)
    column, column_part = _split(places[:, 1] + 1, width)
    first = (np.arange(n_images)[:, np.newaxis, np.newaxis] * (height + 2) + row) * (width + 2) + column

    def along_row(index):
        left, right = pixels[index].astype(np.float32), pixels[index + 1].astype(np.float32)
        return left + column_part * (right - left)

    above, below = along_row(first), along_row(first + width + 2)
    return np.rint(above + row_part * (below - above)).astype(np.uint8)


def _split(place: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Index of the pixel before each place in a row of size + 2 pixels, and the part of a pixel beyond it."""
    place = np.clip(place, 0, size + 1)
    index = np.minimum(place.astype(np.intp), size)
    return index, (place - index).astype(np.float32)[..., np.newaxis]


@lru_cache(maxsize=4)
def smooth_noise(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Fields of elastic displacement of strength 1, periodic, float32 (N_FIELDS, 2 * height, 2 * width)."""
    noise = np.random.default_rng([seed, *STREAM]).uniform(-1, 1, size=(N_FIELDS, *shape))
    smooth = SMOOTHING * gaussian_filter(noise, (0, SMOOTHING, SMOOTHING), mode="wrap")
    return np.tile(smooth.astype(np.float32), (1, 2, 2))

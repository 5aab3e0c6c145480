"""What encoders of images share: the protocol that they follow, and what images they take."""

from __future__ import annotations

import warnings
from typing import Protocol

import numpy as np

from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.spikes import SpikeBatch


class ImageEncoder(Protocol):
    """From images to input spikes."""

    def encode(self, images: np.ndarray, n_steps: int, seed: int = 0, epoch: int = 0, indices=None) -> SpikeBatch:
        """Input spikes of a batch of images.

        Parameters
        ----------
        images : array ``(batch, *shape)``
            uint8 pixels in 0..255, or floats in 0..1.
        n_steps : int
        seed, epoch : int
            Of the random numbers, where the code has any.
        indices : int array (batch,), optional
            Index of each image in its data set: the spikes of an image depend on (seed, epoch, index), not on its
            batch. By default 0, 1, 2 and so on.

        Returns
        -------
        SpikeBatch
            Of the images' shape.

        Raises
        ------
        ShapeError
            If there is no batch dimension.
        ConfigurationError
            If the values have another type, are not finite or outside 0..1, or seed, epoch or an index can't be.
        SpikeError
            If there is no image, or no step.
        """


def checked_images(images, name: str = "images") -> np.ndarray:
    """The images as an array; ShapeError, ConfigurationError as `ImageEncoder.encode`."""
    images = np.asarray(images)
    if images.ndim < 2:
        raise ShapeError(f"{name} must be (batch, ...), at least 2 dimensions, found shape {images.shape}")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise ConfigurationError(f"{name} must be uint8 in 0..255 or floats in 0..1, found {images.dtype}")
    if not ((images >= 0) & (images <= 1)).all():
        raise ConfigurationError(
            f"{name} must be finite and in 0..1 if they are floats, found {images.min()}..{images.max()}; "
            "divide them by their largest value, or pass uint8"
        )
    return images


def warn_if_dark(name: str, images) -> None:
    """Warn if uint8 images look as if their pixels were meant to be in 0..1."""
    images = np.asarray(images)
    if images.dtype == np.uint8 and images.max(initial=0) == 1:
        warnings.warn(
            f"{name}: uint8 pixels are in 0..255, but the brightest here is 1, so that there are hardly any spikes. If "
            "1 is white, multiply the images by 255",
            UserWarning,
            stacklevel=3,
        )

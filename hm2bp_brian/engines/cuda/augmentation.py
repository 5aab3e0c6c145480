"""Augmentation on a card: what is drawn at random is drawn here, pixels are moved there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.encoding.augmentation import Augmentation, smooth_noise
from hm2bp_brian.engines.cuda import arguments
from hm2bp_brian.engines.cuda.card import Card, launch, pointer
from hm2bp_brian.engines.cuda.sources import image_source


class ImageKernels:
    """``kernels/images.cuh``.

    Parameters
    ----------
    card : Card
    """

    def __init__(self, card: Card):
        self.card = card
        self._kernel = card.compile(image_source(), "the kernels that change images")
        self._noise: dict = {}

    def change(self, images, mirrored, elastic: float, **drawn):
        """New images, on the card.

        Parameters
        ----------
        images : uint8 array (n_images, height, width, n_channels)
        mirrored : bool array (n_images,)
        elastic : float
        **drawn : arrays
            See ``struct Images``; those that are None are left out.
        """
        images = self.card.put(images)
        drawn = {name: self.card.put(array) for name, array in drawn.items() if array is not None}
        arrays = {"before": images, "after": self.card.empty(images.shape, np.uint8), **drawn}
        arrays["mirrored"] = self.card.put(mirrored, np.int32)
        fields = {name: pointer(array) for name, array in arrays.items()}
        structure = arguments.Images(*images.shape, elastic, **fields)
        kernel = self._kernel("interpolate_images" if "maps" in drawn else "shift_images")
        launch(kernel, structure, structure.height * structure.width, structure.n_images)
        return arrays["after"]

    def noise(self, shape: tuple[int, int], seed: int):
        """The pool of fields, kept on the card until others are asked for."""
        if (shape, seed) not in self._noise:
            self._noise = {(shape, seed): self.card.put(smooth_noise(shape, seed))}
        return self._noise[shape, seed]


@dataclass(frozen=True)
class CardAugmentation(Augmentation):
    """Changes images as an Augmentation does, and leaves them on the card."""

    kernels: ImageKernels | None = None

    @classmethod
    def of(cls, augmentation: Augmentation, kernels: ImageKernels) -> CardAugmentation:
        """A twin on the card."""
        return cls(**vars(augmentation), kernels=kernels)

    def _changed(self, images: np.ndarray, words: np.ndarray, seed: int):
        mirrored, shape = self._mirrored(words), images.shape[1:3]
        if self._only_shifts:
            return self.kernels.change(images, mirrored, 0.0, shifts=self._shifts(words).astype(np.int32))
        fields = self._fields(words, shape).astype(np.int32) if self.elastic else None
        noise = self.kernels.noise(shape, seed) if self.elastic else None
        maps = self._maps(words, shape)
        return self.kernels.change(images, mirrored, self.elastic, maps=maps, fields=fields, noise=noise)

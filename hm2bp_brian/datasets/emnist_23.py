"""The EMNIST-23 subset: 20,000 images of EMNIST (Cohen et al. 2017), the digits and the letters A to M."""

from __future__ import annotations

import os

import numpy as np

from hm2bp_brian.datasets.fetch import fetch
from hm2bp_brian.datasets.labelled import ImageDataset
from hm2bp_brian.datasets.npz_files import NpzFiles

CHARACTERS = "0123456789ABCDEFGHIJKLM"
DIGITS, LETTERS = "emnist_mnist_digits_test10000.npz", "emnist_letters_test_first10000.npz"
FIRST_LETTER = 10
EMNIST_23 = NpzFiles(
    name="emnist_23",
    sha256={
        DIGITS: "eca21fc708e14accef89fdcea6e8004f82db6251587c804692ce527bca62fac3",
        LETTERS: "02c1e2944bdb8173244c0a057420cc4c4854742e2efc8e9e763998ffd3d409a2",
    },
    subfolders=("emnist_23", "emnist_nist_handwriting", ""),
)


def emnist_23(data: str | os.PathLike | None = None) -> tuple[ImageDataset, ImageDataset]:
    """Handwritten digits and letters A to M, the EMNIST-23 subset: small, real, and no official split of EMNIST.

    It has the 10,000 images of the *test* set of EMNIST's split "mnist" and the first 10,000 of the *test* set of its
    split "letters" (capitals and lower-case letters in one class; 800 of a letter, 400 of M). A quarter of each class
    is for testing. Who wrote an image is not known: a writer may be on both sides. For all this, figures on it can't
    be compared with published ones on EMNIST.

    Parameters
    ----------
    data : path, optional
        Folder that holds the two .npz files, or holds them in ``emnist_23/`` or ``emnist_nist_handwriting/``. Without
        it they are looked for in the folder that the environment variable HM2BP_DATA names and in the cache. There is
        no address to download them from.

    Returns
    -------
    train, test : ImageDataset
        Images (15000, 28, 28, 1) and (5000, 28, 28, 1), upright; 23 classes, the characters of
        ``EMNIST_BALANCED_CHARACTERS[:23]``. The classes are spread evenly over each, so that the first or last so many
        images are of all classes.

    Raises
    ------
    DatasetNotFoundError
        If the files are not there.
    DatasetError
        If a file is not the one that is known.

    Examples
    --------
    >>> train, test = hb.datasets.emnist_23()                              # doctest: +SKIP
    >>> test                                                               # doctest: +SKIP
    ImageDataset(EMNIST-23 subset, 5000 images of (28, 28, 1), 23 classes)
    """
    files = fetch(EMNIST_23, data)
    digits, letters = (EMNIST_23.read(files[file]) for file in (DIGITS, LETTERS))
    images = np.concatenate([digits["images"], letters["images"]])[..., np.newaxis]
    labels = np.concatenate([digits["labels"], letters["labels"].astype(np.int64) + FIRST_LETTER])
    test = np.concatenate([digits["suggested_test"], letters["suggested_test"]])
    return _part(images[~test], labels[~test]), _part(images[test], labels[test])


def _part(images: np.ndarray, labels: np.ndarray) -> ImageDataset:
    order = spread_evenly(labels)
    return ImageDataset(images[order], labels[order], len(CHARACTERS), "EMNIST-23 subset")


def spread_evenly(labels: np.ndarray) -> np.ndarray:
    """Order in which each class is spread evenly over all samples, those of a class staying in their order."""
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.lexsort((labels, place))

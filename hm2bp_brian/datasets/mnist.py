"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images of 28 x 28 pixels, ten classes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from hm2bp_brian.datasets.fetch import fetch
from hm2bp_brian.datasets.idx import parse_idx, read_uncompressed
from hm2bp_brian.datasets.idx_files import IdxFiles, check_md5
from hm2bp_brian.datasets.labelled import ImageDataset
from hm2bp_brian.errors import DatasetError

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
SIDE = 28
N_CLASSES = 10

MNIST = IdxFiles(
    name="mnist",
    md5={
        TRAIN_IMAGES: "6bbc9ace898e44ae57da46a324031adb",
        TRAIN_LABELS: "a25bea736e30d166cdddb491f175f624",
        TEST_IMAGES: "2646ac647ad5339dbf082846283269ea",
        TEST_LABELS: "27ae3e4e09519cfbb04c329615203637",
    },
    addresses=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    torchvision_name="MNIST",
    bundled=Path(__file__).parents[2] / "examples" / "data" / "mnist",
)

FASHION_MNIST = IdxFiles(
    name="fashion_mnist",
    md5={
        TRAIN_IMAGES: "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        TRAIN_LABELS: "9018921c3c673c538a1fc5bad174d6f9",
        TEST_IMAGES: "8181f5470baa50b63fa0f6fddb340f0a",
        TEST_LABELS: "15d484375f8d13e6eb1aabb0c3f46965",
    },
    addresses=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    torchvision_name="FashionMNIST",
)


def mnist(data: str | os.PathLike | None = None) -> tuple[ImageDataset, ImageDataset]:
    """Handwritten digits (LeCun, Cortes and Burges).

    Parameters
    ----------
    data : path, optional
        Folder that holds the four IDX files (plain or .gz), or holds them in ``mnist/`` or ``MNIST/raw/``. Without it
        they are looked for in the folder that the environment variable HM2BP_DATA names, in the repository's
        ``examples/data/mnist`` and in the cache, and are downloaded as a last resort.

    Returns
    -------
    train, test : ImageDataset
        Images (60000, 28, 28, 1) and (10000, 28, 28, 1).

    Raises
    ------
    DatasetNotFoundError
        If the files are not in ``data``, or nowhere and can't be downloaded.
    DatasetError
        If a file is truncated, foreign, or its content does not have the known md5 sum.

    Examples
    --------
    >>> train, test = hb.datasets.mnist()
    >>> test
    ImageDataset(mnist, 10000 images of (28, 28, 1), 10 classes)
    >>> test.subset(5).labels.tolist()
    [7, 2, 1, 0, 4]
    """
    return _load(MNIST, data)


def fashion_mnist(data: str | os.PathLike | None = None) -> tuple[ImageDataset, ImageDataset]:
    """Pictures of clothes (Xiao, Rasul and Vollgraf 2017).

    Parameters
    ----------
    data : path, optional
        Folder that holds the four IDX files (plain or .gz), or holds them in ``fashion_mnist/`` or
        ``FashionMNIST/raw/``. Without it they are looked for in the folder that the environment variable HM2BP_DATA
        names and in the cache, and are downloaded as a last resort.

    Returns
    -------
    train, test : ImageDataset
        Images (60000, 28, 28, 1) and (10000, 28, 28, 1).

    Raises
    ------
    DatasetNotFoundError
        If the files are not in ``data``, or nowhere and can't be downloaded.
    DatasetError
        If a file is truncated, foreign, or its content does not have the known md5 sum.

    Examples
    --------
    >>> train, test = hb.datasets.fashion_mnist()                          # doctest: +SKIP
    >>> test                                                               # doctest: +SKIP
    ImageDataset(fashion_mnist, 10000 images of (28, 28, 1), 10 classes)
    """
    return _load(FASHION_MNIST, data)


def _load(source: IdxFiles, data: str | os.PathLike | None) -> tuple[ImageDataset, ImageDataset]:
    files = fetch(source, data)
    train = _read_part(source, files, TRAIN_IMAGES, TRAIN_LABELS)
    test = _read_part(source, files, TEST_IMAGES, TEST_LABELS)
    return train, test


def _read_part(source: IdxFiles, files: dict[str, Path], images_name: str, labels_name: str) -> ImageDataset:
    images = _read_checked(files[images_name], source.md5[images_name], "(n, 28, 28)", (SIDE, SIDE))
    labels = _read_checked(files[labels_name], source.md5[labels_name], "(n,)", ())
    return ImageDataset(images[..., np.newaxis], labels, N_CLASSES, source.name)


def _read_checked(path: Path, md5: str, expected: str, item_shape: tuple[int, ...]) -> np.ndarray:
    # the header is looked at before the hash: "truncated" says more than "another hash"
    content = read_uncompressed(path)
    array = parse_idx(content, path)
    if array.dtype != np.uint8 or array.shape[1:] != item_shape:
        raise DatasetError(f"{path}: expected uint8 of shape {expected}, found {array.dtype} of shape {array.shape}")
    check_md5(content, md5, path)
    return array

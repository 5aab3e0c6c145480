"""EMNIST: handwritten letters and digits in the format of MNIST (Cohen, Afshar, Tapson and van Schaik 2017)."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np

from hm2bp_brian.datasets.archives import Archives, Members
from hm2bp_brian.datasets.fetch import fetch, file_in
from hm2bp_brian.datasets.idx import parse_idx, uncompressed
from hm2bp_brian.datasets.labelled import ImageDataset
from hm2bp_brian.errors import DatasetError, UnknownNameError

N_CLASSES = {"balanced": 47, "byclass": 62, "bymerge": 47, "digits": 10, "letters": 26, "mnist": 10}
BALANCED_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
SIDE = 28
ZIP = "gzip.zip"


def source(split: str) -> Archives:
    """Where the four files of a split are; the one zip holds all splits."""
    return Archives(
        name="emnist",
        published={ZIP: ("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e")},
        subfolders=("emnist", "EMNIST/raw", "raw", ""),
        expected=f"{ZIP}, or {', '.join(f'{file}[.gz]' for file in _file_names(split))}",
        look=partial(_look, split),
    )


def emnist(split: str = "balanced", data: str | os.PathLike | None = None) -> tuple[ImageDataset, ImageDataset]:
    """Handwritten characters, upright as MNIST's (the files hold them with rows and columns swapped).

    Parameters
    ----------
    split : str
        "balanced" (47 classes, which ``EMNIST_BALANCED_CHARACTERS`` names: lower-case letters that look like capitals
        share their class), "byclass" (62), "bymerge" (47), "letters" (26; the files count them from 1, here from 0 =
        A), "digits" or "mnist" (10).
    data : path, optional
        Folder that holds gzip.zip as it is published, or the split's four IDX files (plain or .gz), or holds them in
        ``emnist/`` or ``EMNIST/raw/``. Without it they are looked for in the folder that the environment variable
        HM2BP_DATA names and in the cache, and are downloaded as a last resort.

    Returns
    -------
    train, test : ImageDataset
        Images (n, 28, 28, 1).

    Raises
    ------
    UnknownNameError
        If there is no such split.
    DatasetNotFoundError
        If the files are not in ``data``, or nowhere and can't be downloaded.
    DatasetError
        If a file is truncated, damaged or foreign.

    Examples
    --------
    >>> train, test = hb.datasets.emnist("letters")                        # doctest: +SKIP
    >>> train.shape, train.n_classes                                       # doctest: +SKIP
    ((28, 28, 1), 26)
    """
    if split not in N_CLASSES:
        raise UnknownNameError("split of EMNIST", split, N_CLASSES)
    files = fetch(source(split), data)
    arrays = [_read(files, file) for file in _file_names(split)]
    return _dataset(split, *arrays[:2]), _dataset(split, *arrays[2:])


def _file_names(split: str) -> list[str]:
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    return [f"emnist-{split}-{part}-{kind}" for part in ("train", "test") for kind in kinds]


def _look(split: str, folder: Path) -> dict[str, Path] | None:
    names = _file_names(split)
    files = {file: file_in(folder, file) for file in names}
    if all(files.values()):
        return files
    with Members(folder / ZIP, f"gzip/emnist-{split}-.*") as members:
        complete = {f"gzip/{file}.gz" for file in names} <= set(members.names)
    return {ZIP: folder / ZIP} if complete else None


def _read(files: dict[str, Path], file: str) -> tuple[str, np.ndarray]:
    """A file's name, for messages, and content."""
    if ZIP in files:
        member = f"gzip/{file}.gz"
        with Members(files[ZIP], member) as members:
            name, content = f"{files[ZIP]}/{member}", members.read(member)
    else:
        name, content = str(files[file]), files[file].read_bytes()
    return name, parse_idx(uncompressed(content, name), name)


def _dataset(split: str, named_images: tuple[str, np.ndarray], named_labels: tuple[str, np.ndarray]) -> ImageDataset:
    (images_name, images), (labels_name, labels) = named_images, named_labels
    for name, array, item in ((images_name, images, (SIDE, SIDE)), (labels_name, labels, ())):
        if array.dtype != np.uint8 or array.shape != (len(images), *item):
            raise DatasetError(
                f"{name}: expected uint8 of shape {(len(images), *item)}, found {array.dtype} of shape {array.shape}"
            )
    first = 1 if split == "letters" else 0
    labels = labels.astype(np.int64) - first
    if labels.min() < 0 or labels.max() >= N_CLASSES[split]:
        raise DatasetError(
            f"{labels_name}: expected labels {first}..{first + N_CLASSES[split] - 1}, found {labels.min() + first}.."
            f"{labels.max() + first}"
        )
    upright = images.transpose(0, 2, 1)[..., np.newaxis]
    return ImageDataset(np.ascontiguousarray(upright), labels, N_CLASSES[split], f"emnist {split}")

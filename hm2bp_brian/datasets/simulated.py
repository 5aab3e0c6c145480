"""Simulated recordings of images, as N-MNIST's camera would see them: a stand-in where N-MNIST is not to be had."""

from __future__ import annotations

import hashlib
import os

import numpy as np
from brian2 import us
from tqdm import tqdm

from hm2bp_brian.checks import check_seed
from hm2bp_brian.datasets.labelled import ImageDataset, SpikeDataset
from hm2bp_brian.datasets.mnist import mnist
from hm2bp_brian.datasets.nmnist import nmnist
from hm2bp_brian.datasets.spike_cache import Spikes, cached_spikes
from hm2bp_brian.encoding.events import NMNIST_SHAPE, NMNIST_STEP, nmnist_spikes
from hm2bp_brian.encoding.saccades import SaccadeCamera, image_generator

VERSION = 1  # raise it when the same images get other spikes: it is part of the names in the cache
BATCH_SIZE = 64


def simulated_nmnist(data: str | os.PathLike | None = None) -> tuple[SpikeDataset, SpikeDataset]:
    """Simulated recordings to train on, made from MNIST's training images, and N-MNIST's real ones to test on.

    The first call simulates 60,000 recordings, which takes two minutes, and keeps the spikes in the cache. They are
    250 million: 2 GB of memory, and twice as much while they are made.

    Parameters
    ----------
    data : path, optional
        Folder of MNIST's and N-MNIST's files, see `mnist` and `nmnist`. Without it, each is looked for where these
        look.

    Returns
    -------
    train, test : SpikeDataset
        Of shape (34, 34, 2) and called "simulated nmnist from mnist", and "nmnist" or "nmnist subset".

    Raises
    ------
    DatasetNotFoundError, DatasetError
        As `mnist` and `nmnist`.

    Examples
    --------
    >>> train, test = hb.datasets.simulated_nmnist()                       # doctest: +SKIP
    >>> train.name, len(train), train.shape                                # doctest: +SKIP
    ('simulated nmnist from mnist', 60000, (34, 34, 2))
    """
    _, test = nmnist(data)
    images, _ = mnist(data)
    return simulate_recordings(images), test


def mixed_nmnist(data: str | os.PathLike | None = None) -> tuple[SpikeDataset, SpikeDataset]:
    """The simulated recordings of `simulated_nmnist`, then N-MNIST's real ones, to train on; real ones to test on.

    Parameters, errors, time and memory are those of `simulated_nmnist`, and as much again for what is copied.

    Returns
    -------
    train, test : SpikeDataset
        Of shape (34, 34, 2); the first is called "simulated nmnist from mnist, and nmnist", or "... nmnist subset".

    Examples
    --------
    >>> train, test = hb.datasets.mixed_nmnist("data")  # a subset of 1,000 + 100 recordings    # doctest: +SKIP
    >>> train.name, len(train)                                             # doctest: +SKIP
    ('simulated nmnist from mnist, and nmnist subset', 61000)
    """
    real, test = nmnist(data)
    images, _ = mnist(data)
    return _one_after_the_other(simulate_recordings(images), real), test


def _one_after_the_other(first: SpikeDataset, second: SpikeDataset) -> SpikeDataset:
    steps, neurons, labels = (
        np.concatenate([getattr(first, name), getattr(second, name)]) for name in ("steps", "neurons", "labels")
    )
    offsets = np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]])
    name = f"{first.name}, and {second.name}"
    return SpikeDataset(steps, neurons, offsets, labels, first.shape, first.n_classes, name, dt=first.dt)


def simulate_recordings(images: ImageDataset, camera: SaccadeCamera | None = None, seed: int = 0) -> SpikeDataset:
    """Simulated recordings of all images of a data set, encoded as N-MNIST is; from the cache if they are there.

    Parameters
    ----------
    images : ImageDataset
        Of 28 x 28 pixels.
    camera : SaccadeCamera, optional
        By default one that is fitted to N-MNIST.
    seed : int
        The recording of an image depends on this and on the image's index.

    Returns
    -------
    SpikeDataset
        Of shape (34, 34, 2), called "simulated nmnist from" the name of the images.

    Raises
    ------
    ShapeError
        If the images have another size.
    ConfigurationError
        If ``seed`` is no integer in 0..2**63-1.

    Examples
    --------
    >>> pixels = np.zeros((2, 28, 28, 1), np.uint8)
    >>> pixels[:, 10:18, 10:18] = 255
    >>> squares = hb.datasets.ImageDataset(pixels, [0, 1], 2, "squares")
    >>> simulated = hb.datasets.simulate_recordings(squares)
    >>> simulated.name, simulated.shape, len(simulated)
    ('simulated nmnist from squares', (34, 34, 2), 2)
    """
    check_seed(seed)
    camera = camera or SaccadeCamera()
    name = f"simulated nmnist from {images.name}"
    digest = hashlib.sha256(np.ascontiguousarray(images.images)).hexdigest()[:16]
    spikes = cached_spikes(
        f"{name.replace(' ', '-')}-v{VERSION}-{camera.name}-seed{seed}-{digest}",
        lambda: _simulate(images.images, camera, seed, name),
    )
    return SpikeDataset(*spikes, images.labels, NMNIST_SHAPE, images.n_classes, name, dt=NMNIST_STEP * us)


def _simulate(images: np.ndarray, camera: SaccadeCamera, seed: int, name: str) -> Spikes:
    steps, neurons = [], []
    with tqdm(total=len(images), desc=name, unit="image", leave=False, disable=None) as bar:
        for start in range(0, len(images), BATCH_SIZE):
            batch = images[start : start + BATCH_SIZE]
            generators = [image_generator(seed, start + index) for index in range(len(batch))]
            for events in camera.record(batch, generators):
                spikes = nmnist_spikes(events)
                # both fit int16: half the memory
                steps.append(spikes[0].astype(np.int16))
                neurons.append(spikes[1].astype(np.int16))
            bar.update(len(batch))
    offsets = np.concatenate([[0], np.cumsum([len(sample) for sample in steps])])
    return np.concatenate(steps), np.concatenate(neurons), offsets

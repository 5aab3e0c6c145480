"""Data sets: read from a folder, or downloaded once into a cache."""

from hm2bp_brian.datasets.idx import read_idx
from hm2bp_brian.datasets.labelled import ImageDataset, SpikeDataset
from hm2bp_brian.datasets.mnist import fashion_mnist, mnist

__all__ = ["ImageDataset", "SpikeDataset", "fashion_mnist", "mnist", "read_idx"]

"""Data sets: read from a folder, or downloaded once into a cache."""

from hm2bp_brian.datasets.idx import read_idx
from hm2bp_brian.datasets.labelled import ImageDataset, SpikeDataset
from hm2bp_brian.datasets.mnist import fashion_mnist, mnist
from hm2bp_brian.datasets.speech import fsdd, letters_synthetic, ti46
from hm2bp_brian.datasets.utterances import SpeechDataset

__all__ = [
    "ImageDataset",
    "SpeechDataset",
    "SpikeDataset",
    "fashion_mnist",
    "fsdd",
    "letters_synthetic",
    "mnist",
    "read_idx",
    "ti46",
]

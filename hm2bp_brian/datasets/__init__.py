"""Data sets: read from a folder, or downloaded once into a cache."""

from hm2bp_brian.datasets.emnist import BALANCED_CHARACTERS as EMNIST_BALANCED_CHARACTERS
from hm2bp_brian.datasets.emnist import emnist
from hm2bp_brian.datasets.emnist_23 import emnist_23
from hm2bp_brian.datasets.idx import read_idx
from hm2bp_brian.datasets.labelled import ImageDataset, SpikeDataset
from hm2bp_brian.datasets.mnist import fashion_mnist, mnist
from hm2bp_brian.datasets.nmnist import nmnist
from hm2bp_brian.datasets.shd import shd
from hm2bp_brian.datasets.simulated import mixed_nmnist, simulate_recordings, simulated_nmnist
from hm2bp_brian.datasets.speech import fsdd, letters_synthetic, ti46
from hm2bp_brian.datasets.speech_commands import WORDS as SPEECH_COMMANDS_WORDS
from hm2bp_brian.datasets.speech_commands import speech_commands
from hm2bp_brian.datasets.utterances import SpeechDataset

__all__ = [
    "EMNIST_BALANCED_CHARACTERS",
    "SPEECH_COMMANDS_WORDS",
    "ImageDataset",
    "SpeechDataset",
    "SpikeDataset",
    "emnist",
    "emnist_23",
    "fashion_mnist",
    "fsdd",
    "letters_synthetic",
    "mixed_nmnist",
    "mnist",
    "nmnist",
    "read_idx",
    "shd",
    "simulate_recordings",
    "simulated_nmnist",
    "speech_commands",
    "ti46",
]

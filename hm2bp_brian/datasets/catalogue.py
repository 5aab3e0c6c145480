"""The data sets that can be named: in recipes, and in ``hm2bp data``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hm2bp_brian.datasets.emnist import emnist
from hm2bp_brian.datasets.emnist import source as emnist_source
from hm2bp_brian.datasets.emnist_23 import EMNIST_23, emnist_23
from hm2bp_brian.datasets.fetch import Source
from hm2bp_brian.datasets.mnist import FASHION_MNIST, MNIST, fashion_mnist, mnist
from hm2bp_brian.datasets.nmnist import NMNIST, nmnist
from hm2bp_brian.datasets.shd import SHD, shd
from hm2bp_brian.datasets.speech import FSDD, LETTERS_SYNTHETIC, TI46, fsdd, letters_synthetic, ti46
from hm2bp_brian.datasets.speech_commands import SPEECH_COMMANDS, speech_commands


@dataclass(frozen=True)
class Entry:
    """A data set that has a name.

    Parameters
    ----------
    description : str
        One line for users.
    source : Source
        Where its files are.
    load : callable
        Folder or None -> (train, test).
    """

    description: str
    source: Source
    load: Callable


CATALOGUE = {
    "mnist": Entry("handwritten digits, 60,000 + 10,000 images", MNIST, mnist),
    "fashion_mnist": Entry("clothes, 60,000 + 10,000 images", FASHION_MNIST, fashion_mnist),
    "emnist": Entry(
        "handwritten characters (split balanced), 112,800 + 18,800 images",
        emnist_source("balanced"),
        partial(emnist, "balanced"),
    ),
    "emnist_23": Entry(
        "handwritten digits and letters A to M (EMNIST-23 subset), 15,000 + 5,000 images", EMNIST_23, emnist_23
    ),
    "nmnist": Entry(
        "handwritten digits seen by an event camera, 60,000 + 10,000 recordings when whole", NMNIST, nmnist
    ),
    "shd": Entry("spoken digits as spikes of an ear model, 8,156 + 2,264 recordings", SHD, shd),
    "fsdd": Entry("spoken digits of 6 speakers, 2,700 + 300 recordings", FSDD, fsdd),
    "ti46": Entry("spoken letters of 16 speakers (TI46, licensed), 4,142 + 6,628 recordings", TI46, ti46),
    "letters_synthetic": Entry(
        "synthetic spoken letters of 16 voices, 2,080 + 1,248 sounds", LETTERS_SYNTHETIC, letters_synthetic
    ),
    "speech_commands": Entry(
        "ten spoken words of 239 speakers (Speech Commands, test-set split), 3,202 + 872 clips",
        SPEECH_COMMANDS,
        speech_commands,
    ),
}

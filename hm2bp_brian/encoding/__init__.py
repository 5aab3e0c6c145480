"""From images and sounds to spike trains: rate code and augmentation, ear model and BSA."""

from hm2bp_brian.encoding.augmentation import Augmentation
from hm2bp_brian.encoding.bsa import BSA
from hm2bp_brian.encoding.cochlea import LyonEar
from hm2bp_brian.encoding.poisson import BernoulliEncoder, bernoulli_spikes, sample_keys
from hm2bp_brian.encoding.speech import SpeechEncoder

__all__ = [
    "BSA",
    "Augmentation",
    "BernoulliEncoder",
    "LyonEar",
    "SpeechEncoder",
    "bernoulli_spikes",
    "sample_keys",
]

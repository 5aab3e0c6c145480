"""From images, events and sounds to spike trains: rate and latency code, ear, BSA, delays, tempo, augmentation."""

from hm2bp_brian.encoding.augmentation import Augmentation
from hm2bp_brian.encoding.bsa import BSA
from hm2bp_brian.encoding.cochlea import LyonEar
from hm2bp_brian.encoding.delays import delay_lines
from hm2bp_brian.encoding.events import bin_events, nmnist_spikes, paper_channels, stabilise_saccades
from hm2bp_brian.encoding.jitter import SpikeJitter
from hm2bp_brian.encoding.latency import LatencyEncoder
from hm2bp_brian.encoding.poisson import BernoulliEncoder, bernoulli_spikes
from hm2bp_brian.encoding.random_numbers import sample_keys
from hm2bp_brian.encoding.saccades import SaccadeCamera
from hm2bp_brian.encoding.speech import SpeechEncoder
from hm2bp_brian.encoding.stretch import Stretch

__all__ = [
    "BSA",
    "Augmentation",
    "BernoulliEncoder",
    "LatencyEncoder",
    "LyonEar",
    "SaccadeCamera",
    "SpeechEncoder",
    "SpikeJitter",
    "Stretch",
    "bernoulli_spikes",
    "bin_events",
    "delay_lines",
    "nmnist_spikes",
    "paper_channels",
    "sample_keys",
    "stabilise_saccades",
]

"""From images and events to spike trains: rate code, augmentation, binning."""

from hm2bp_brian.encoding.augmentation import Augmentation
from hm2bp_brian.encoding.events import bin_events, nmnist_spikes, paper_channels, stabilise_saccades
from hm2bp_brian.encoding.poisson import BernoulliEncoder, bernoulli_spikes, sample_keys

__all__ = [
    "Augmentation",
    "BernoulliEncoder",
    "bernoulli_spikes",
    "bin_events",
    "nmnist_spikes",
    "paper_channels",
    "sample_keys",
    "stabilise_saccades",
]

"""From images to spike trains: rate code and augmentation."""

from hm2bp_brian.encoding.augmentation import Augmentation
from hm2bp_brian.encoding.poisson import BernoulliEncoder, bernoulli_spikes, sample_keys

__all__ = ["Augmentation", "BernoulliEncoder", "bernoulli_spikes", "sample_keys"]

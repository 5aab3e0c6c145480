"""Augmentation on a card, its kernels run on this processor: the pixels are numpy's."""

import numpy as np
import pytest
from tiny_training import LOSS, tiny_dataset, tiny_network

import hm2bp_brian as hb
from hm2bp_brian.encoding import Augmentation, BernoulliEncoder, LatencyEncoder, SpikeJitter
from hm2bp_brian.engines.cuda.augmentation import CardAugmentation, ImageKernels
from hm2bp_brian.engines.cuda.engine import CudaEngine

KINDS = {
    "shift": Augmentation(2),
    "flip": Augmentation(0, flip=True),
    "all": Augmentation(1, 0.08, 8.0, 5.0, flip=True),
    "far out": Augmentation(9, 0.9, 180.0, 40.0),
    "scale": Augmentation(0, 0.3),
    "elastic": Augmentation(0, elastic=3.4),
}


def images_of(n, shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_pixels(either_order, kind):
    mine = CardAugmentation.of(KINDS[kind], ImageKernels(either_order))
    for shape, seed in (((9, 14, 2), 3), ((12, 12, 1), 4)):
        images, indices = images_of(20, shape), np.arange(20) * 7
        expected = KINDS[kind](images, seed, 2, indices)
        found = mine(images, seed, 2, indices)
        assert either_order.holds(found) and found.dtype == np.uint8
        np.testing.assert_array_equal(found.get(), expected)
        assert (expected != images).any()


def test_the_pool_of_fields_stays_on_the_card(card):
    kernels = ImageKernels(card)
    first = kernels.noise((5, 6), 1)
    assert kernels.noise((5, 6), 1) is first and kernels.noise((5, 6), 2) is not first


@pytest.mark.parametrize("kind", ["shift", "all"])
def test_spikes_of_images_that_never_leave_the_card(card, kind):
    engine = CudaEngine(tiny_network(), "float32", 1, card)
    encoder = engine.encoder(BernoulliEncoder(2.0))
    augmentation = engine.augmentation(KINDS[kind], encoder)
    images, indices = images_of(5, (6, 7, 1)), np.arange(5)
    found = encoder.encode(augmentation(images, 1, 3, indices), 40, 1, 3, indices)
    assert found == BernoulliEncoder(2.0).encode(KINDS[kind](images, 1, 3, indices), 40, 1, 3, indices)


def test_what_other_encoders_take_stays_here(card):
    engine = CudaEngine(tiny_network(), "float32", 1, card)
    latency, bernoulli = LatencyEncoder(), engine.encoder(BernoulliEncoder())
    for augmentation, encoder in ((KINDS["all"], latency), (SpikeJitter(), bernoulli), (None, bernoulli)):
        assert engine.augmentation(augmentation, engine.encoder(encoder)) is augmentation


def test_training_with_augmentation_is_the_processors(found_card):
    weights = {}
    for device in ("cuda", "cpu"):
        settings = {"augmentation": KINDS["all"], "dtype": "float64", "device": device, "threads": 2}
        trainer = hb.Trainer(tiny_network(), LOSS, hb.Adam(0.05), **settings)
        trainer.fit(tiny_dataset(30), epochs=2, batch_size=8, progress=False)
        weights[device] = trainer.network.weights
    assert {"interpolate_images", "encode"} <= set(found_card.cupy.launched)
    for mine, theirs in zip(*weights.values(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)

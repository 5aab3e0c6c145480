"""Latency code: one spike a pixel, the earlier the brighter; and what all encoders of images share."""

import numpy as np
import pytest

from hm2bp_brian.encoding import BernoulliEncoder, LatencyEncoder, bernoulli_spikes, sample_keys
from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError

ENCODERS = [LatencyEncoder(), BernoulliEncoder(1)]
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 1), dtype=np.uint8)


def test_each_pixel_fires_once_in_the_step_of_its_brightness():
    batch = LatencyEncoder().encode(np.array([[255, 204, 1, 0, 127]], np.uint8), 11)
    assert [batch.train(0, pixel).tolist() for pixel in range(5)] == [[0], [2], [10], [], [5]]
    floats = LatencyEncoder().encode(np.array([[1.0, 0.8, 1e-9, 0.0, 0.5]]), 11)
    assert floats == batch


def test_brighter_pixels_never_fire_later():
    batch = LatencyEncoder().encode(np.arange(1, 256, dtype=np.uint8)[np.newaxis], 400)
    steps = np.concatenate([batch.train(0, pixel) for pixel in range(255)])
    assert len(steps) == 255 and (np.diff(steps) <= 0).all() and steps[-1] == 0


def test_there_is_no_chance_in_it():
    encoder = LatencyEncoder()
    assert encoder.encode(IMAGES, 20) == encoder.encode(IMAGES, 20, seed=3, epoch=4, indices=np.array([7, 8, 9]))
    assert encoder.encode(IMAGES, 20).shape == (4, 5, 1)


def test_random_numbers_of_the_rate_code_are_those_of_seed_epoch_and_index():
    encoder, indices = BernoulliEncoder(2), np.array([5, 0, 9])
    expected = bernoulli_spikes(encoder.thresholds(IMAGES), sample_keys(3, 4, indices), 20, (4, 5, 1))
    assert encoder.encode(IMAGES, 20, seed=3, epoch=4, indices=indices) == expected
    assert encoder.encode(IMAGES, 20, seed=3) == encoder.encode(IMAGES, 20, 3, 0, np.arange(3)) != expected


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: type(encoder).__name__)
def test_what_is_no_image_is_refused_by_all(encoder):
    for wrong in (np.array([[0.5, 1.1]]), np.array([[np.nan]]), np.array([[True]]), np.array([[3]])):
        with pytest.raises(ConfigurationError, match="images must be"):
            encoder.encode(wrong, 5)
    with pytest.raises(ShapeError, match=r"images must be \(batch, \.\.\.\)"):
        encoder.encode(np.zeros(3), 5)
    for images, n_steps in ((IMAGES, 0), (IMAGES, 5.0), (IMAGES, True), (IMAGES[:0], 5)):
        with pytest.raises(SpikeError, match="n_steps must be|n_samples must be|at least one sample and step"):
            encoder.encode(images, n_steps)
    with pytest.warns(UserWarning, match="the brightest here is 1"):
        encoder.encode(np.array([[0, 1]], np.uint8), 5)

"""From samples of a data set to input spikes, whatever the encoder."""

import numpy as np
import pytest
from brian2 import ms
from tiny_training import make_trainer, tiny_dataset, tiny_network

from hm2bp_brian.datasets import SpikeDataset
from hm2bp_brian.encoding import LatencyEncoder
from hm2bp_brian.encoding.inputs import Inputs
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.training.optimizers import Adam

DATA = tiny_dataset(6)


def test_samples_are_augmented_encoded_and_delayed_in_this_order():
    def halve(images, seed, epoch, indices):
        seen.append((seed, epoch, list(indices)))
        return images // 2

    class OneSpike:
        def encode(self, images, n_steps, seed, epoch, indices):
            np.testing.assert_array_equal(images, DATA.images[indices] // 2)
            return LatencyEncoder().encode(images, n_steps)

    seen = []
    inputs = Inputs((4, 4, 1, 2), 40, 0.001, OneSpike(), halve, delays=(0, 3))
    spikes = inputs.spikes(DATA, np.array([4, 1]), seed=7, epoch=2)
    assert seen == [(7, 2, [4, 1])]
    expected = LatencyEncoder().encode(DATA.images[[4, 1]] // 2, 40)
    dense = spikes.dense()
    np.testing.assert_array_equal(dense[..., 0], expected.dense())
    np.testing.assert_array_equal(dense[:, 3:, ..., 1], expected.dense()[:, :-3])
    assert inputs.plain().augmentation is None and inputs.plain().delays == (0, 3)


def test_an_encoder_that_is_no_bernoulli_encoder_trains():
    layers = (Dense(12, 0.6, initializer=Uniform(1.5)), Dense(3, 0.6, initializer=Uniform(1.5)))
    trainer = make_trainer(tiny_network(layers=layers), encoder=LatencyEncoder(), optimizer=Adam(0.05))
    trainer.fit(tiny_dataset(60), epochs=10, batch_size=10, progress=False)
    assert trainer.evaluate(tiny_dataset(30, seed=5)) > 0.8


def test_data_of_another_time_step_are_refused():
    data = SpikeDataset([1, 2], [0, 3], [0, 1, 2], np.array([0, 1]), (4,), 2, "some", dt=1 * ms)
    Inputs((4,), 10, 0.001).check("train", data)
    with pytest.raises(ConfigurationError, match="some has time steps of"):
        Inputs((4,), 10, 0.0005).check("train", data)

"""What a trainer is given that it does not take: told before any work."""

import numpy as np
import pytest
from tiny_training import make_trainer, tiny_dataset

from hm2bp_brian.errors import ConfigurationError, LabelError, ShapeError, SpikeError, UnknownNameError
from hm2bp_brian.learning.losses import CrossEntropyLoss, SpikeCountLoss
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.training.optimizers import Adam

TRAIN, TEST = tiny_dataset(30), tiny_dataset(12, seed=5)


class Stub:
    """A data set of one's own, with nothing wrong."""

    images, labels, shape = TRAIN.images, TRAIN.labels, TRAIN.shape

    def batch(self, indices, n_steps):
        return self.images[indices]

    def check_presentation(self, n_steps, dt):
        pass


class Empty(Stub):
    images, labels = np.zeros((0, 4, 4, 1), np.uint8), np.zeros(0, np.int64)

    def __len__(self):
        return 0


class WrongLabels(Stub):
    images, labels, shape = TRAIN.images[:4], np.array([0, 1, 3, 2]), TRAIN.shape

    def __len__(self):
        return 4


class Flat(Stub):
    images, labels, shape = TRAIN.images.reshape(30, 16), TRAIN.labels, (16,)

    def __len__(self):
        return 30


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"train": [TRAIN.images, TRAIN.labels]}, ConfigurationError, "train must be an ImageDataset .* found list"),
        ({"train": (TRAIN.images,)}, ConfigurationError, "train must be an ImageDataset .* found tuple"),
        ({"train": Empty()}, ConfigurationError, "train is empty"),
        ({"validation": Empty()}, ConfigurationError, "validation is empty"),
        ({"train": WrongLabels()}, LabelError, r"0\.\.2.* found 3 at sample 2"),
        ({"validation": WrongLabels()}, LabelError, "found 3 at sample 2"),
        ({"train": (np.zeros((2, 7, 4, 4, 1), bool), [0, 1])}, ShapeError, "X has 7 steps, but a presentation 40"),
        ({"train": Flat()}, ShapeError, r"train has samples of shape \(16,\).* \(4, 4, 1\)"),
        ({"validation": Flat()}, ShapeError, "validation has samples"),
        ({"epochs": 0}, ConfigurationError, "epochs must be a positive integer, found 0"),
        ({"epochs": 1.0}, ConfigurationError, "epochs must be a positive integer, found 1.0"),
        ({"batch_size": 0}, ConfigurationError, "batch_size must be a positive integer, found 0"),
        ({"batch_size": True}, ConfigurationError, "batch_size must be a positive integer, found True"),
    ],
)
def test_wrong_arguments_are_told_before_any_work(arguments, error, message):
    trainer = make_trainer()
    before = [weights.copy() for weights in trainer.network.weights]
    with pytest.raises(error, match=message):
        trainer.fit(**({"train": TRAIN, "progress": False} | arguments))
    assert trainer.engine.runs == 0 and trainer.epoch == 0
    np.testing.assert_array_equal(trainer.network.weights[0], before[0])


def test_wrong_arguments_of_evaluation():
    trainer = make_trainer()
    for dataset, error, message in (
        (Empty(), ConfigurationError, "dataset is empty"),
        (Flat(), ShapeError, r"dataset has samples of shape \(16,\)"),
        (WrongLabels(), LabelError, "found 3 at sample 2"),
        (
            TRAIN.images,
            ConfigurationError,
            "dataset must be an ImageDataset or a SpikeDataset, found ndarray",
        ),
    ):
        with pytest.raises(error, match=message):
            trainer.evaluate(dataset)
    for index in (-1, 12, 0.5, "1"):
        with pytest.raises(ConfigurationError, match="tiny: indices must"):
            trainer.record(TEST, index)
    with pytest.raises(ConfigurationError, match="batch_size"):
        trainer.predict(TEST, batch_size=0)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"dtype": "float16"}, UnknownNameError, "unknown dtype 'float16'"),
        ({"optimizer": "adm"}, UnknownNameError, "Did you mean 'adam'"),
        ({"averaging": 1.5}, ConfigurationError, "averaging"),
        ({"seed": -1}, ConfigurationError, "seed must be an integer"),
        ({"seed": 2**63}, ConfigurationError, "seed must be an integer"),
        ({"seed": 0.5}, ConfigurationError, "seed must be an integer"),
        ({"loss": Adam(0.1)}, ConfigurationError, r"loss must be .* SpikeCountLoss\(\); found Adam\("),
        ({"loss": SpikeCountLoss}, ConfigurationError, "loss must be an object .* found <class"),
        ({"encoder": "poisson"}, ConfigurationError, "encoder must be .* the method encode, .* found 'poisson'"),
        ({"regularizer": 0.1}, ConfigurationError, "regularizer must be .* the method gradient, .* found 0.1"),
        ({"rules": {"silent_spsp": 0}}, ConfigurationError, "rules must be Rules, .* found {'silent_spsp': 0}"),
    ],
)
def test_wrong_settings(settings, error, message):
    with pytest.raises(error, match=message):
        make_trainer(**settings)


def test_labels_that_the_loss_does_not_take_are_told_before_any_work():
    wanted = (TRAIN.images, np.ones((30, 3)))
    for settings in ({"loss": CrossEntropyLoss()}, {"boosting": True}):
        trainer = make_trainer(**settings)
        with pytest.raises(LabelError, match="expected one label a sample"):
            trainer.fit(wanted, epochs=1, batch_size=10, progress=False)
        assert trainer.engine.runs == 0


@pytest.mark.parametrize("encoded", [None, SpikeBatch.from_dense(np.zeros((1, 40, 4, 4, 1), bool))])
def test_an_encoder_that_returns_other_samples_is_named(encoded):
    class Mine:
        def encode(self, images, n_steps, seed, epoch, indices):
            return encoded

    with pytest.raises(SpikeError, match="Mine.encode must return a SpikeBatch of the 30 images"):
        make_trainer(encoder=Mine()).fit(TRAIN, progress=False)

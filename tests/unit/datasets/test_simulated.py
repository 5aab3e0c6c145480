"""Simulated recordings as a data set, with a few digits."""

from pathlib import Path

import numpy as np
import pytest

from hm2bp_brian.datasets import mixed_nmnist, nmnist, simulate_recordings, simulated, simulated_nmnist
from hm2bp_brian.datasets.labelled import ImageDataset
from hm2bp_brian.datasets.mnist import mnist
from hm2bp_brian.encoding import SaccadeCamera, nmnist_spikes
from hm2bp_brian.encoding.saccades import image_generator
from hm2bp_brian.errors import ShapeError

RECORDINGS = Path(__file__).parents[2] / "data" / "nmnist"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path / "hm2bp_brian"))
    return tmp_path / "hm2bp_brian" / "spikes"


@pytest.fixture(scope="module")
def digits():
    return mnist()[0].subset(5)


def assert_equal(one, two):
    for field in ("steps", "neurons", "offsets", "labels"):
        assert np.array_equal(getattr(one, field), getattr(two, field))


def test_each_image_has_its_recording(digits, monkeypatch):
    monkeypatch.setattr(simulated, "BATCH_SIZE", 2)
    dataset = simulate_recordings(digits, seed=3)
    assert (dataset.name, dataset.shape, dataset.n_classes) == ("simulated nmnist from mnist", (34, 34, 2), 10)
    assert np.array_equal(dataset.labels, digits.labels)
    for index in range(5):
        [events] = SaccadeCamera().record(digits.images[[index]], [image_generator(3, index)])
        steps, neurons = nmnist_spikes(events)
        batch = dataset.batch([index], 540)
        assert np.array_equal(batch.steps, steps) and np.array_equal(batch.neurons, neurons)


def test_simulated_once(digits, cache, monkeypatch):
    first = simulate_recordings(digits)
    with monkeypatch.context() as patch:
        patch.setattr(SaccadeCamera, "record", None)
        assert_equal(simulate_recordings(digits), first)
    [file] = cache.iterdir()
    assert file.name.startswith("simulated-nmnist-from-mnist-v1-saccades-")


def test_other_images_cameras_and_seeds_are_other_files(digits, cache):
    simulate_recordings(digits)
    simulate_recordings(digits, seed=1)
    simulate_recordings(digits, SaccadeCamera(blur=1))
    simulate_recordings(digits.subset([1, 0, 2, 3, 4]))
    assert len(list(cache.iterdir())) == 4


def test_images_without_any_event():
    dark = ImageDataset(np.zeros((2, 28, 28, 1), np.uint8), np.array([0, 1]), 2, "dark")
    dataset = simulate_recordings(dark, SaccadeCamera(noise_hz=0))
    assert (len(dataset), len(dataset.steps)) == (2, 0)


def test_images_of_another_size():
    large = ImageDataset(np.zeros((2, 32, 32, 1), np.uint8), np.array([0, 1]), 2, "large")
    with pytest.raises(ShapeError, match="28, 28, 1"):
        simulate_recordings(large)


def test_trained_on_simulated_and_tested_on_real_recordings(digits, monkeypatch):
    monkeypatch.setattr(simulated, "mnist", lambda data: (digits, None))
    train, test = simulated_nmnist(RECORDINGS)
    assert (train.name, len(train)) == ("simulated nmnist from mnist", 5)
    assert (test.name, test.labels.tolist()) == ("nmnist subset", [4, 1])


def test_trained_on_both(digits, monkeypatch):
    monkeypatch.setattr(simulated, "mnist", lambda data: (digits, None))
    train, test = mixed_nmnist(RECORDINGS)
    real, _ = nmnist(RECORDINGS)
    assert (train.name, test.name) == ("simulated nmnist from mnist, and nmnist subset", "nmnist subset")
    assert (train.dt, train.n_classes) == (real.dt, 10)
    assert_equal(train.subset(5), simulate_recordings(digits))
    assert_equal(train.subset(np.arange(5, len(train))), real)

"""The EMNIST-23 subset, from small files like its own, and from the real ones where they are."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from hm2bp_brian.datasets import EMNIST_BALANCED_CHARACTERS, emnist_23
from hm2bp_brian.datasets.emnist_23 import CHARACTERS, DIGITS, EMNIST_23, LETTERS, spread_evenly

DATA = Path(os.environ.get("HM2BP_DATA", Path(__file__).parents[4] / "shared" / "data"))


def arrays(n_images, n_classes, seed):
    """What a file holds: some images of each class, of which every other is for testing."""
    labels = np.arange(n_images, dtype=np.uint8) % n_classes
    images = np.random.default_rng(seed).integers(0, 256, (n_images, 28, 28), dtype=np.uint8)
    return {"images": images, "labels": labels, "suggested_test": np.arange(n_images) // n_classes % 2 == 1}


@pytest.fixture
def files(tmp_path, monkeypatch):
    content = {DIGITS: arrays(40, 10, 0), LETTERS: arrays(26, 13, 1)}
    (tmp_path / "emnist_23").mkdir()
    for file, held in content.items():
        path = tmp_path / "emnist_23" / file
        np.savez(path, **held)
        monkeypatch.setitem(EMNIST_23.sha256, file, hashlib.sha256(path.read_bytes()).hexdigest())
    return content


def test_digits_come_before_letters_and_the_parts_are_the_files_own(tmp_path, files):
    for dataset, tested in zip(emnist_23(tmp_path), (False, True), strict=True):
        assert (len(dataset), dataset.shape, dataset.n_classes) == (33, (28, 28, 1), 23)
        assert dataset.name == "EMNIST-23 subset"
        found = {image.tobytes(): label for image, label in zip(dataset.images, dataset.labels.tolist(), strict=True)}
        expected = {
            image.tobytes(): int(label) + first
            for held, first in ((files[DIGITS], 0), (files[LETTERS], 10))
            for image, label, test in zip(held["images"], held["labels"], held["suggested_test"], strict=True)
            if test == tested
        }
        assert found == expected


def test_classes_are_named_as_those_of_the_balanced_split():
    assert CHARACTERS == EMNIST_BALANCED_CHARACTERS[:23] and CHARACTERS[22] == "M"


def test_each_class_is_spread_evenly_in_its_own_order():
    labels = np.repeat([0, 1, 2], [600, 300, 12])
    order = spread_evenly(labels)
    assert sorted(order) == list(range(912))
    for part in np.split(labels[order], 4):
        assert np.bincount(part).tolist() == [150, 75, 3]
    for label in range(3):
        assert (np.diff(order[labels[order] == label]) == 1).all()


def test_the_real_files():
    if not (DATA / "emnist_nist_handwriting").is_dir():
        pytest.skip("needs the EMNIST-23 subset in ../shared/data or HM2BP_DATA")
    train, test = emnist_23(DATA)
    assert np.bincount(test.labels).tolist() == [250] * 10 + [200] * 12 + [100]
    assert np.bincount(train.labels).tolist() == [750] * 10 + [600] * 12 + [300]
    assert np.bincount(train.labels[-5000:]).tolist() == [250] * 10 + [200] * 12 + [100]
    # upright: a mean L has its ink at the left and below, a 7 above
    letter, digit = (train.images[train.labels == label, ..., 0].mean(axis=0) for label in (CHARACTERS.index("L"), 7))
    assert letter[:, :14].sum() > letter[:, 14:].sum() and letter[14:].sum() > letter[:14].sum()
    assert digit[:14].sum() > 1.2 * digit[14:].sum()

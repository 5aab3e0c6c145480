"""MNIST as it comes with the repository, and the record that holds images."""

import gzip
import hashlib
import struct
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest

from hm2bp_brian.datasets import ImageDataset, fashion_mnist, mnist
from hm2bp_brian.datasets.mnist import MNIST, _load
from hm2bp_brian.errors import ConfigurationError, DatasetError, DatasetNotFoundError, LabelError, ShapeError

BUNDLED = Path(__file__).parents[3] / "examples" / "data" / "mnist"


def idx(shape, values):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + bytes(values)


def small_files(n_train=3, n_test=2, side=28):
    generator = np.random.default_rng(0)
    return {
        f"{part}-{kind}": idx(shape, generator.integers(0, limit, int(np.prod(shape))).tolist())
        for part, n in (("train", n_train), ("t10k", n_test))
        for kind, shape, limit in (("images-idx3-ubyte", (n, side, side), 256), ("labels-idx1-ubyte", (n,), 10))
    }


def write(folder, files):
    for name, content in files.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))


def small_source(files):
    return replace(MNIST, md5={name: hashlib.md5(content).hexdigest() for name, content in files.items()})


def test_the_whole_of_mnist(monkeypatch):
    monkeypatch.delenv("HM2BP_DATA", raising=False)
    train, test = mnist()
    assert train.images.shape == (60000, 28, 28, 1) and train.images.dtype == np.uint8
    assert test.images.shape == (10000, 28, 28, 1) and test.labels.dtype == np.int64
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # mean and deviation as they are widely quoted for the training images
    shares = np.bincount(train.images.ravel(), minlength=256) / train.images.size
    mean = shares @ np.arange(256) / 255
    deviation = np.sqrt(shares @ (np.arange(256) / 255 - mean) ** 2)
    assert (mean, deviation) == pytest.approx((0.1307, 0.3081), abs=5e-5)
    assert (train.n_classes, train.name, len(train), len(test)) == (10, "mnist", 60000, 10000)


def test_the_licence_lies_beside_the_copy():
    readme = (BUNDLED / "README.md").read_text()
    assert "CC BY-SA 3.0" in readme
    for file in BUNDLED.glob("*.gz"):
        assert hashlib.sha256(file.read_bytes()).hexdigest() in readme
    assert all(md5 in readme for md5 in MNIST.md5.values())


def test_another_data_set_under_the_same_file_names():
    with pytest.raises(DatasetError, match=r"train-images.*f4a8712d.*found 6bbc9ace"):
        fashion_mnist(BUNDLED)


def test_images_rows_and_columns_are_in_place(tmp_path):
    files = small_files()
    write(tmp_path, files)
    train, test = _load(small_source(files), tmp_path)
    header = 16
    assert train.images[1, 4, 7, 0] == files["train-images-idx3-ubyte"][header + 784 + 4 * 28 + 7]
    assert test.labels[1] == files["t10k-labels-idx1-ubyte"][9]


def test_files_of_another_size_or_content(tmp_path):
    right = small_files()
    source = small_source(right)
    wrong = {
        "t10k-images-idx3-ubyte": (small_files(side=27)["t10k-images-idx3-ubyte"], r"expected uint8 .*\(2, 27, 27\)"),
        "train-labels-idx1-ubyte": (right["train-labels-idx1-ubyte"][:-1], "truncated"),
        "t10k-labels-idx1-ubyte": (idx((2,), [1, 2]), "md5"),
    }
    for name, (content, message) in wrong.items():
        write(tmp_path, right | {name: content})
        with pytest.raises(DatasetError, match=rf"{name}.*{message}"):
            _load(source, tmp_path)


def test_missing_files(tmp_path):
    for loader in (mnist, fashion_mnist):
        with pytest.raises(DatasetNotFoundError, match=f"{loader.__name__}.data="):
            loader(tmp_path)


@pytest.fixture
def dataset():
    images = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3, 1)
    return ImageDataset(images, np.array([0, 1, 2, 1, 0]), 3, "small")


def test_subset(dataset):
    assert dataset.subset(2).labels.tolist() == [0, 1]
    part = dataset.subset([4, 2, 2])
    np.testing.assert_array_equal(part.images, dataset.images[[4, 2, 2]])
    assert part.labels.tolist() == [0, 2, 2] and (part.name, part.n_classes) == ("small", 3)
    assert len(dataset.subset(np.arange(5))) == len(dataset) == 5


@pytest.mark.parametrize("selection", [0, 6, -1, [], [5], [-1], [0.0], 2.5, [[0]], np.ones(5, bool), "all"])
def test_impossible_subsets(dataset, selection):
    with pytest.raises(ConfigurationError, match="small"):
        dataset.subset(selection)


def test_images_and_labels_are_checked(dataset):
    images, labels = dataset.images, dataset.labels
    for wrong in ((images[..., 0], labels), (images, labels[:-1]), (images[:0], labels[:0])):
        with pytest.raises(ShapeError, match="small"):
            ImageDataset(*wrong, 3, "small")
    with pytest.raises(ConfigurationError, match="float64"):
        ImageDataset(images / 255, labels, 3, "small")
    for wrong in (labels + 1, labels - 1, labels * 1.0):
        with pytest.raises(LabelError, match=r"0\.\.2"):
            ImageDataset(images, wrong, 3, "small")


def test_a_dataset_is_frozen(dataset):
    with pytest.raises(FrozenInstanceError):
        dataset.name = "other"

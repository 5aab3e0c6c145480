import dataclasses
import tracemalloc

import numpy as np
import pytest
from tiny_training import LAYERS, LOSS, make_trainer, tiny_dataset, tiny_network

from hm2bp_brian.errors import CheckpointError
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.experiments.weights_file import read_weights, save_weights
from hm2bp_brian.training.optimizers import Adam

RECIPE = Recipe(name="tiny", layers=LAYERS, loss=LOSS, optimizer=Adam(0.05), averaging=0.9, seed=4, dtype="float64")


@pytest.fixture
def trained(tmp_path):
    """A trainer whose average differs from its weights, and the file that it wrote."""
    trainer = make_trainer(averaging=0.9, optimizer=Adam(0.05))
    trainer.fit(tiny_dataset(30), epochs=2, batch_size=10, progress=False)
    path = tmp_path / "weights.npz"
    save_weights(path, RECIPE, trainer.evaluation_weights, trainer.epoch)
    return trainer, path


def test_what_is_evaluated_comes_back(trained):
    trainer, path = trained
    file = read_weights(path)
    assert file.recipe == dataclasses.replace(RECIPE, averaging=None)
    other = make_trainer(tiny_network(seed=8))
    file.load_into(other.network)
    for found, average, last in zip(
        other.evaluation_weights, trainer.evaluation_weights, trainer.network.weights, strict=True
    ):
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, average)
        assert not np.array_equal(found, last)
    assert file.epoch == 2
    test = tiny_dataset(12, seed=5)
    assert other.evaluate(test) == trainer.evaluate(test)


def test_other_files_are_refused(trained, tmp_path):
    trainer, path = trained
    checkpoint = tmp_path / "checkpoint.npz"
    trainer.save(checkpoint)
    with pytest.raises(CheckpointError, match="no weight file: it has no recipe"):
        read_weights(checkpoint)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="corrupt"):
        read_weights(path)


def test_weights_of_another_network_are_refused(trained):
    _, path = trained
    wider = make_trainer(tiny_network(layers=(dataclasses.replace(LAYERS[0], units=9), LAYERS[1])), averaging=None)
    with pytest.raises(CheckpointError, match=r"another network: weights of layer 0 must have shape \(16, 9\)"):
        read_weights(path).load_into(wider.network)
    deeper = make_trainer(tiny_network(layers=(LAYERS[0], *LAYERS)))
    with pytest.raises(CheckpointError, match="has no 'weights/2'"):
        read_weights(path).load_into(deeper.network)


def packed(path, **changes):
    """The file again with other arrays, packed: zeros need no room."""
    with np.load(path) as file:
        arrays = dict(file) | changes
    np.savez_compressed(path, **arrays)


def test_weights_far_larger_than_the_network_are_refused_before_they_are_unpacked(trained):
    trainer, path = trained
    packed(path, **{"weights/0": np.zeros((2000, 20_000))})
    assert path.stat().st_size < 1e6
    file, other = read_weights(path), make_trainer()
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=r"must have shape \(16, 8\) .*found float64 of shape \(2000, 20000\)"):
        file.load_into(other.network)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights/0": np.full((16, 8), np.nan)}, "'weights/0' holds NaN or infinity"),
        ({"weights/0": np.full((16, 8), "w")}, "float32 or float64, found <U1"),
        ({"weights/2": np.zeros(3)}, "has a surplus 'weights/2'"),
        ({"epoch": np.array(-1)}, "'epoch' should lie in 0"),
        ({"epoch": np.array(1.0)}, "its epoch is float64"),
        ({"recipe": np.zeros((2, 2))}, "its recipe is float64 of shape"),
        ({"recipe": np.array("name = 3")}, "is corrupt: the recipe does not fit Recipe"),
        ({"recipe": np.array("x" * 10**6)}, "would unpack to 4,000,"),
    ],
)
def test_altered_weight_files_are_refused(trained, changes, message):
    _, path = trained
    packed(path, **changes)
    other = make_trainer()
    with pytest.raises(CheckpointError, match=message) as caught:
        read_weights(path).load_into(other.network)
    assert str(path) in str(caught.value)

"""Files damaged at random: each ends in an error of this package that names it, and leaves everything as it was."""

import dataclasses
import re
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
import tomli_w
from damage import damaged_arrays, damaged_bytes, damaged_table, npz, rounds

from hm2bp_brian.datasets.spike_cache import cached_spikes
from hm2bp_brian.encoding import Augmentation
from hm2bp_brian.engines.updates import NumpyUpdater
from hm2bp_brian.errors import CheckpointError, ConfigurationError, Hm2bpError
from hm2bp_brian.experiments.neuron_settings import EquationSettings
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.experiments.weights_file import read_weights, save_weights
from hm2bp_brian.learning.regularizers import WeightLimit
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, SumPool2D
from hm2bp_brian.training.history import COLUMNS
from hm2bp_brian.training.optimizers import Adam
from hm2bp_brian.training.schedules import Cosine

RECIPE = Recipe(
    name="small",
    layers=(
        Conv2D(2, 3, threshold=2.0, initializer=Uniform(0.5)),
        SumPool2D(2, threshold=1.5),
        Dense(3, threshold=1.0, lateral_inhibition=0.1),
    ),
    duration_ms=20.0,
    optimizer=Adam(0.01, schedule=Cosine(4, final=0.1)),
    regularizer=WeightLimit(),
    augmentation=Augmentation(shift=2),
    averaging=0.9,
    boosting=True,
    dtype="float64",
    train_samples=7,
)
OWN_EQUATIONS = dataclasses.replace(
    RECIPE,
    layers=(SumPool2D(2, threshold="1*mV"), Dense(3, threshold="1.5*mV", initializer=Uniform("2*mV"))),
    neuron=EquationSettings(
        equations="dv/dt = (j - v)/tau : volt (unless refractory)\ndj/dt = -j/(5*ms) : volt",
        threshold="v > v_th",
        reset="v = 0*mV",
        refractory_ms=2.0,
        synaptic_variable="j",
        parameters=(("tau", "20*ms"),),
    ),
)
SHAPE = (6, 6, 1)
# Damage that leaves what another training could have written.
CHECKPOINTS_THAT_COULD_BE = re.compile(
    r"bytes|history/columns other end first|sample_weights (flat and longer|empty)"
    r"|(weights/|optimizer/m_|average/sum_)\d negative"
)
WEIGHT_FILES_THAT_COULD_BE = re.compile(r"bytes|recipe|(recipe|epoch) other end first|epoch as i1|weights/\d negative")
LARGEST_NETWORK = 10**4  # weights of a network that is really made of a damaged recipe


# an engine of which only the updates are used
ENGINE = SimpleNamespace(updater=NumpyUpdater, encoder=lambda encoder: encoder)


def new_trainer(recipe=RECIPE, shape=SHAPE):
    return recipe.make_trainer(recipe.make_network(shape), ENGINE)


@pytest.fixture(scope="module")
def trained():
    """A trainer with everything that a checkpoint can hold, as after two epochs."""
    trainer, generator = new_trainer(), np.random.default_rng(3)
    for _ in range(4):
        gradient = [generator.normal(size=w.shape) for w in trainer.network.weights]
        trainer.update(gradient, 0.01)
    trainer.state.sample_weights = generator.uniform(0.5, 2, 7)
    trainer.state.epoch = 2
    values = ((1, 2.5, 0.25, float("nan")), (2, 1.5, 0.5, 0.75))
    trainer.history.rows[:] = [dict(zip(COLUMNS, row, strict=True)) | {"epoch": row[0]} for row in values]
    return trainer


def assert_same(state, other):
    assert state.keys() == other.keys()
    for name in state:
        np.testing.assert_array_equal(state[name], other[name], err_msg=name)


@rounds(150, 6000)
def test_checkpoints(trained, tmp_path, rounds):
    generator, path, trainer = np.random.default_rng(0), tmp_path / "checkpoint.npz", new_trainer()
    state, before = trained.state.arrays(), trainer.state.arrays()
    refused = 0
    for number in range(rounds):
        done, arrays = damaged_arrays(state, generator) if number % 2 else ("bytes", state)
        content = npz(arrays, compressed=generator.random() < 0.5)
        path.write_bytes(content if number % 2 else damaged_bytes(content, generator))
        try:
            trainer.load(path)
        except CheckpointError as error:
            refused += 1
            assert str(path) in str(error), done
            assert_same(trainer.state.arrays(), before)
        else:
            assert_same(trainer.state.arrays(), arrays)
            assert CHECKPOINTS_THAT_COULD_BE.fullmatch(done), done
            trainer.state.restore(before)
    assert refused > 0.9 * rounds


@rounds(150, 6000)
def test_weight_files(trained, tmp_path, rounds):
    generator, path = np.random.default_rng(1), tmp_path / "weights.npz"
    save_weights(path, RECIPE, trained.evaluation_weights, trained.epoch)
    with np.load(path) as file:
        arrays = dict(file)
    recipe = tomllib.loads(RECIPE.to_toml())
    trainer = new_trainer()
    refused = 0
    for number in range(rounds):
        done, changed = damaged_arrays(arrays, generator) if number % 3 else ("bytes", arrays)
        if number % 3 == 2:
            done, changed = "recipe", arrays | {"recipe": np.array(tomli_w.dumps(damaged_table(recipe, generator)))}
        content = npz(changed, compressed=generator.random() < 0.5)
        path.write_bytes(content if number % 3 else damaged_bytes(content, generator))
        trainer.network.weights = [np.zeros_like(w) for w in trainer.network.weights]
        try:
            file = read_weights(path)
            file.load_into(trainer.network)
        except CheckpointError as error:
            refused += 1
            assert str(path) in str(error), done
            assert not any(w.any() for w in trainer.network.weights)
        else:
            assert WEIGHT_FILES_THAT_COULD_BE.fullmatch(done), done
            assert file.epoch == 2
            for layer, found in enumerate(trainer.network.weights):
                np.testing.assert_array_equal(found, changed[f"weights/{layer}"].astype(file.recipe.dtype))
    assert refused > 0.7 * rounds


@pytest.mark.parametrize("recipe", [RECIPE, OWN_EQUATIONS], ids=["lif", "own equations"])
@rounds(300, 10000)
def test_recipes(tmp_path, recipe, rounds):
    generator, folder = np.random.default_rng(2), RunFolder(tmp_path)
    table = tomllib.loads(recipe.to_toml()) | {"run": {"engine": "fused"}}
    refused = 0
    for number in range(rounds):
        content = tomli_w.dumps(damaged_table(table, generator) if number % 2 else table).encode()
        folder.recipe.write_bytes(content if number % 2 else damaged_bytes(content, generator))
        try:
            recipe = folder.read_recipe()
        except ConfigurationError as error:
            refused += 1
            assert str(folder.recipe) in str(error)
            continue
        assert Recipe.from_toml(recipe.to_toml()) == recipe
        if _is_small(recipe):
            try:
                new_trainer(recipe)
            except Hm2bpError:
                refused += 1
    assert refused > 0.5 * rounds


def _is_small(recipe) -> bool:
    sizes = [getattr(layer, name, 1) for layer in recipe.layers for name in ("units", "channels", "kernel_size")]
    return max(sizes) ** 2 * 36 < LARGEST_NETWORK


@rounds(150, 6000)
def test_files_of_spikes(tmp_path, monkeypatch, rounds):
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path))
    generator, path = np.random.default_rng(4), tmp_path / "spikes" / "some.npz"
    spikes = (np.arange(400) % 100, np.arange(400) % 7, np.arange(0, 401, 100))
    cached_spikes("some", lambda: spikes)
    with np.load(path) as file:
        arrays = dict(file)
    for number in range(rounds):
        done, changed = damaged_arrays(arrays, generator) if number % 2 else ("bytes", arrays)
        content = npz(changed, compressed=True)
        path.write_bytes(content if number % 2 else damaged_bytes(content, generator))
        for found, expected in zip(cached_spikes("some", lambda: spikes), spikes, strict=True):
            np.testing.assert_array_equal(found, expected, err_msg=done)

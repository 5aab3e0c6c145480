import dataclasses

import numpy as np
import pytest
import tomli_w
from brian2 import mV
from tiny_training import tiny_dataset

from hm2bp_brian.datasets import SpikeDataset
from hm2bp_brian.encoding import Augmentation, BernoulliEncoder, Stretch
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.experiments.recipe import DATASETS, Recipe
from hm2bp_brian.learning.losses import CrossEntropyLoss, SpikeCountLoss
from hm2bp_brian.learning.regularizers import WeightLimit
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.training.optimizers import SGD, Adam
from hm2bp_brian.training.schedules import Cosine

EVERYTHING = Recipe(
    name="everything",
    layers=(Dense(3, 1.0, initializer=Uniform(1.0)), Dense(2, 2.0, lateral_inhibition=0.5)),
    optimizer=SGD(0.1, schedule=Cosine(4, final=0.1)),
    loss=CrossEntropyLoss(scale=0.3, desired=7),
    regularizer=WeightLimit(beta=0.01),
    augmentation=Augmentation(shift=2, rotation=12.0),
    delays=(0, 5, 9),
    averaging=0.5,
    boosting=True,
    train_samples=7,
    hold_out=2,
    leave_out=("jackson", "theo"),
)


@pytest.mark.parametrize("recipe", [*recipes.RECIPES, EVERYTHING], ids=lambda recipe: recipe.name)
def test_toml_round_trip(recipe):
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert Recipe.from_toml(recipe.to_toml() + tomli_w.dumps({"run": {"engine": "fused"}})) == recipe


def test_names_and_get():
    assert recipes.names() == [recipe.name for recipe in recipes.RECIPES]
    assert len(set(recipes.names())) == len(recipes.names())
    assert recipes.get("mnist-mlp-paper").name == "mnist-mlp-paper"
    with pytest.raises(UnknownNameError, match="unknown recipe 'mnist-mpl'. Did you mean 'mnist-mlp'"):
        recipes.get("mnist-mpl")


def test_mnist_mlp_is_the_experiment_that_was_measured():
    recipe = recipes.get("mnist-mlp")
    network = recipe.make_network((28, 28, 1))
    assert [w.shape for w in network.weights] == [(784, 800), (800, 10)]
    assert network.thresholds == [10.0, 8.0]
    assert (network.n_steps, network.dt) == (400, 1e-3)
    assert [layer.lateral_inhibition for layer in network.layers] == [0.0, 1.0]
    assert 0.49 < np.abs(network.weights[0]).max() <= 0.5
    neuron = network.neurons[0]
    assert (neuron.tau_m, neuron.tau_s, neuron.refractory, neuron.method) == pytest.approx(
        (0.064, 0.008, 0.003, "euler")
    )
    assert recipe.loss == SpikeCountLoss(35, 5, 5)
    assert recipe.optimizer == Adam(0.006, schedule=Cosine(final=0.01))
    assert recipe.encoder == BernoulliEncoder(5.5)
    assert (recipe.batch_size, recipe.epochs, recipe.averaging) == (50, 40, 0.9995)
    assert recipe.augmentation == Augmentation(shift=1, scale=0.08, rotation=8.0, elastic=5.0)
    assert recipe.regularizer is None


@pytest.mark.parametrize(
    ("name", "sizes", "n_steps"),
    [
        ("ti46-800", [(78, 800), (800, 26)], 1000),
        ("ti46-400-400", [(78, 400), (400, 400), (400, 26)], 1000),
        ("ti46-800-800", [(78, 800), (800, 800), (800, 26)], 1000),
        ("fsdd-mlp", [(78, 400), (400, 10)], 500),
        ("letters-synthetic", [(78, 800), (800, 26)], 500),
        ("speech-commands-mlp", [(78, 400), (400, 10)], 620),
    ],
)
def test_networks_for_speech(name, sizes, n_steps):
    recipe = recipes.get(name)
    network = recipe.make_network((78,))
    assert [w.shape for w in network.weights] == sizes
    assert network.n_steps == n_steps and network.thresholds[-1] == 5.0
    if name.startswith("ti46"):
        assert network.thresholds[:-1] == [20.0] * (len(sizes) - 1)
        assert recipe.loss == SpikeCountLoss(35, 5, 5)


def test_the_successors_recurrent_network_for_ti46():
    recipe = recipes.get("ti46-400-400-400-recurrent")
    network = recipe.make_network((78,))
    assert [w.shape for w in network.weights] == [(78, 400), (400, 400), (400, 400), (400, 26), (400, 400)]
    (loop,) = (p for p in network.projections if p.source is p.target and p.name.startswith("recurrent"))
    assert loop.target.name == "layer_1"
    assert network.thresholds == [10.0, 8.0, 8.0, 8.0] and network.n_steps == 700
    assert [neuron.tau_m / network.dt for neuron in network.neurons] == pytest.approx([128] * 4)


def test_nmnist_mlp_keeps_the_papers_time_constants_in_steps():
    recipe = recipes.get("nmnist-mlp")
    network = recipe.make_network((34, 34, 2))
    assert [w.shape for w in network.weights] == [(2312, 800), (800, 10)]
    assert network.n_steps == 540
    neuron = network.neurons[0]
    assert (neuron.tau_m / network.dt, neuron.tau_s / network.dt) == pytest.approx((64, 8))
    assert neuron.refractory_steps(network.dt) == 2


@pytest.mark.parametrize("name", ["nmnist-simulated", "nmnist-mixed"])
def test_simulated_recordings_differ_in_the_data_only(name):
    recipe = recipes.get(name)
    assert dataclasses.replace(recipe, name="nmnist-mlp", dataset="nmnist") == recipes.get("nmnist-mlp")


@pytest.mark.parametrize(("name", "n_steps", "silent_steps"), [("mnist-cnn-200", 200, 1), ("mnist-cnn-100", 100, 0)])
def test_fewer_steps_of_the_same_presentation(name, n_steps, silent_steps):
    recipe, fine = recipes.get(name), recipes.get("mnist-cnn")
    network = recipe.make_network((28, 28, 1))
    assert network.n_steps == n_steps and network.n_steps * network.dt == pytest.approx(0.4)
    neuron = network.neurons[0]
    assert (neuron.tau_m, neuron.tau_s, neuron.refractory_steps(network.dt)) == pytest.approx(
        (0.064, 0.008, silent_steps)
    )
    image = np.full((1, 28, 28, 1), 200, np.uint8)
    spikes, as_many = (
        len(r.encoder.encode(image, round(r.duration_ms / r.dt_ms), 0, 0, [0]).neurons) for r in (recipe, fine)
    )
    assert spikes == pytest.approx(as_many, rel=0.03)  # 45,000, less what a first, silent step takes
    assert recipe.layers == fine.layers and recipe.loss == fine.loss


def test_fashion_cnn_is_the_papers_network_with_clothes_mirrored():
    recipe = recipes.get("fashion-cnn")
    assert recipe.layers == recipes.get("mnist-cnn").layers and recipe.dataset == "fashion_mnist"
    assert recipe.augmentation == Augmentation(shift=1, flip=True)


@pytest.mark.parametrize("recipe", recipes.RECIPES, ids=lambda recipe: recipe.name)
def test_recipes_fit_their_data(recipe):
    image, ear = (28, 28, 1), (78,)
    shape, n_classes = {
        "mnist": (image, 10),
        "fashion_mnist": (image, 10),
        "emnist": (image, 47),
        "emnist_23": (image, 23),
        "nmnist": ((34, 34, 2), 10),
        "simulated_nmnist": ((34, 34, 2), 10),
        "mixed_nmnist": ((34, 34, 2), 10),
        "fsdd": (ear, 10),
        "letters_synthetic": (ear, 26),
        "ti46": (ear, 26),
        "speech_commands": (ear, 10),
    }[recipe.dataset]
    assert recipe.dataset in DATASETS
    assert recipe.make_network(shape).n_outputs == n_classes


def test_seed_of_a_recipe_reaches_the_weights():
    recipe = recipes.get("mnist-mlp")
    one, two = (dataclasses.replace(recipe, seed=seed).make_network((4, 4, 1)).weights[1] for seed in (0, 1))
    assert (one != two).any()


def test_trainer_gets_all_settings():
    recipe = dataclasses.replace(EVERYTHING, seed=9, dtype="float64", loss=SpikeCountLoss(9, 2, 1))
    trainer = recipe.make_trainer(recipe.make_network((4, 4, 1)), "brian2")
    assert trainer.optimizer == recipe.optimizer and trainer.rules == recipe.rules
    assert (trainer.loss, trainer.regularizer, trainer.inputs.encoder) == (
        recipe.loss,
        recipe.regularizer,
        recipe.encoder,
    )
    assert (trainer.inputs.augmentation, trainer.inputs.delays, trainer.average.decay) == (
        recipe.augmentation,
        (0, 5, 9),
        0.5,
    )
    assert trainer.network.input_shape == (4, 4, 1, 3)
    assert trainer.state.sample_weights is not None
    assert (trainer.seed, trainer.dtype, trainer.engine.name) == (9, "float64", "brian2")


@pytest.fixture
def tiny_data(monkeypatch):
    asked = []
    monkeypatch.setitem(
        DATASETS, "mnist", lambda data: asked.append(data) or (tiny_dataset(20), tiny_dataset(8, seed=1))
    )
    return asked


def test_data_are_split_as_asked(tiny_data):
    recipe = dataclasses.replace(EVERYTHING, train_samples=None, hold_out=0, leave_out=())
    train, holdout, test = recipe.load_data("folder")
    assert (len(train), holdout, len(test), tiny_data) == (20, None, 8, ["folder"])
    recipe = dataclasses.replace(recipe, train_samples=5, test_samples=3, hold_out=6)
    train, holdout, test = recipe.load_data()
    everything, tests = tiny_dataset(20), tiny_dataset(8, seed=1)
    np.testing.assert_array_equal(train.images, everything.images[:5])
    np.testing.assert_array_equal(holdout.images, everything.images[14:])
    np.testing.assert_array_equal(holdout.labels, everything.labels[14:])
    np.testing.assert_array_equal(test.images, tests.images[:3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_samples": 21}, "20 training samples, found a request for 21"),
        ({"train_samples": 0}, "found a request for 0"),
        ({"train_samples": 15, "hold_out": 6}, "14 training samples, found a request for 15"),
        ({"test_samples": 9}, "8 test samples, found a request for 9"),
        ({"hold_out": 20}, r"hold_out must leave samples .* 0\.\.19 .* found 20"),
        ({"hold_out": -1}, "found -1"),
        ({"leave_out": ("theo",)}, "speakers can be left out of fsdd, .* found leave_out=.'theo',. for mnist"),
    ],
)
def test_too_many_samples(tiny_data, changes, message):
    recipe = dataclasses.replace(EVERYTHING, **({"train_samples": None, "hold_out": 0, "leave_out": ()} | changes))
    with pytest.raises(ConfigurationError, match=message):
        recipe.load_data()


def test_unknown_data_set():
    with pytest.raises(UnknownNameError, match="unknown dataset 'minst'. Did you mean 'mnist'"):
        dataclasses.replace(EVERYTHING, dataset="minst", leave_out=()).load_data()


def test_speakers_are_left_out_by_the_data_set(monkeypatch):
    asked = {}

    def load(data, **more):
        asked.update(more, data=data)
        return tiny_dataset(20), tiny_dataset(8)

    monkeypatch.setitem(DATASETS, "fsdd", load)
    dataclasses.replace(EVERYTHING, dataset="fsdd").load_data("folder")
    assert asked == {"data": "folder", "leave_out": ("jackson", "theo")}


def test_samples_of_training_and_of_tests_are_stretched(monkeypatch):
    quick, slow = (SpikeDataset([0, end], [0, 1], [0, 2], [0], (2,), 1, "said") for end in (4, 40))
    monkeypatch.setitem(DATASETS, "fsdd", lambda data: (quick.subset([0, 0]), slow))
    recipe = dataclasses.replace(recipes.get("fsdd-mlp"), stretch=Stretch(2, 12, tails=0), hold_out=1)
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert [part.steps.tolist() for part in recipe.load_data()] == [[2, 12]] * 3


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ('name = "everything"', "name = ", ConfigurationError, "is no TOML"),
        ('name = "everything"', "", ConfigurationError, "does not fit Recipe: .*name"),
        ('name = "everything"', 'name = "x"\nepoch = 3', ConfigurationError, "does not fit Recipe: .*'epoch'"),
        ('kind = "SGD"', 'kind = "SDG"', UnknownNameError, "recipe object 'SDG'. Did you mean 'SGD'"),
        ('kind = "SGD"', "", UnknownNameError, "recipe object 'None'"),
        ("momentum = 0.9", "momentum = 2.0", ConfigurationError, "SGD.momentum"),
        ("momentum = 0.9", "inertia = 0.9", ConfigurationError, "does not fit SGD: .*'inertia'"),
        ("momentum = 0.9", 'momentum = "much"', ConfigurationError, "does not fit SGD"),
        ("momentum = 0.9", "momentun = 0.9", ConfigurationError, "field 'momentun'. Did you mean 'momentum'"),
        ("momentum = 0.9", "momentum = true", ConfigurationError, "SGD: 'momentum' should be a finite number.*True"),
        ("momentum = 0.9", "momentum = nan", ConfigurationError, "SGD: 'momentum' should be .*found nan"),
        ("units = 3", "units = 1e1", ConfigurationError, "Dense: 'units' should be a whole number .*found 10.0"),
        ("units = 3", "units = 1000000000000", ConfigurationError, "Dense: 'units' .* at most 100,000,000, found"),
        ("threshold = 1.0", "threshold = 0.0", ConfigurationError, "Dense: 'threshold' should be positive, found 0.0"),
        ("threshold = 1.0", "threshold = [1.0]", ConfigurationError, "Dense: 'threshold' should be a finite number"),
        ("limit = 1.0", "limit = -1.0", ConfigurationError, "Uniform: 'limit' should be at least 0, found -1.0"),
        ("epochs = 4", 'epochs = "4"', ConfigurationError, "Cosine: 'epochs' should be a whole number .*found '4'"),
        ("dt_ms = 1.0", "dt_ms = 0.0", ConfigurationError, "Recipe: 'dt_ms' should be positive"),
        ("dt_ms = 1.0", "dt_ms = 1e-12", ConfigurationError, "more than 100,000,000 steps of dt_ms = 1e-12"),
        ("averaging = 0.5", "averaging = 1.0", ConfigurationError, "averaging must be in 0 < averaging < 1"),
        ("averaging = 0.5", "averaging = [0.5]", ConfigurationError, "'averaging' should be a finite .* or absent"),
        ("hold_out = 2", "hold_out = 1979-05-27", ConfigurationError, "'hold_out' should be a whole number"),
        ("boosting = true", "boosting = 1", ConfigurationError, "'boosting' should be true or false, found 1"),
        ('kind = "SGD"', 'kind = "Cosine"\nepochs = 3', ConfigurationError, "does not fit Cosine: unknown field"),
        ('kind = "SGD"', 'kind = ["SGD"]', UnknownNameError, "recipe object"),
        ('dtype = "float32"', 'dtype = "float16"', UnknownNameError, "dtype 'float16'"),
    ],
)
def test_wrong_toml(old, new, error, message):
    text = EVERYTHING.to_toml()
    assert old in text
    with pytest.raises(error, match=message):
        Recipe.from_toml(text.replace(old, new, 1))


@pytest.mark.parametrize(
    "text", [f"name = {'[' * 100_000}", f"seed = {'9' * 5000}"], ids=["nested too deeply", "too many digits"]
)
def test_toml_that_python_gives_up_on(text):
    with pytest.raises(ConfigurationError, match="the recipe is"):
        Recipe.from_toml(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": (Dense(3, 10 * mV),)}, "Dense: 'threshold' should be a finite number"),
        ({"layers": ()}, "at least one layer"),
        ({"optimizer": "adam"}, "'optimizer' should be Adam or SGD, found 'adam'"),
        ({"optimizer": Adam(schedule=lambda rate, epoch: rate)}, "Adam: 'schedule' should be Constant or"),
    ],
)
def test_what_no_file_could_hold_is_refused_at_once(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        dataclasses.replace(EVERYTHING, **changes)


def test_numbers_of_numpy_are_written_as_plain_ones():
    recipe = dataclasses.replace(EVERYTHING, seed=np.int64(5), averaging=np.float32(0.25))
    assert Recipe.from_toml(recipe.to_toml()) == recipe

"""Recipes: everything that an experiment needs, by name, and as a TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass

import numpy as np
import tomli_w
from brian2 import ms

from hm2bp_brian.datasets import simulated_nmnist
from hm2bp_brian.datasets.catalogue import CATALOGUE
from hm2bp_brian.encoding import Augmentation, BernoulliEncoder, SpikeJitter
from hm2bp_brian.encoding.delays import check_delays, delayed_shape
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.learning.optimizers import SGD, Adam, Constant, Cosine, ExponentialDecay, InverseSqrt, WarmRestart
from hm2bp_brian.learning.regularizers import WeightLimit
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.training.trainer import Trainer, check_count, check_seed

DATASETS = {name: entry.load for name, entry in CATALOGUE.items()}
DATASETS |= {"simulated_nmnist": simulated_nmnist}  # made from two others, so not in the catalogue
SPEECH = ("fsdd", "ti46", "letters_synthetic")

# Classes whose objects may be part of a recipe; the file names them by "kind".
KINDS = {
    kind.__name__: kind
    for kind in (
        Dense,
        Conv2D,
        SumPool2D,
        Uniform,
        SpikeCountLoss,
        Adam,
        SGD,
        Constant,
        ExponentialDecay,
        InverseSqrt,
        Cosine,
        WarmRestart,
        WeightLimit,
        BernoulliEncoder,
        Augmentation,
        SpikeJitter,
    )
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One experiment: data, network, loss, optimizer and training, as plain numbers and frozen objects.

    Change one with ``dataclasses.replace(recipe, epochs=3)``.

    Parameters
    ----------
    name : str
    dataset : str
        A name that `hm2bp_brian.datasets.catalogue` lists, or "simulated_nmnist". Samples of spikes are presented
        without ``encoder``; their ``augmentation`` is a SpikeJitter.
    layers : tuple of layers
        With thresholds and initial weights as plain numbers.
    duration_ms, dt_ms : float
        Length of a presentation and time step.
    tau_m_ms, tau_s_ms, refractory_ms : float
        Of the LIF neurons.
    method : str
        Brian2's integration method.
    encoder, loss, optimizer, regularizer, augmentation, delays, averaging, boosting, dtype
        See `hm2bp_brian.training.trainer.Trainer`.
    batch_size, epochs : int
    seed : int
        Of initial weights, order of samples, augmentation and input spikes.
    train_samples, test_samples : int, optional
        Only the first so many samples.
    hold_out : int
        The last so many training samples are not trained on, but evaluated after each epoch.
    leave_out : tuple of str
        Of a data set of speech: the speakers who are tested on, while all others are trained on.

    Raises
    ------
    ConfigurationError
        If ``epochs``, ``batch_size``, ``seed`` or ``delays`` can't be.
    """

    name: str
    dataset: str = "mnist"
    layers: tuple
    duration_ms: float = 400.0
    dt_ms: float = 1.0
    tau_m_ms: float = 64.0
    tau_s_ms: float = 8.0
    refractory_ms: float = 3.0
    method: str = "euler"
    encoder: BernoulliEncoder = BernoulliEncoder()
    loss: SpikeCountLoss = SpikeCountLoss()
    optimizer: Adam | SGD
    regularizer: WeightLimit | None = None
    augmentation: Augmentation | SpikeJitter | None = None
    delays: tuple[int, ...] = ()
    averaging: float | None = None
    boosting: bool = False
    dtype: str = "float32"
    batch_size: int = 50
    epochs: int = 15
    seed: int = 0
    train_samples: int | None = None
    test_samples: int | None = None
    hold_out: int = 0
    leave_out: tuple[str, ...] = ()

    def __post_init__(self):
        check_count("epochs", self.epochs)
        check_count("batch_size", self.batch_size)
        check_seed(self.seed)
        check_delays(self.delays)

    def load_data(self, data=None) -> tuple:
        """The data sets ``(train, holdout, test)``; ``holdout`` is None if nothing is held out.

        Parameters
        ----------
        data : path, optional
            Folder of the files; see `hm2bp_brian.datasets`.

        Raises
        ------
        UnknownNameError, ConfigurationError
            If there is no such data set, or it has too few samples.
        DatasetNotFoundError, DatasetError
            If the files can't be had or read.
        """
        if self.dataset not in DATASETS:
            raise UnknownNameError("dataset", self.dataset, DATASETS)
        if self.leave_out and self.dataset not in SPEECH:
            raise ConfigurationError(
                f"speakers can be left out of {', '.join(SPEECH)}; found leave_out={self.leave_out} for {self.dataset}"
            )
        train, test = DATASETS[self.dataset](data, **({"leave_out": self.leave_out} if self.leave_out else {}))
        if not 0 <= self.hold_out < len(train):
            raise ConfigurationError(
                f"hold_out must leave samples to train on: in 0..{len(train) - 1} for {self.dataset}, "
                f"found {self.hold_out}"
            )
        n_train = len(train) - self.hold_out
        holdout = train.subset(np.arange(n_train, len(train))) if self.hold_out else None
        train = train.subset(_first(self.train_samples, n_train, "training"))
        return train, holdout, test.subset(_first(self.test_samples, len(test), "test"))

    def make_network(self, input_shape) -> SpikingNetwork:
        """A new network with initial weights, for samples of the given shape (before the delay lines)."""
        neuron = LIF(self.tau_m_ms * ms, self.tau_s_ms * ms, self.refractory_ms * ms, self.method)
        return SpikingNetwork(
            delayed_shape(input_shape, self.delays),
            self.layers,
            neuron,
            dt=self.dt_ms * ms,
            duration=self.duration_ms * ms,
            seed=self.seed,
        )

    def make_trainer(self, network: SpikingNetwork, engine: str = "fused", threads: int | None = None) -> Trainer:
        """A new trainer for a network."""
        return Trainer(
            network,
            self.loss,
            self.optimizer,
            engine,
            regularizer=self.regularizer,
            encoder=self.encoder,
            augmentation=self.augmentation,
            delays=self.delays,
            averaging=self.averaging,
            boosting=self.boosting,
            dtype=self.dtype,
            threads=threads,
            seed=self.seed,
        )

    def to_toml(self) -> str:
        """The recipe as TOML; what is None is left out."""
        table = _to_toml(self)
        del table["kind"]
        return tomli_w.dumps(table)

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """Read what ``to_toml`` wrote; the table ``[run]`` that a run folder adds is skipped.

        Raises
        ------
        ConfigurationError
            If it is no TOML, or a field is missing, unknown or has an impossible value.
        UnknownNameError
            If there is no such kind of object.
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"the recipe is no TOML: {error}") from error
        table.pop("run", None)
        return _make(cls, table)


def _to_toml(value):
    if isinstance(value, tuple):
        return [_to_toml(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {"kind": type(value).__name__} | {k: _to_toml(v) for k, v in fields.items() if v is not None}


def _from_toml(value):
    if isinstance(value, list):
        return tuple(_from_toml(item) for item in value)
    if not isinstance(value, dict):
        return value
    kind = value.get("kind")
    if kind not in KINDS:
        raise UnknownNameError("recipe object", kind, KINDS)
    return _make(KINDS[kind], {k: v for k, v in value.items() if k != "kind"})


def _make(kind, table: dict):
    try:
        return kind(**{k: _from_toml(v) for k, v in table.items()})
    except TypeError as error:
        raise ConfigurationError(f"the recipe does not fit {kind.__name__}: {error}") from error


def _first(count: int | None, available: int, what: str) -> int:
    if count is None:
        return available
    if not 1 <= count <= available:
        raise ConfigurationError(f"there are {available} {what} samples, found a request for {count}")
    return count


def _dense_layers(*hidden: int, n_classes: int, thresholds: tuple[float, float], limit: float) -> tuple[Dense, ...]:
    """Hidden layers and an output layer with lateral inhibition; thresholds of hidden and output neurons."""
    initializer = Uniform(limit)
    return (
        *(Dense(size, threshold=thresholds[0], initializer=initializer) for size in hidden),
        Dense(n_classes, threshold=thresholds[1], lateral_inhibition=1.0, initializer=initializer),
    )


# Most digits and letters last 250 steps or less, too short for the paper's 35 spikes.
SPEECH_LOSS = SpikeCountLoss(desired=20, undesired=3, margin=3)

# The paper counts N-MNIST's steps of 0.6 ms as 1 ms each. The time constants are kept in steps: 64, 8 and 3.
NMNIST = Recipe(
    name="nmnist-mlp",
    dataset="nmnist",
    layers=_dense_layers(800, n_classes=10, thresholds=(15.0, 15.0), limit=1.0),
    duration_ms=324.0,
    dt_ms=0.6,
    tau_m_ms=38.4,
    tau_s_ms=4.8,
    refractory_ms=1.8,
    optimizer=Adam(0.005, schedule=Cosine(10, final=0.01)),
    augmentation=SpikeJitter(place_shift=1, drop=0.1),
    averaging=0.9995,
    epochs=10,
)

LETTERS = Recipe(
    name="letters-synthetic",
    dataset="letters_synthetic",
    layers=_dense_layers(800, n_classes=26, thresholds=(8.0, 5.0), limit=1.0),
    duration_ms=500.0,
    loss=SPEECH_LOSS,
    optimizer=Adam(0.01, schedule=Cosine(80, final=0.01)),
    augmentation=SpikeJitter(time_shift=10, time_scale=0.15, place_shift=1, drop=0.1),
    averaging=0.998,
    epochs=80,
)

RECIPES = [
    Recipe(
        name="mnist-mlp",
        layers=_dense_layers(800, n_classes=10, thresholds=(10.0, 8.0), limit=0.5),
        optimizer=Adam(0.006, schedule=Cosine(40, final=0.01)),
        augmentation=Augmentation(shift=1, scale=0.08, rotation=8.0, elastic=5.0),
        averaging=0.9995,
        epochs=40,
    ),
    Recipe(
        name="mnist-mlp-paper",
        layers=_dense_layers(800, n_classes=10, thresholds=(20.0, 8.0), limit=0.5),
        optimizer=Adam(0.005, schedule=ExponentialDecay(0.85)),
        regularizer=WeightLimit(strength=0.02, beta=0.04),
    ),
    Recipe(
        name="mnist-cnn",
        layers=(
            Conv2D(15, 5, threshold=5.0, initializer=Uniform(1.0)),
            SumPool2D(2, threshold=2.0),
            Conv2D(40, 5, threshold=12.0, initializer=Uniform(1.0)),
            SumPool2D(2, threshold=4.0),
            Dense(300, threshold=10.0, initializer=Uniform(1.0)),
            Dense(10, threshold=10.0, lateral_inhibition=1.0, initializer=Uniform(1.0)),
        ),
        optimizer=Adam(
            0.012, clip=True, schedule=WarmRestart(ExponentialDecay(0.85), 15, Cosine(20, final=0.01), factor=0.25)
        ),
        augmentation=Augmentation(shift=1, scale=0.12, rotation=12.0, elastic=3.4),
        averaging=0.9995,
        epochs=32,
    ),
    Recipe(
        name="fashion-mlp",
        dataset="fashion_mnist",
        layers=_dense_layers(400, 400, n_classes=10, thresholds=(10.0, 8.0), limit=1.0),
        optimizer=Adam(0.005, schedule=Cosine(25, final=0.01)),
        averaging=0.9995,
        epochs=25,
    ),
    Recipe(
        name="emnist-mlp",
        dataset="emnist",
        layers=_dense_layers(800, n_classes=47, thresholds=(10.0, 8.0), limit=0.5),
        optimizer=Adam(0.005, schedule=Cosine(20, final=0.01)),
        averaging=0.9995,
        epochs=20,
    ),
    Recipe(
        name="emnist-mlp-deep",
        dataset="emnist",
        layers=_dense_layers(400, 400, n_classes=47, thresholds=(10.0, 8.0), limit=0.5),
        optimizer=Adam(0.005, schedule=Cosine(20, final=0.01)),
        averaging=0.9995,
        epochs=20,
    ),
    NMNIST,
    dataclasses.replace(NMNIST, name="nmnist-simulated", dataset="simulated_nmnist"),
    dataclasses.replace(
        NMNIST,
        name="nmnist-1k",
        optimizer=Adam(0.005, schedule=Cosine(60, final=0.01)),
        augmentation=SpikeJitter(place_shift=2, drop=0.1),
        averaging=0.99,
        epochs=60,
        train_samples=1000,
        test_samples=100,
    ),
    # Speech: a step is called 1 ms, as in the paper, though it lasts 1.6 ms of sound; the constants count in steps.
    # What is longer than the presentation is cut off, after shorter ones there is silence.
    Recipe(
        name="fsdd-mlp",
        dataset="fsdd",
        layers=_dense_layers(400, n_classes=10, thresholds=(8.0, 5.0), limit=1.0),
        duration_ms=500.0,
        loss=SPEECH_LOSS,
        optimizer=Adam(0.02, schedule=Cosine(120, final=0.01)),
        augmentation=SpikeJitter(time_shift=15, time_scale=0.2, place_shift=1, drop=0.2),
        averaging=0.998,
        epochs=120,
    ),
    LETTERS,
    # Most of what tells letters apart is the order of their sounds, some 100 steps apart.
    dataclasses.replace(
        LETTERS,
        name="letters-synthetic-delays",
        optimizer=Adam(0.02, schedule=Cosine(60, final=0.01)),
        augmentation=SpikeJitter(time_shift=10, time_scale=0.2, place_shift=2, drop=0.3),
        delays=(0, 40, 80, 120, 160, 200),
        epochs=60,
    ),
    *(
        Recipe(
            name=f"ti46-{'-'.join(map(str, hidden))}",
            dataset="ti46",
            layers=_dense_layers(*hidden, n_classes=26, thresholds=(20.0, 5.0), limit=1.0),
            duration_ms=1000.0,
            optimizer=Adam(0.005, schedule=Cosine(40, final=0.01)),
            averaging=0.998,
            epochs=40,
        )
        for hidden in ((800,), (400, 400), (800, 800))
    ),
]


def names() -> list[str]:
    """Names of all recipes."""
    return [recipe.name for recipe in RECIPES]


def get(name: str) -> Recipe:
    """The recipe of a name; UnknownNameError if there is none."""
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise UnknownNameError("recipe", name, names())

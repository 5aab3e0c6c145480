"""A recipe: everything that an experiment needs, also as a TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass

import numpy as np
import tomli_w
from brian2 import ms

from hm2bp_brian.checks import check_count, check_seed
from hm2bp_brian.datasets import mixed_nmnist, simulated_nmnist
from hm2bp_brian.datasets.catalogue import CATALOGUE
from hm2bp_brian.encoding import Augmentation, BernoulliEncoder, SpikeJitter, Stretch
from hm2bp_brian.encoding.delays import check_delays, delayed_shape
from hm2bp_brian.encoding.inputs import Inputs
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.experiments.neuron_settings import EquationSettings, LIFSettings
from hm2bp_brian.experiments.quantity_text import quantity
from hm2bp_brian.experiments.recipe_fields import LARGEST_COUNT, check_fields
from hm2bp_brian.learning.losses import CrossEntropyLoss, SpikeCountLoss
from hm2bp_brian.learning.regularizers import WeightLimit
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.initializers import Between, Scaled, Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, Recurrent, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.populations import RateBand
from hm2bp_brian.training.evaluator import Evaluator
from hm2bp_brian.training.optimizers import SGD, Adam, Relative
from hm2bp_brian.training.schedules import Constant, Cosine, ExponentialDecay, InverseSqrt
from hm2bp_brian.training.trainer import Trainer

DATASETS = {name: entry.load for name, entry in CATALOGUE.items()}
# made from two others, so not in the catalogue
DATASETS |= {"simulated_nmnist": simulated_nmnist, "mixed_nmnist": mixed_nmnist}
DTYPES = ("float32", "float64")
SPEECH = ("fsdd", "ti46", "letters_synthetic", "speech_commands")

# Classes whose objects may be part of a recipe; the file names them by "kind".
KINDS = {
    kind.__name__: kind
    for kind in (
        Dense,
        Conv2D,
        SumPool2D,
        Recurrent,
        RateBand,
        Scaled,
        Uniform,
        Between,
        Learned,
        SpikeCountLoss,
        CrossEntropyLoss,
        Adam,
        SGD,
        Relative,
        Constant,
        ExponentialDecay,
        InverseSqrt,
        Cosine,
        WeightLimit,
        Rules,
        BernoulliEncoder,
        Augmentation,
        SpikeJitter,
        Stretch,
        LIFSettings,
        EquationSettings,
    )
}
# Fields that recipes of version 0.1.0 had instead of a neuron.
FIELDS_OF_OLD_NEURONS = ("tau_m_ms", "tau_s_ms", "refractory_ms", "method")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One experiment: data, network, loss, optimizer and training, as plain numbers and frozen objects.

    Change one with ``dataclasses.replace(recipe, epochs=3)``.

    Parameters
    ----------
    name : str
    dataset : str
        A name that `hm2bp_brian.datasets.catalogue` lists, "simulated_nmnist" or "mixed_nmnist". Samples of spikes
        are presented without ``encoder``; their ``augmentation`` is a SpikeJitter.
    layers : tuple of layers
        With thresholds and limits of initial weights as plain numbers, or as texts with units such as "15*mV".
    duration_ms, dt_ms : float
        Length of a presentation and time step.
    neuron : LIFSettings or EquationSettings
        Of all layers.
    stretch : Stretch, optional
        Brings the spike trains of all samples, of training and of tests, to one duration.
    encoder, loss, optimizer, regularizer, augmentation, delays, averaging, rules, boosting, dtype
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
        If a field, or one of an object in it, has another type or an impossible value.
    UnknownNameError
        If there is no such ``dtype``.
    """

    name: str
    dataset: str = "mnist"
    layers: tuple[Dense | Conv2D | SumPool2D, ...]
    duration_ms: float = 400.0
    dt_ms: float = 1.0
    neuron: LIFSettings | EquationSettings = LIFSettings()
    encoder: BernoulliEncoder = BernoulliEncoder()
    loss: SpikeCountLoss | CrossEntropyLoss = SpikeCountLoss()
    optimizer: Adam | SGD
    regularizer: WeightLimit | None = None
    stretch: Stretch | None = None
    augmentation: Augmentation | SpikeJitter | None = None
    delays: tuple[int, ...] = ()
    averaging: float | None = None
    rules: Rules = Rules()
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
        check_fields(type(self), vars(self))
        if not self.layers:
            raise ConfigurationError("a recipe needs at least one layer, found none")
        if self.duration_ms / self.dt_ms > LARGEST_COUNT:
            raise ConfigurationError(
                f"duration_ms = {self.duration_ms} has more than {LARGEST_COUNT:,} steps of dt_ms = {self.dt_ms}"
            )
        if self.averaging is not None and not 0 < self.averaging < 1:
            raise ConfigurationError(f"averaging must be in 0 < averaging < 1, such as 0.998; found {self.averaging}")
        if self.dtype not in DTYPES:
            raise UnknownNameError("dtype", self.dtype, DTYPES)
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
        SpikeError
            If images are to be stretched.
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
        if self.stretch is not None:
            train, test = self.stretch(train), self.stretch(test)
        n_train = len(train) - self.hold_out
        holdout = train.subset(np.arange(n_train, len(train))) if self.hold_out else None
        train = train.subset(_first(self.train_samples, n_train, "training"))
        return train, holdout, test.subset(_first(self.test_samples, len(test), "test"))

    def make_network(self, input_shape) -> SpikingNetwork:
        """A new network with initial weights, for samples of the given shape (before the delay lines).

        Raises
        ------
        UnitError, ConfigurationError
            If the neuron's equations are wrong, or units in them, or those of a threshold or limit don't fit.
        ShapeError
            If the layers don't fit the samples or each other.
        """
        return SpikingNetwork(
            delayed_shape(input_shape, self.delays),
            [_with_quantities(layer) for layer in self.layers],
            self.neuron.make(),
            dt=self.dt_ms * ms,
            duration=self.duration_ms * ms,
            seed=self.seed,
        )

    def make_trainer(
        self,
        network: SpikingNetwork,
        engine: str = "fused",
        threads: int | None = None,
        device: str | None = None,
    ) -> Trainer:
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
            rules=self.rules,
            boosting=self.boosting,
            dtype=self.dtype,
            threads=threads,
            device=device,
            seed=self.seed,
        )

    def make_evaluator(
        self, network: SpikingNetwork, engine="fused", threads: int | None = None, device: str | None = None
    ) -> Evaluator:
        """What presents data sets to a network, as training evaluates it."""
        engine = make_engine(network, engine, self.dtype, threads, device)
        encoder = engine.encoder(self.encoder)
        inputs = Inputs(network.input_shape, network.n_steps, network.dt, encoder, delays=self.delays)
        return Evaluator(network, network.parameters, inputs, engine)

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
            table = _parsed(text)
            table.pop("run", None)
            return _make(cls, _of_this_version(table))
        except RecursionError as error:
            raise ConfigurationError("the recipe is nested too deeply") from error


def _with_quantities(part):
    """A layer, or a part of one, with quantities in place of the texts that stand for them."""
    changed = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if isinstance(value, str):
            changed[field.name] = quantity(field.name, value)
        elif dataclasses.is_dataclass(value):
            changed[field.name] = _with_quantities(value)
    return dataclasses.replace(part, **changed)


def _of_this_version(table: dict) -> dict:
    """What a recipe of version 0.1.0 says, in the fields of today."""
    neuron = {name: table.pop(name) for name in FIELDS_OF_OLD_NEURONS if name in table and "neuron" not in table}
    if neuron:
        table["neuron"] = {"kind": "LIFSettings"} | neuron
    schedule = _part(_part(table, "optimizer"), "schedule")
    if schedule.get("kind") == "Cosine" and schedule.get("epochs") == table.get("epochs"):
        del schedule["epochs"]  # waves had to be told the length of the training
    if "silent_delta_ratio" in table:  # there was no other rule
        table["rules"] = {"kind": "Rules", "silent_delta_ratio": table.pop("silent_delta_ratio")}
    return table


def _part(table: dict, name: str) -> dict:
    """A table in a table; an empty one if there is none, or something else."""
    part = table.get(name)
    return part if isinstance(part, dict) else {}


def _to_toml(value):
    if isinstance(value, tuple):
        return [_to_toml(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if not dataclasses.is_dataclass(value):
        return value
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {"kind": type(value).__name__} | {k: _to_toml(v) for k, v in fields.items() if v is not None}


def value_from_toml(value):
    """What a value that was read from TOML stands for: tuples for lists, objects for tables that name their kind."""
    if isinstance(value, list):
        return tuple(value_from_toml(item) for item in value)
    if not isinstance(value, dict):
        return value
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise UnknownNameError("recipe object", kind, KINDS)
    return _make(KINDS[kind], {k: v for k, v in value.items() if k != "kind"})


def _make(kind, table: dict):
    values = {k: value_from_toml(v) for k, v in table.items()}
    check_fields(kind, values)
    try:
        return kind(**values)
    except ConfigurationError as error:
        raise ConfigurationError(f"the recipe does not fit {kind.__name__}: {error}") from error


def _parsed(text: str) -> dict:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # tomllib has no class of its own for some numbers
        raise ConfigurationError(f"the recipe is no TOML: {error}") from error


def _first(count: int | None, available: int, what: str) -> int:
    if count is None:
        return available
    if not 1 <= count <= available:
        raise ConfigurationError(f"there are {available} {what} samples, found a request for {count}")
    return count

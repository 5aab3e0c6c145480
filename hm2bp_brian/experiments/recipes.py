"""The recipes of this package, by name."""

from __future__ import annotations

import dataclasses

from hm2bp_brian.encoding import Augmentation, BernoulliEncoder, SpikeJitter, Stretch
from hm2bp_brian.errors import UnknownNameError
from hm2bp_brian.experiments.neuron_settings import EquationSettings, LIFSettings
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.learning.regularizers import WeightLimit
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, Recurrent, SumPool2D
from hm2bp_brian.model.populations import RateBand
from hm2bp_brian.training.optimizers import Adam
from hm2bp_brian.training.schedules import Cosine, ExponentialDecay


def _dense_layers(*hidden: int, n_classes: int, thresholds: tuple[float, float], limit: float) -> tuple[Dense, ...]:
    """Hidden layers and an output layer with lateral inhibition; thresholds of hidden and output neurons."""
    initializer = Uniform(limit)
    return (
        *(Dense(size, threshold=thresholds[0], initializer=initializer) for size in hidden),
        Dense(n_classes, threshold=thresholds[1], lateral_inhibition=1.0, initializer=initializer),
    )


# Most digits and letters last 250 steps or less, too short for the paper's 35 spikes.
SPEECH_LOSS = SpikeCountLoss(desired=20, undesired=3, margin=3)

CNN = Recipe(
    name="mnist-cnn",
    layers=(
        Conv2D(15, 5, threshold=5.0, initializer=Uniform(1.0)),
        SumPool2D(2, threshold=2.0),
        Conv2D(40, 5, threshold=12.0, initializer=Uniform(1.0)),
        SumPool2D(2, threshold=4.0),
        Dense(300, threshold=10.0, initializer=Uniform(1.5)),
        Dense(10, threshold=10.0, lateral_inhibition=1.0, initializer=Uniform(1.0)),
    ),
    optimizer=Adam(0.008, clip=True, schedule=Cosine(final=0.01)),
    augmentation=Augmentation(shift=1, scale=0.12, rotation=12.0, elastic=3.4),
    averaging=0.9995,
    rules=Rules(silent_delta_ratio=0.1),
    epochs=16,
)


def _coarser(recipe: Recipe, dt_ms: float) -> Recipe:
    """The recipe with longer time steps, and so fewer of them; a pixel has as many input spikes in a presentation."""
    return dataclasses.replace(
        recipe,
        name=f"{recipe.name}-{round(recipe.duration_ms / dt_ms)}",
        dt_ms=dt_ms,
        neuron=LIFSettings(refractory_ms=4.0),  # whole steps of 2 and of 4 ms
        encoder=BernoulliEncoder(recipe.encoder.rate_divisor * recipe.dt_ms / dt_ms),
    )


# The paper counts N-MNIST's steps of 0.6 ms as 1 ms each. The time constants are kept in steps: 64, 8 and 3.
NMNIST = Recipe(
    name="nmnist-mlp",
    dataset="nmnist",
    layers=_dense_layers(800, n_classes=10, thresholds=(15.0, 15.0), limit=1.0),
    duration_ms=324.0,
    dt_ms=0.6,
    neuron=LIFSettings(tau_m_ms=38.4, tau_s_ms=4.8, refractory_ms=1.8),
    optimizer=Adam(0.005, schedule=Cosine(final=0.01)),
    augmentation=SpikeJitter(place_shift=1, drop=0.1),
    averaging=0.9995,
    epochs=10,
)

FSDD = Recipe(
    name="fsdd-mlp",
    dataset="fsdd",
    layers=_dense_layers(400, n_classes=10, thresholds=(8.0, 5.0), limit=1.0),
    duration_ms=500.0,
    loss=SPEECH_LOSS,
    optimizer=Adam(0.02, schedule=Cosine(final=0.01)),
    augmentation=SpikeJitter(time_shift=15, time_scale=0.2, place_shift=1, drop=0.2),
    averaging=0.998,
    epochs=120,
)

LETTERS = Recipe(
    name="letters-synthetic",
    dataset="letters_synthetic",
    layers=_dense_layers(800, n_classes=26, thresholds=(8.0, 5.0), limit=1.0),
    duration_ms=500.0,
    loss=SPEECH_LOSS,
    optimizer=Adam(0.01, schedule=Cosine(final=0.01)),
    augmentation=SpikeJitter(time_shift=10, time_scale=0.15, place_shift=1, drop=0.1),
    averaging=0.998,
    epochs=80,
)


def _recurrent_layers(size: int, n_classes: int) -> tuple[Dense, ...]:
    """A recurrent layer with learned delays, and an output layer."""
    late = Learned("0*ms", "120*ms")
    hidden = Dense(
        size,
        threshold=8.0,
        initializer=Uniform(1.0),
        delay=late,
        recurrent=Recurrent(Uniform(0.3), delay=late),
        rate=RateBand(high=10.0, strength=0.02),
    )
    return hidden, Dense(n_classes, threshold=5.0, lateral_inhibition=1.0, initializer=Uniform(1.0))


LETTERS_RECURRENT = dataclasses.replace(
    LETTERS,
    name="letters-recurrent-delays",
    layers=_recurrent_layers(384, n_classes=26),
    optimizer=Adam(0.02, clip=True, schedule=Cosine(final=0.01)),
    augmentation=SpikeJitter(time_shift=10, time_scale=0.2, place_shift=2, drop=0.3),
    epochs=45,
)

FSDD_RECURRENT = dataclasses.replace(
    LETTERS_RECURRENT,
    name="fsdd-recurrent-delays",
    dataset="fsdd",
    layers=_recurrent_layers(256, n_classes=10),
    augmentation=SpikeJitter(time_shift=15, time_scale=0.2, place_shift=2, drop=0.2),
    epochs=40,
)

ADAPTIVE = EquationSettings(
    equations="""
    du/dt = I/tau_s - u/tau_m : 1 (unless refractory)
    dtheta/dt = -theta/tau_theta : 1
    dI/dt = -I/tau_s : 1
    """,
    threshold="u - theta > v_th",
    reset="""
    u -= v_th + theta
    theta += beta
    """,
    refractory_ms=3.0,
    parameters=(("tau_m", "64*ms"), ("tau_s", "8*ms"), ("tau_theta", "200*ms"), ("beta", "0.5")),
)

MLP = Recipe(
    name="mnist-mlp",
    layers=_dense_layers(800, n_classes=10, thresholds=(10.0, 8.0), limit=0.5),
    optimizer=Adam(0.006, schedule=Cosine(final=0.01)),
    augmentation=Augmentation(shift=1, scale=0.08, rotation=8.0, elastic=5.0),
    averaging=0.9995,
    epochs=40,
)

RECIPES = [
    MLP,
    Recipe(
        name="mnist-mlp-paper",
        layers=_dense_layers(800, n_classes=10, thresholds=(20.0, 8.0), limit=0.5),
        optimizer=Adam(0.005, schedule=ExponentialDecay(0.85)),
        regularizer=WeightLimit(strength=0.02, beta=0.04),
    ),
    CNN,
    dataclasses.replace(CNN, name="mnist-cnn-paper", rules=Rules()),
    _coarser(CNN, 2.0),
    _coarser(CNN, 4.0),
    Recipe(
        name="fashion-mlp",
        dataset="fashion_mnist",
        layers=_dense_layers(400, 400, n_classes=10, thresholds=(10.0, 8.0), limit=1.0),
        optimizer=Adam(0.0025, schedule=Cosine(final=0.01)),
        averaging=0.9995,
        rules=Rules(silent_delta_ratio=0.1),
        epochs=25,
    ),
    dataclasses.replace(
        CNN, name="fashion-cnn", dataset="fashion_mnist", augmentation=Augmentation(shift=1, flip=True), epochs=20
    ),
    Recipe(
        name="emnist-mlp",
        dataset="emnist",
        layers=_dense_layers(800, n_classes=47, thresholds=(10.0, 8.0), limit=0.5),
        optimizer=Adam(0.005, schedule=Cosine(final=0.01)),
        averaging=0.9995,
        epochs=20,
    ),
    Recipe(
        name="emnist-mlp-deep",
        dataset="emnist",
        layers=_dense_layers(400, 400, n_classes=47, thresholds=(10.0, 8.0), limit=0.5),
        optimizer=Adam(0.005, schedule=Cosine(final=0.01)),
        averaging=0.9995,
        epochs=20,
    ),
    # An epoch has a quarter of MNIST's updates, and the average forgets in a quarter of them.
    dataclasses.replace(
        MLP,
        name="emnist-23-mlp",
        dataset="emnist_23",
        layers=_dense_layers(800, n_classes=23, thresholds=(10.0, 8.0), limit=0.5),
        averaging=0.998,
    ),
    NMNIST,
    dataclasses.replace(NMNIST, name="nmnist-simulated", dataset="simulated_nmnist"),
    dataclasses.replace(NMNIST, name="nmnist-mixed", dataset="mixed_nmnist"),
    dataclasses.replace(
        NMNIST,
        name="nmnist-1k",
        optimizer=Adam(0.005, schedule=Cosine(final=0.01)),
        augmentation=SpikeJitter(place_shift=2, drop=0.1),
        averaging=0.99,
        epochs=60,
        train_samples=1000,
        test_samples=100,
    ),
    # Speech: a step is called 1 ms, as in the paper, though it lasts 1.6 ms of sound; the constants count in steps.
    # What is longer than the presentation is cut off, after shorter ones there is silence.
    FSDD,
    LETTERS,
    # Most of what tells letters apart is the order of their sounds.
    dataclasses.replace(
        LETTERS,
        name="letters-synthetic-delays",
        optimizer=Adam(0.02, schedule=Cosine(final=0.01)),
        augmentation=SpikeJitter(time_shift=10, time_scale=0.2, place_shift=2, drop=0.3),
        delays=(0, 40, 80, 120, 160, 200),
        epochs=60,
    ),
    LETTERS_RECURRENT,
    FSDD_RECURRENT,
    # The same with a threshold that rises at each spike.
    dataclasses.replace(FSDD, name="fsdd-mlp-adaptive", neuron=ADAPTIVE),
    dataclasses.replace(FSDD_RECURRENT, name="fsdd-recurrent-delays-adaptive", neuron=ADAPTIVE),
    # For speakers who were never heard: they differ in tempo above all.
    dataclasses.replace(LETTERS_RECURRENT, name="letters-recurrent-delays-stretched", stretch=Stretch()),
    dataclasses.replace(
        FSDD_RECURRENT,
        name="fsdd-recurrent-delays-stretched",
        stretch=Stretch(),
        augmentation=SpikeJitter(time_shift=15, time_scale=0.1, place_shift=1, drop=0.5),
        epochs=30,
    ),
    dataclasses.replace(
        LETTERS_RECURRENT,
        name="speech-commands-recurrent-delays",
        dataset="speech_commands",
        layers=_recurrent_layers(400, n_classes=10),
        duration_ms=620.0,
        augmentation=SpikeJitter(time_shift=15, time_scale=0.2, place_shift=2, drop=0.2),
        epochs=60,
    ),
    Recipe(
        name="fashion-recurrent",
        dataset="fashion_mnist",
        layers=(
            Dense(400, threshold=10.0, initializer=Uniform(1.0)),
            Dense(400, threshold=10.0, initializer=Uniform(1.0), recurrent=Recurrent(Uniform(0.2))),
            Dense(10, threshold=8.0, lateral_inhibition=1.0, initializer=Uniform(1.0)),
        ),
        optimizer=Adam(0.0025, clip=True, schedule=Cosine(final=0.01)),
        averaging=0.9995,
        rules=Rules(silent_delta_ratio=0.1),
        epochs=25,
    ),
    dataclasses.replace(FSDD, name="speech-commands-mlp", dataset="speech_commands", duration_ms=620.0, epochs=60),
    *(
        Recipe(
            name=f"ti46-{'-'.join(map(str, hidden))}",
            dataset="ti46",
            layers=_dense_layers(*hidden, n_classes=26, thresholds=(20.0, 5.0), limit=1.0),
            duration_ms=1000.0,
            optimizer=Adam(0.005, schedule=Cosine(final=0.01)),
            averaging=0.998,
            epochs=40,
        )
        for hidden in ((800,), (400, 400), (800, 800))
    ),
    # The settings of Zhang & Li (2019), ST-RSBP, of the same group: thresholds, time constants, steps and first rate.
    Recipe(
        name="ti46-400-400-400-recurrent",
        dataset="ti46",
        layers=(
            Dense(400, threshold=10.0, initializer=Uniform(1.0)),
            Dense(400, threshold=8.0, initializer=Uniform(1.0), recurrent=Recurrent(Uniform(0.2))),
            Dense(400, threshold=8.0, initializer=Uniform(1.0)),
            Dense(26, threshold=8.0, lateral_inhibition=1.0, initializer=Uniform(1.0)),
        ),
        duration_ms=700.0,
        neuron=LIFSettings(tau_m_ms=128.0),
        optimizer=Adam(0.005, clip=True, schedule=Cosine(final=0.01)),
        averaging=0.998,
        epochs=40,
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

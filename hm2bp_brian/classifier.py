"""A spiking network as a scikit-learn classifier."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from brian2 import ms

from hm2bp_brian.checks import check_count, check_seed, is_integer
from hm2bp_brian.datasets.labelled import ImageDataset
from hm2bp_brian.encoding.inputs import Inputs
from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import ConfigurationError, MissingPackageError
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.training.evaluator import Evaluator
from hm2bp_brian.training.optimizers import Adam
from hm2bp_brian.training.sample_weights import check_weights, product
from hm2bp_brian.training.trainer import Trainer

try:
    from joblib import effective_n_jobs
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.class_weight import compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise MissingPackageError(
        "SpikingClassifier needs scikit-learn, which is not installed: pip install hm2bp_brian[sklearn]"
    ) from error

DT = 1 * ms
DEFAULT_DURATION = 100 * ms
RATE_DIVISOR = 2.0
GOLDEN_RATIO = (1 + 5**0.5) / 2


class SpikingClassifier(ClassifierMixin, BaseEstimator):
    """A network of spiking neurons, trained with HM2-BP, that takes part in scikit-learn's pipelines and searches.

    Each feature is scaled to x in 0..1 by the least and largest value seen in ``fit``, beyond which values are cut off,
    in steps of 1/255. It drives two input neurons that fire x/2 and (1 - x)/2 times a millisecond: at random in
    ``fit``, at even distances in prediction, where so the class of a sample depends on its features only. Layers are
    dense, of ``LIF(tau_m=16*ms, tau_s=4*ms, refractory=2*ms)``, if not given. The class is the output neuron with most
    spikes.

    Parameters
    ----------
    hidden_layers : tuple of int
        Neurons of each hidden layer.
    duration : Quantity, optional
        Length of a presentation, in whole milliseconds; 100 ms if not given.
    epochs : int
    batch_size : int
    learning_rate : float
        Of Adam.
    seed : int, optional
        The same as ``random_state``, by the name that it has elsewhere in this package.
    random_state : int, RandomState or None
        Of the weights, the order of samples and the spikes; with None each ``fit`` draws another seed.
    n_jobs : int, optional
        Threads, -1 for all cores, as in scikit-learn; by default as many as engines take.
    neuron : NeuronModel, optional
        Of all layers.
    layers : list of layers, optional
        In place of ``hidden_layers`` and the output layer, such as ``[hb.Dense(50, threshold=2), hb.Dense(3,
        threshold=1)]``; the last one has a neuron for each class.
    class_weight : dict or "balanced", optional
        Weight of each class in training, as in scikit-learn.

    Attributes
    ----------
    classes_ : array (n_classes,)
    n_features_in_ : int
    feature_min_, feature_range_ : arrays (n_features,)
        Least value seen, and largest minus least, or 1 for a feature that is constant.
    network_ : SpikingNetwork
        The trained network.
    history_ : list of dict
        Loss, accuracy and firing rates of each epoch.

    Raises
    ------
    MissingPackageError
        On import, if scikit-learn is not installed.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score            # doctest: +SKIP
    >>> cross_val_score(hb.SpikingClassifier(epochs=20), X, y)         # doctest: +SKIP
    """

    def __init__(
        self,
        hidden_layers=(100,),
        duration=None,
        epochs=10,
        batch_size=20,
        learning_rate=0.01,
        seed=None,
        *,
        random_state=0,
        n_jobs=None,
        neuron=None,
        layers=None,
        class_weight=None,
    ):
        self.hidden_layers = hidden_layers
        self.duration = duration
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.neuron = neuron
        self.layers = layers
        self.class_weight = class_weight

    def fit(self, X, y, sample_weight=None):
        """Train a new network; if that fails, or is interrupted, this object stays as it was.

        Parameters
        ----------
        X : float array (n, n_features)
        y : array (n,)
            Classes, of any type that can be sorted.
        sample_weight : array (n,), optional
            What multiplies the samples' errors.

        Returns
        -------
        SpikingClassifier
            This object.

        Raises
        ------
        ValueError
            By scikit-learn, if X or y are not such arrays, or not finite.
        ConfigurationError, UnitError
            If a parameter can't work.
        """
        fitted = copy(self)
        fitted._fit(X, y, sample_weight)
        self.__dict__ = fitted.__dict__
        return self

    def _fit(self, X, y, sample_weight) -> None:
        hidden_layers = self._checked_hidden_layers()
        seed = self._seed()
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self.feature_min_ = X.min(axis=0)
        self.feature_range_ = self._feature_range(X)
        pixels = self._pixels(X)
        network = self._make_network(pixels.shape[1:], hidden_layers, seed)
        trainer = Trainer(
            network,
            _loss(network.n_steps),
            Adam(learning_rate=self.learning_rate),
            encoder=BernoulliEncoder(RATE_DIVISOR),
            threads=self._threads(),
        )
        dataset = ImageDataset(pixels, labels, len(self.classes_), "SpikingClassifier")
        history = trainer.fit(
            dataset,
            epochs=self.epochs,
            batch_size=self.batch_size,
            progress=False,
            sample_weight=self._sample_weight(y, sample_weight),
        )
        self.network_ = network
        self.history_ = history.rows

    def predict(self, X) -> np.ndarray:
        """Classes of the samples X (n, n_features); of output neurons with equal counts the first."""
        counts = self._counts(X)  # first, as it raises NotFittedError
        return self.classes_[np.argmax(counts, axis=1)]

    def predict_proba(self, X) -> np.ndarray:
        """Share of each output neuron in their spikes, one added to each; float64 (n, n_classes), not calibrated."""
        counts = self._counts(X) + 1.0
        return counts / counts.sum(axis=1, keepdims=True)

    def _counts(self, X) -> np.ndarray:
        """Spikes of the output neurons, (n, n_classes)."""
        check_is_fitted(self)
        pixels = self._pixels(validate_data(self, X, dtype=np.float64, reset=False))
        network = self.network_
        inputs = Inputs(network.input_shape, network.n_steps, network.dt, RegularEncoder(RATE_DIVISOR))
        labels = np.zeros(len(pixels), dtype=int)  # not looked at
        dataset = ImageDataset(pixels, labels, len(self.classes_), "SpikingClassifier")
        engine = make_engine(network, threads=self._threads())
        return Evaluator(network, network.parameters, inputs, engine).counts(dataset)

    def _feature_range(self, X: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            feature_range = X.max(axis=0) - self.feature_min_
        if not np.isfinite(feature_range).all():
            raise ConfigurationError(
                f"feature {np.argmax(feature_range)} of X, counted from 0, has a range beyond the largest float"
            )
        return np.where(feature_range > 0, feature_range, 1.0)

    def _pixels(self, X: np.ndarray) -> np.ndarray:
        """The features and their complements as images, uint8 (n, n_features, 2, 1)."""
        with np.errstate(over="ignore"):  # far beyond what was seen, and cut off
            scaled = np.clip((X - self.feature_min_) / self.feature_range_, 0, 1)
        pixels = np.rint(255 * scaled).astype(np.uint8)
        return np.stack([pixels, 255 - pixels], axis=-1)[..., np.newaxis]

    def _seed(self) -> int:
        if self.seed is not None:
            return check_seed(self.seed)
        if is_integer(self.random_state):
            return check_seed(self.random_state, "random_state")
        if self.random_state is None:
            return int(np.random.default_rng().integers(2**31))
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _threads(self) -> int | None:
        if self.n_jobs is not None and not is_integer(self.n_jobs):
            raise ConfigurationError(f"n_jobs must be an integer, such as -1 for all cores; found {self.n_jobs!r}")
        return None if self.n_jobs is None else effective_n_jobs(self.n_jobs)

    def _sample_weight(self, y: np.ndarray, sample_weight) -> np.ndarray | None:
        """The samples' weights times those of their classes."""
        given = None if sample_weight is None else check_weights("sample_weight", sample_weight, len(y))
        return product(given, None if self.class_weight is None else compute_sample_weight(self.class_weight, y))

    def _checked_hidden_layers(self) -> tuple[int, ...]:
        if not isinstance(self.hidden_layers, tuple | list | np.ndarray):
            raise ConfigurationError(
                "hidden_layers must be a tuple with the number of neurons of each hidden layer, such as (100,) or "
                f"(100, 50); found {self.hidden_layers!r}"
            )
        return tuple(
            check_count(f"hidden_layers[{number}]: units", size) for number, size in enumerate(self.hidden_layers)
        )

    def _make_network(self, input_shape, hidden_layers: tuple[int, ...], seed: int) -> SpikingNetwork:
        sizes = [int(np.prod(input_shape)), *hidden_layers, len(self.classes_)]
        # so that the drive of a layer of any size is some thresholds
        layers = [
            Dense(size, threshold=1.0, initializer=Uniform(2 / np.sqrt(before)))
            for before, size in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        layers = layers if self.layers is None else list(self.layers)
        neuron = LIF(tau_m=16 * ms, tau_s=4 * ms, refractory=2 * ms) if self.neuron is None else self.neuron
        duration = DEFAULT_DURATION if self.duration is None else self.duration
        network = SpikingNetwork(input_shape, layers, neuron, dt=DT, duration=duration, seed=seed)
        if network.n_outputs != len(self.classes_):
            raise ConfigurationError(
                f"the last of layers must have one neuron for each of the {len(self.classes_)} classes, found "
                f"{network.n_outputs}"
            )
        return network


@dataclass(frozen=True)
class RegularEncoder:
    """Spikes at even distances, as many as BernoulliEncoder makes on average; neurons begin with different phases."""

    rate_divisor: float

    def encode(self, images: np.ndarray, n_steps: int, seed: int, epoch: int, indices) -> SpikeBatch:
        """Input spikes of a batch of images; nothing is drawn at random."""
        return SpikeBatch.from_dense(_regular_spikes(images / (255 * self.rate_divisor), n_steps))


def _regular_spikes(probabilities: np.ndarray, n_steps: int) -> np.ndarray:
    """Spikes (n, n_steps, *shape) at even distances of 1 / probability."""
    shape = probabilities.shape[1:]
    phases = (GOLDEN_RATIO * np.arange(np.prod(shape)) % 1).reshape(shape)
    steps = np.arange(n_steps + 1).reshape(-1, *[1] * len(shape))
    fired = np.floor(probabilities[:, np.newaxis] * steps + phases)
    return np.diff(fired, axis=1) > 0


def _loss(n_steps: int) -> SpikeCountLoss:
    """A spike in 5 ms is wanted of the right neuron, one in 50 ms of the others."""
    undesired = n_steps // 50
    return SpikeCountLoss(desired=max(n_steps // 5, undesired + 1), undesired=undesired, margin=1)

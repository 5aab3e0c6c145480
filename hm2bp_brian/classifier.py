"""A spiking network as a scikit-learn classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import ms

from hm2bp_brian.checks import check_count, check_seed
from hm2bp_brian.datasets.labelled import ImageDataset
from hm2bp_brian.encoding.inputs import Inputs
from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import ConfigurationError, MissingPackageError
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.training.calibration import bring_into_band
from hm2bp_brian.training.evaluator import Evaluator
from hm2bp_brian.training.optimizers import Adam
from hm2bp_brian.training.trainer import Trainer

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise MissingPackageError(
        "SpikingClassifier needs scikit-learn, which is not installed: pip install hm2bp_brian[sklearn]"
    ) from error

DT = 1 * ms
DEFAULT_DURATION = 100 * ms
RATE_DIVISOR = 2.0
CALIBRATION_SAMPLES, BAND_HZ = 50, (20.0, 60.0)  # of the rates with which training begins
GOLDEN_RATIO = (1 + 5**0.5) / 2


class SpikingClassifier(ClassifierMixin, BaseEstimator):
    """A network of spiking neurons, trained with HM2-BP, that takes part in scikit-learn's pipelines and searches.

    Each feature is scaled to x in 0..1 by the least and largest value seen in ``fit``, beyond which values are cut off,
    in steps of 1/255. It drives two input neurons that fire x/2 and (1 - x)/2 times a millisecond: at random in
    ``fit``, at even distances in prediction, where so the class of a sample depends on its features only. Layers are
    dense, of ``LIF(tau_m=16*ms, tau_s=4*ms, refractory=2*ms)``. The class is the output neuron with most spikes.

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
    seed : int
        Of the weights, the order of samples and the spikes.

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

    def __init__(self, hidden_layers=(100,), duration=None, epochs=10, batch_size=20, learning_rate=0.01, seed=0):
        self.hidden_layers = hidden_layers
        self.duration = duration
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed

    def fit(self, X, y):
        """Train a new network.

        Parameters
        ----------
        X : float array (n, n_features)
        y : array (n,)
            Classes, of any type that can be sorted.

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
        hidden_layers = self._checked_hidden_layers()
        check_seed(self.seed)
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self.feature_min_ = X.min(axis=0)
        feature_range = X.max(axis=0) - self.feature_min_
        self.feature_range_ = np.where(feature_range > 0, feature_range, 1.0)
        pixels = self._pixels(X)
        network = self._make_network(pixels.shape[1:], hidden_layers)
        encoder = BernoulliEncoder(RATE_DIVISOR)
        some = pixels[:: -(-len(pixels) // CALIBRATION_SAMPLES)]
        # without warnings: output neurons are few, and may start with weights that silence them
        bring_into_band(network, encoder.encode(some, network.n_steps, self.seed), *BAND_HZ, make_engine(network))
        trainer = Trainer(
            network,
            _loss(network.n_steps),
            Adam(learning_rate=self.learning_rate),
            encoder=encoder,
        )
        dataset = ImageDataset(pixels, labels, len(self.classes_), "SpikingClassifier")
        history = trainer.fit(dataset, epochs=self.epochs, batch_size=self.batch_size, progress=False)
        self.network_ = network
        self.history_ = history.rows
        return self

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
        return Evaluator(network, network.parameters, inputs, make_engine(network)).counts(dataset)

    def _pixels(self, X: np.ndarray) -> np.ndarray:
        """The features and their complements as images, uint8 (n, n_features, 2, 1)."""
        scaled = np.clip((X - self.feature_min_) / self.feature_range_, 0, 1)
        pixels = np.rint(255 * scaled).astype(np.uint8)
        return np.stack([pixels, 255 - pixels], axis=-1)[..., np.newaxis]

    def _checked_hidden_layers(self) -> tuple[int, ...]:
        if not isinstance(self.hidden_layers, tuple | list | np.ndarray):
            raise ConfigurationError(
                "hidden_layers must be a tuple with the number of neurons of each hidden layer, such as (100,) or "
                f"(100, 50); found {self.hidden_layers!r}"
            )
        return tuple(
            check_count(f"hidden_layers[{number}]: units", size) for number, size in enumerate(self.hidden_layers)
        )

    def _make_network(self, input_shape: tuple[int, ...], hidden_layers: tuple[int, ...]) -> SpikingNetwork:
        sizes = [*hidden_layers, len(self.classes_)]
        layers = [Dense(size, threshold=1.0) for size in sizes]
        neuron = LIF(tau_m=16 * ms, tau_s=4 * ms, refractory=2 * ms)
        duration = DEFAULT_DURATION if self.duration is None else self.duration
        return SpikingNetwork(input_shape, layers, neuron, dt=DT, duration=duration, seed=self.seed)


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

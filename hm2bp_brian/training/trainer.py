"""The training loop: encode, simulate, differentiate, update."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from hm2bp_brian.datasets.labelled import SpikeDataset
from hm2bp_brian.encoding.delays import check_delays, delay_lines, delayed_shape
from hm2bp_brian.encoding.poisson import BernoulliEncoder, sample_keys
from hm2bp_brian.engines.registry import make_simulator
from hm2bp_brian.errors import ConfigurationError, NumericalError, ShapeError, UnknownNameError
from hm2bp_brian.learning.gradients import (
    SILENT_DELTA_RATIO,
    Gradients,
    check_silent_delta_ratio,
    gradients,
)
from hm2bp_brian.learning.losses import SpikeCountLoss, check_labels
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.training.averaging import WeightAverage
from hm2bp_brian.training.boosting import boost_sample_weights
from hm2bp_brian.training.callbacks import Callback
from hm2bp_brian.training.checkpoint import load_checkpoint, restore, save_checkpoint, trainer_state
from hm2bp_brian.training.history import History
from hm2bp_brian.training.optimizers import make_optimizer
from hm2bp_brian.training.tally import Tally, predicted_classes

# Evaluation draws the same spikes every time, whatever the training seed. Training epochs count from 1.
EVALUATION_SEED = 0
EVALUATION_EPOCH = 0

BACKGROUND_PRIORITY = 5  # of the thread that makes the next batch; 0 is normal, 19 the lowest


class Trainer:
    """Trains a network with HM2-BP.

    Parameters
    ----------
    network : SpikingNetwork
        Its weights are cast to ``dtype`` and then updated in place.
    loss : SpikeCountLoss, optional
    optimizer : str or optimizer
        "adam", "sgd", or an object of `hm2bp_brian.training.optimizers`, whose settings are copied.
    engine : str
        "fused" or "brian2".
    regularizer : optional
        Such as ``WeightLimit``.
    encoder : BernoulliEncoder, optional
        Turns images into spike probabilities; a SpikeDataset needs none.
    augmentation : Augmentation or SpikeJitter, optional
        Changes the training images, or the spike trains of a SpikeDataset, at random.
    delays : sequence of int
        Delay lines, in steps: the network's input population is that of the data once for each of them (see
        `hm2bp_brian.encoding.delays`).
    averaging : float, optional
        Decay of an exponential average of the weights over the updates, such as 0.998, which is then what is evaluated.
    silent_delta_ratio : float
        e_{i|j} / o_j in the deltas where a train is empty; see `hm2bp_brian.learning.gradients.gradients`.
    boosting : bool
        Give more weight to the samples that an epoch got wrong.
    dtype : str
        "float32" or "float64", of weights and simulation.
    threads : int, optional
        Threads of the simulation; all cores if not given.
    seed : int, optional
        Seed of the order of samples, of the augmentation and of the input spikes; that of the network if not given.

    Attributes
    ----------
    epoch : int
        Number of finished epochs.
    history : History
    sample_weights : array (n_samples,) or None
        With boosting, the weights of the training samples; empty before the first epoch.

    Raises
    ------
    ConfigurationError, UnknownNameError, EngineError
        If a setting can't work.
    """

    def __init__(
        self,
        network,
        loss=None,
        optimizer="adam",
        engine: str = "fused",
        *,
        regularizer=None,
        encoder=None,
        augmentation=None,
        delays: Sequence[int] = (),
        averaging: float | None = None,
        silent_delta_ratio: float = SILENT_DELTA_RATIO,
        boosting: bool = False,
        dtype: str = "float32",
        threads: int | None = None,
        seed: int | None = None,
    ):
        if dtype not in ("float32", "float64"):
            raise UnknownNameError("dtype", dtype, ("float32", "float64"))
        self.network = network
        self.loss = SpikeCountLoss() if loss is None else loss
        self.regularizer = regularizer
        self.encoder = BernoulliEncoder() if encoder is None else encoder
        self.augmentation = augmentation
        self.delays = check_delays(delays)
        check_silent_delta_ratio(silent_delta_ratio)
        self.silent_delta_ratio = silent_delta_ratio
        self.dtype = dtype
        self.seed = check_seed(network.seed if seed is None else seed)
        self.simulator = make_simulator(network, engine=engine, dtype=dtype, threads=threads)
        # copies, as arrays that the user still holds must not change
        network.weights = [np.array(w, dtype=dtype, order="C") for w in network.weights]
        self.optimizer = make_optimizer(optimizer, self.simulator.updater)
        self.optimizer.start(network.weights)
        self.average = None if averaging is None else WeightAverage(averaging, network.weights, self.simulator.updater)
        self.sample_weights = np.ones(0) if boosting else None
        self.epoch = 0
        self.history = History()

    def fit(
        self,
        train,
        validation=None,
        epochs: int = 1,
        batch_size: int = 50,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
    ) -> History:
        """Train for so many more epochs.

        Whatever ends it early (Ctrl+C, an error), the trainer is then as after the last finished epoch.

        Parameters
        ----------
        train : ImageDataset or SpikeDataset
        validation : ImageDataset or SpikeDataset, optional
            Evaluated after each epoch: the column ``test_accuracy`` of the history.
        epochs, batch_size : int
        callbacks : sequence of Callback
        progress : bool
            Show progress bars.

        Returns
        -------
        History
            Of all epochs since the trainer was made or its checkpoint began.

        Raises
        ------
        ConfigurationError, ShapeError, LabelError
            If data or numbers don't fit, before any work is done.
        NumericalError
            If a gradient is not finite; the message says where.
        """
        self._check_data("train", train)
        if validation is not None:
            self._check_data("validation", validation)
        check_count("epochs", epochs)
        check_count("batch_size", batch_size)
        self._prepare_sample_weights(len(train))
        with tqdm(total=epochs, desc="training", unit="epoch", disable=not progress) as bar:
            for _ in range(epochs):
                last_finished = trainer_state(self)
                try:
                    row = self._train_epoch(train, batch_size, progress)
                    if validation is not None:
                        row["test_accuracy"] = self.evaluate(validation)
                except BaseException:
                    restore(self, last_finished)
                    for callback in callbacks:
                        callback.on_interrupt(self)
                    raise
                for callback in callbacks:
                    callback.on_epoch_end(self, row)
                bar.set_postfix(train=f"{row['train_accuracy']:.4f}", test=f"{row['test_accuracy']:.4f}")
                bar.update()
        return self.history

    def _train_epoch(self, train, batch_size: int, progress: bool) -> dict:
        network, epoch, started = self.network, self.epoch + 1, time.perf_counter()
        learning_rate = self.optimizer.schedule(self.optimizer.learning_rate, epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(len(train))
        tally = Tally(len(train), len(network.layers))
        with tqdm(total=len(train), desc=f"epoch {epoch}", unit="sample", leave=False, disable=not progress) as bar:
            for number, (indices, spikes) in enumerate(self._training_spikes(train, order, batch_size, epoch)):
                labels = train.labels[indices]
                record = self.simulator.run(network.weights, spikes)
                gradient = self._gradient(record, labels, indices)
                _check_finite(gradient, number, epoch)
                self._update(gradient, learning_rate)
                tally.add(indices, record, labels, gradient.loss)
                bar.set_postfix(tally.progress(), refresh=False)
                bar.update(len(indices))
        if self.sample_weights is not None:
            self.sample_weights = boost_sample_weights(
                self.sample_weights, tally.correct, train.labels, network.n_outputs
            )
        row = {"epoch": epoch} | tally.row(network, time.perf_counter() - started)
        self.history.rows.append(row)
        self.epoch = epoch
        return row

    def _gradient(self, record, labels, indices) -> Gradients:
        return gradients(
            self.network,
            record,
            labels,
            self.loss,
            regularizer=self.regularizer,
            sample_weights=None if self.sample_weights is None else self.sample_weights[indices],
            silent_delta_ratio=self.silent_delta_ratio,
            engine=self.simulator,
        )

    def _update(self, gradient: Gradients, learning_rate: float) -> None:
        self.optimizer.update(self.network.weights, gradient, learning_rate)
        if self.average is not None:
            self.average.update(self.network.weights)

    def _training_spikes(self, train, order, batch_size: int, epoch: int) -> Iterator[tuple[np.ndarray, SpikeBatch]]:
        """Indices and input spikes of each batch; with several threads the next batch is made beside the simulation."""

        def make(indices):
            return indices, self._spikes(train, indices, self.seed, epoch, self.augmentation)

        batches = _batches(order, batch_size)
        if self.simulator.threads == 1:
            yield from map(make, batches)
            return
        with ThreadPoolExecutor(1, initializer=_stand_back) as worker:
            ahead = worker.submit(make, next(batches))
            for indices in batches:
                ready, ahead = ahead, worker.submit(make, indices)
                yield ready.result()
            yield ahead.result()

    def _spikes(self, dataset, indices, seed: int, epoch: int, augmentation=None) -> SpikeBatch:
        """Input spikes of some samples."""
        return self._encoded(self._samples(dataset, indices, seed, epoch, augmentation), indices, seed, epoch)

    def _samples(self, dataset, indices, seed: int, epoch: int, augmentation=None):
        """Images or spike trains as the data set has them, changed by the augmentation."""
        of_spikes = isinstance(dataset, SpikeDataset)
        samples = dataset.batch(indices, self.network.n_steps) if of_spikes else dataset.images[indices]
        return samples if augmentation is None else augmentation(samples, seed, epoch, indices)

    def _encoded(self, samples, indices, seed: int, epoch: int) -> SpikeBatch:
        """Input spikes of images or spike trains, delayed."""
        if not isinstance(samples, SpikeBatch):
            thresholds, keys = self.encoder.thresholds(samples), sample_keys(seed, epoch, indices)
            samples = self.simulator.encode(thresholds, keys, self.network.n_steps, samples.shape[1:])
        return delay_lines(samples, self.delays)

    @property
    def evaluation_weights(self) -> Sequence[np.ndarray]:
        """The weights that are evaluated: the average if there is one, else those of the network."""
        if self.average is None or self.average.updates == 0:
            return self.network.weights
        return self.average.weights()

    def predict(self, dataset, batch_size: int = 100) -> np.ndarray:
        """Classes of the samples: the output neuron with most spikes, of several the first; int64 (n_samples,)."""
        check_count("batch_size", batch_size)
        self._check_shape("dataset", dataset)
        weights = self.evaluation_weights
        predictions = np.empty(len(dataset), dtype=np.int64)
        for indices in _batches(np.arange(len(dataset)), batch_size):
            spikes = self._spikes(dataset, indices, EVALUATION_SEED, EVALUATION_EPOCH)
            predictions[indices] = predicted_classes(self.simulator.run(weights, spikes))
        return predictions

    def evaluate(self, dataset, batch_size: int = 100) -> float:
        """Fraction of the samples that are classified correctly; the input spikes are the same every time."""
        self._check_data("dataset", dataset)
        return float(np.mean(self.predict(dataset, batch_size) == dataset.labels))

    def record(self, dataset, index):
        """The spikes of all layers, a SpikeRecord, while the network sees samples of a data set in evaluation.

        Parameters
        ----------
        dataset : ImageDataset or SpikeDataset
        index : int or int array
            Which samples.
        """
        indices = np.atleast_1d(index)
        spikes = self._spikes(dataset, indices, EVALUATION_SEED, EVALUATION_EPOCH)
        return self.simulator.run(self.evaluation_weights, spikes)

    def encode(self, dataset) -> SpikeBatch:
        """The input spikes of all samples of a data set in evaluation."""
        return self._spikes(dataset, np.arange(len(dataset)), EVALUATION_SEED, EVALUATION_EPOCH)

    def save(self, path) -> None:
        """Write a checkpoint (see `hm2bp_brian.training.checkpoint.save_checkpoint`)."""
        save_checkpoint(path, self)

    def load(self, path) -> None:
        """Go on from a checkpoint (see `hm2bp_brian.training.checkpoint.load_checkpoint`)."""
        load_checkpoint(path, self)

    def _prepare_sample_weights(self, n_samples: int) -> None:
        if self.sample_weights is None:
            return
        if self.sample_weights.size == 0:
            self.sample_weights = np.ones(n_samples)
        if len(self.sample_weights) != n_samples:
            raise ConfigurationError(
                f"boosting goes on with the same training samples: there are weights of {len(self.sample_weights)}, "
                f"found {n_samples} samples. Make a new Trainer for other data"
            )

    def _check_data(self, name: str, dataset) -> None:
        self._check_shape(name, dataset)
        check_labels(dataset.labels, len(dataset), self.network.n_outputs)

    def _check_shape(self, name: str, dataset) -> None:
        if len(dataset) == 0:
            raise ConfigurationError(f"{name} is empty; at least one sample is needed")
        shape = delayed_shape(dataset.shape, self.delays)
        if shape != self.network.input_shape:
            delayed = f" behind delays={self.delays}" if self.delays else ""
            raise ShapeError(
                f"{name} has samples of shape {shape}{delayed}, but the network's input_shape is "
                f"{self.network.input_shape}"
            )


def _stand_back() -> None:
    """Let this thread take what the others leave idle, where threads have priorities of their own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BACKGROUND_PRIORITY)


def _batches(indices: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(indices), batch_size):
        yield indices[start : start + batch_size]


def _check_finite(gradient: Gradients, batch: int, epoch: int) -> None:
    for layer, array in enumerate(gradient):
        if not np.isfinite(array).all():
            raise NumericalError(
                f"the gradient of layer {layer} is not finite in batch {batch} of epoch {epoch} (layers and batches "
                "count from 0). No weight has been changed by it; the weights go back to the last finished epoch. "
                "Try a lower learning rate, clip=True in Adam, or a weaker regularizer"
            )


def check_count(name: str, value) -> None:
    """Raise ConfigurationError unless the value is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigurationError(f"{name} must be a positive integer, found {value!r}")


def check_seed(seed) -> int:
    """The seed as an int; ConfigurationError unless it is one from 0 on that a checkpoint can hold (int64)."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ConfigurationError(f"seed must be an integer in 0..2**63-1, found {seed!r}")
    return int(seed)

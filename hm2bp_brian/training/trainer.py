"""The training loop: encode, simulate, differentiate, update."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cached_property, partial

import numpy as np
from tqdm.auto import tqdm

from hm2bp_brian.checks import check_count, check_offers, check_seed
from hm2bp_brian.datasets.arrays import as_dataset
from hm2bp_brian.encoding.inputs import Inputs
from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.learning.gradient_sum import Gradients, GradientSum
from hm2bp_brian.learning.losses import SpikeCountLoss, check_targets
from hm2bp_brian.learning.regularizers import check_limit
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.rendering import notebook_view
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.training.averaging import WeightAverage
from hm2bp_brian.training.boosting import boost_sample_weights, first_sample_weights
from hm2bp_brian.training.callbacks import Callback, check_callbacks, end_epoch
from hm2bp_brian.training.checkpoint import load_checkpoint, save_checkpoint
from hm2bp_brian.training.data_parallel import DataParallel
from hm2bp_brian.training.evaluator import Evaluator, batches
from hm2bp_brian.training.firing_checks import (
    FIRST_BATCHES,
    check_finite,
    check_learns,
    warn_if_out_of_reach,
    warn_of_rates,
)
from hm2bp_brian.training.history import History
from hm2bp_brian.training.optimizers import make_optimizer, rate_of_epoch, step_scales
from hm2bp_brian.training.read_ahead import map_ahead
from hm2bp_brian.training.sample_weights import make_sample_weights, product
from hm2bp_brian.training.shards import Shard, check_shards, cut, tree_sum
from hm2bp_brian.training.state import TrainingState
from hm2bp_brian.training.tally import Tally


class Trainer:
    """Trains a network with HM2-BP.

    Parameters
    ----------
    network : SpikingNetwork
        Its weights are cast to ``dtype`` and then updated in place.
    loss : Loss, optional
        Such as SpikeCountLoss, which it is if not given, or CrossEntropyLoss.
    optimizer : str or optimizer
        "adam", "sgd", or an object of `hm2bp_brian.training.optimizers`.
    engine : str or engine
        "fused", "brian2", or an object that follows `hm2bp_brian.engines.protocol.Engine`.
    regularizer : optional
        Such as ``WeightLimit``.
    encoder : optional
        Turns images into spikes, such as BernoulliEncoder; a SpikeDataset needs none.
    augmentation : Augmentation or SpikeJitter, optional
        Changes the training images, or the spike trains of a SpikeDataset, at random.
    delays : sequence of int
        Delay lines, in steps: the network's input population is that of the data once for each of them (see
        `hm2bp_brian.encoding.delays`).
    averaging : float, optional
        Decay of an exponential average of the weights over the updates, such as 0.998, which is then what is evaluated.
    rules : Rules, optional
        What stands in where spike trains are empty.
    boosting : bool
        Give more weight to the samples that an epoch got wrong.
    dtype : str
        "float32" or "float64", of weights and simulation.
    threads : int, optional
        Threads of the simulation; all cores if not given.
    device : "cpu" or "cuda", optional
        Of engine "fused": the processor, if not given, or a GPU (extra ``gpu``), where weights stay during an epoch.
    seed : int, optional
        Seed of the order of samples, of the augmentation and of the input spikes; that of the network if not given.
    shards : int, optional
        Parts into which each batch is cut, a power of two, whose gradients are added in order: the bits of the results
        depend on it. One if not given, four on a cluster.
    cluster : distributed.Client, optional
        Its workers compute the shards, with the same bits as without; each gets the data and makes an engine of its
        own, so ``engine`` must be a name. Evaluation stays here.

    Attributes
    ----------
    state : TrainingState
        All that training changes.
    engine : Engine
    inputs : Inputs

    Raises
    ------
    ConfigurationError, UnknownNameError, EngineError
        If a setting can't work.

    Examples
    --------
    >>> from brian2 import ms
    >>> labels = np.arange(12) % 2
    >>> images = np.where(labels[:, None] == np.arange(2), 250, 50).astype(np.uint8).reshape(12, 2, 1, 1)
    >>> dataset = hb.datasets.ImageDataset(images, labels, 2, "two pixels")
    >>> layers = [hb.Dense(5, threshold=1), hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((2, 1, 1), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> trainer = hb.Trainer(network, hb.SpikeCountLoss(8, 1, 1), engine="brian2")
    >>> history = trainer.fit(dataset, epochs=1, batch_size=6, progress=False)
    >>> history[0]["epoch"], trainer.predict(dataset).shape
    (1, (12,))
    """

    def __init__(
        self,
        network,
        loss=None,
        optimizer="adam",
        engine="fused",
        *,
        regularizer=None,
        encoder=None,
        augmentation=None,
        delays: Sequence[int] = (),
        averaging: float | None = None,
        rules: Rules | None = None,
        boosting: bool = False,
        dtype: str = "float32",
        threads: int | None = None,
        device: str | None = None,
        seed: int | None = None,
        shards: int | None = None,
        cluster=None,
    ):
        if dtype not in ("float32", "float64"):
            raise UnknownNameError("dtype", dtype, ("float32", "float64"))
        self.network = network
        self.loss = SpikeCountLoss() if loss is None else check_offers("loss", loss, "errors", "SpikeCountLoss()")
        self.regularizer = regularizer
        check_limit(regularizer, network)
        self.rules = Rules() if rules is None else rules
        if not isinstance(self.rules, Rules):
            raise ConfigurationError(f"rules must be Rules, such as Rules(silent_spsp=0.1); found {rules!r}")
        if encoder is not None:
            check_offers("encoder", encoder, "encode", "BernoulliEncoder()")
        self.dtype = dtype
        self.seed = check_seed(network.seed if seed is None else seed)
        self.optimizer = make_optimizer(optimizer)
        self.average = None if averaging is None else WeightAverage(averaging)
        self.engine = make_engine(network, engine, dtype, threads, device)
        self.shards = check_shards(shards, cluster is not None)
        self._cluster = None
        if cluster is not None:
            if device == "cuda":
                raise ConfigurationError("a cluster's workers train on their processors; leave out device='cuda'")
            if not isinstance(engine, str):
                raise ConfigurationError(f"with a cluster, engine must be a name, such as 'fused'; found {engine!r}")
            settings = {"engine": engine, "encoder": encoder, "augmentation": augmentation, "delays": delays}
            settings |= {"rules": self.rules, "dtype": dtype, "seed": self.seed}
            self._cluster = DataParallel(cluster, partial(Trainer, network, self.loss, **settings), self.shards)
        encoder = self.engine.encoder(BernoulliEncoder() if encoder is None else encoder)
        if hasattr(self.engine, "augmentation"):
            augmentation = self.engine.augmentation(augmentation, encoder)
        self.inputs = Inputs(network.input_shape, network.n_steps, network.dt, encoder, augmentation, delays)
        self._given_weights, self._components = None, network.components
        # copies, as arrays that the user still holds must not change
        network.parameters = [np.array(w, dtype=dtype, order="C") for w in network.parameters]
        self.state = TrainingState(
            network.parameters,
            self.optimizer.init(network.parameters),
            None if self.average is None else self.average.init(network.parameters),
            np.ones(0) if boosting else None,
        )

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return self.state.epoch

    @property
    def history(self) -> History:
        """One row a finished epoch."""
        return self.state.history

    def fit(
        self,
        train,
        validation=None,
        epochs: int = 1,
        batch_size: int = 50,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
        *,
        sample_weight=None,
        class_weight=None,
    ) -> History:
        """Train for so many more epochs.

        Whatever ends it early (Ctrl+C, an error), the trainer is then as after the last finished epoch.

        Parameters
        ----------
        train : ImageDataset, SpikeDataset, or a pair (X, y)
            See `hm2bp_brian.datasets.arrays.as_dataset`; y may be wanted spike counts instead of classes.
        validation : the same, optional
            Evaluated after each epoch, with the averaged weights if they are averaged: the columns
            ``validation_accuracy`` and ``validation_loss`` of the history.
        epochs, batch_size : int
        callbacks : sequence of Callback
            One may end training early, see `hm2bp_brian.training.callbacks.Callback`.
        progress : bool
            Show progress bars.
        sample_weight, class_weight : optional
            What multiplies the samples' errors, see `hm2bp_brian.training.sample_weights.make_sample_weights`.

        Returns
        -------
        History
            Of all epochs since the trainer was made or its checkpoint began.

        Raises
        ------
        ConfigurationError, ShapeError, LabelError
            If data or numbers don't fit, or nothing in the network learns, before any work is done.
        NumericalError
            If a gradient, or a weight at the end of an epoch, is not finite; the message says where.
        """
        train = self._checked("train", train)
        if validation is not None:
            validation = self._checked("validation", validation)
        check_count("epochs", epochs)
        check_count("batch_size", batch_size)
        check_callbacks(callbacks, self._cluster is not None)
        self._check_network()
        check_learns(self.network)
        n_outputs = self.network.n_outputs
        self.loss.errors(np.zeros((1, n_outputs), dtype=int), train.labels[:1])  # whether it takes such labels
        if train.labels.ndim == 1:
            warn_if_out_of_reach(self.network, self.loss)
        self._given_weights = make_sample_weights(train.labels, n_outputs, sample_weight, class_weight)
        self.state.sample_weights = first_sample_weights(self.state.sample_weights, train.labels, n_outputs)
        self._take_weights_of_network()
        for callback in callbacks:
            callback.on_begin(self)
        last_epoch = self.epoch + epochs
        with tqdm(total=epochs, desc="training", unit="epoch", disable=not progress) as bar:
            stop = False
            while self.epoch < last_epoch and not stop:
                last_finished = self.state.arrays()
                try:
                    with self.state.held_by(self.engine):
                        row = self._train_epoch(train, batch_size, last_epoch, callbacks, progress)
                    self.state.check_finite()
                    if validation is not None:
                        measured = self.evaluator.measure(validation, self.loss)
                        row |= {f"validation_{name}": value for name, value in measured.items()}
                    stop = end_epoch(callbacks, self, row)
                except BaseException:
                    self.state.restore(last_finished)
                    for callback in callbacks:
                        callback.on_interrupt(self)
                    raise
                bar.set_postfix({name: f"{value:.4f}" for name, value in row.items() if name.endswith("accuracy")})
                bar.update()
        return self.history

    def _train_epoch(self, train, batch_size: int, last_epoch: int, callbacks, progress: bool) -> dict:
        state, network, epoch, started = self.state, self.network, self.epoch + 1, time.perf_counter()
        learning_rate = rate_of_epoch(self.optimizer, epoch, last_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(len(train))
        tally = Tally(len(train), len(network.neural))
        first = min(FIRST_BATCHES, -(-len(train) // batch_size))
        with tqdm(total=len(train), desc=f"epoch {epoch}", unit="sample", leave=False, disable=not progress) as bar:
            for number, (indices, batch) in enumerate(self._batches(train, order, batch_size, epoch, callbacks)):
                gradient = batch.gradient.mean(network.learned_weights(state.parameters), self.regularizer)
                check_finite(network, gradient, number, epoch)
                self.update(gradient, learning_rate)
                tally.add(indices, batch, train.labels[indices], gradient.loss)
                if (epoch, number + 1) == (1, first):
                    warn_of_rates(network, tally.rates(network), f"after {first} batches", silent_readouts=False)
                bar.set_postfix(tally.progress(), refresh=False)
                bar.update(len(indices))
        if state.sample_weights is not None:
            weights = state.sample_weights
            state.sample_weights = boost_sample_weights(weights, tally.correct, train.labels, network.n_outputs)
        row = {"epoch": epoch} | tally.row(network, time.perf_counter() - started)
        state.history.rows.append(row)
        state.epoch = epoch
        return row

    def gradient(self, tape, labels, indices) -> Gradients:
        """Mean gradient of a batch whose forward pass left a tape, with the regulariser's.

        Parameters
        ----------
        tape : Tape
        labels : int array (n_samples,)
        indices : int array (n_samples,)
            Of the samples in the training data, which may have weights.
        """
        return self._gradient_sum(tape, labels, indices).mean(
            self.network.learned_weights(self.state.parameters), self.regularizer
        )

    def _gradient_sum(self, tape, labels, indices) -> GradientSum:
        errors = self.loss.errors(tape.counts, labels)
        both = self._given_weights, self.state.sample_weights
        weights = product(*(None if array is None else array[indices] for array in both))
        if weights is not None:
            errors = errors.weighted(weights)
        return self.engine.backward(tape, errors, self.rules)

    def input_spikes(self, train, indices, epoch: int) -> SpikeBatch:
        """What some samples are for the network in an epoch."""
        return self.inputs.spikes(train, indices, self.seed, epoch)

    def shard(self, train, indices, spikes: SpikeBatch, callbacks=()) -> Shard:
        """What training takes of some samples and their input spikes, for the weights as they are."""
        tape = self.engine.forward(self.state.parameters, spikes)
        for callback in callbacks:
            callback.on_batch(self, indices, tape)
        return Shard(tape.counts, tape.n_spikes, self._gradient_sum(tape, train.labels[indices], indices))

    def _batches(self, train, order, batch_size: int, epoch: int, callbacks) -> Iterator[tuple[np.ndarray, Shard]]:
        """Indices of each batch, and the sum of its shards for the weights as they are when it is asked for."""
        if self._cluster is not None:
            weights = product(self._given_weights, self.state.sample_weights)
            yield from self._cluster.batches(self.state.parameters, weights, train, order, batch_size, epoch)
            return
        cuts = [cut(indices, self.shards) for indices in batches(order, batch_size)]
        spikes = self._training_spikes(train, (part for parts in cuts for part in parts if len(part)), epoch)
        for parts in cuts:
            shards = [self.shard(train, *next(spikes), callbacks) if len(part) else None for part in parts]
            yield np.concatenate(parts), tree_sum(shards)

    @cached_property
    def _step_scales(self) -> list[float]:
        return step_scales(self.optimizer, self.network)

    def update(self, gradient: Gradients, learning_rate: float) -> None:
        """Change the weights by one step of the optimizer, and their average."""
        state, updater = self.state, self.engine.updater
        self.optimizer.update(state.optimizer, state.parameters, gradient, learning_rate, updater, self._step_scales)
        self.network.constrain(state.parameters)
        if self.average is not None:
            self.average.update(state.average, state.parameters, updater)

    def _training_spikes(self, train, parts, epoch: int) -> Iterator[tuple[np.ndarray, SpikeBatch]]:
        """Indices and input spikes of each part; with several threads the next one is made beside the simulation."""

        def make(indices):
            return indices, self.input_spikes(train, indices, epoch)

        return map(make, parts) if self.engine.threads == 1 else map_ahead(make, parts)

    @property
    def evaluation_weights(self) -> Sequence[np.ndarray]:
        """The weights that are evaluated: the average if there is one, else those of the network."""
        if self.average is None or self.state.average["updates"] == 0:
            return self.network.parameters
        return self.average.weights(self.state.average)

    @property
    def evaluator(self) -> Evaluator:
        """The network with the weights that are evaluated, to be looked at."""
        self._check_network()
        return Evaluator(self.network, self.evaluation_weights, self.inputs.plain(), self.engine)

    def predict(self, dataset, batch_size: int = 100) -> np.ndarray:
        """Classes of the samples: see `Evaluator.predict`."""
        return self.evaluator.predict(dataset, batch_size)

    def evaluate(self, dataset, batch_size: int = 100, until=None):
        """Fraction of the samples that are classified correctly: see `Evaluator.accuracy`."""
        return self.evaluator.accuracy(dataset, batch_size, until)

    def record(self, dataset, index):
        """The spikes of all layers while the network sees some samples: see `Evaluator.record`."""
        return self.evaluator.record(dataset, index)

    def encode(self, dataset) -> SpikeBatch:
        """The input spikes of all samples of a data set in evaluation."""
        return self.evaluator.encode(dataset)

    def save(self, path) -> None:
        """Write a checkpoint (see `hm2bp_brian.training.checkpoint.save_checkpoint`)."""
        save_checkpoint(path, self)

    def load(self, path) -> None:
        """Go on from a checkpoint (see `hm2bp_brian.training.checkpoint.load_checkpoint`)."""
        load_checkpoint(path, self)

    def _repr_html_(self) -> str:
        rows = [(name, repr(getattr(self, name))) for name in ("loss", "optimizer", "epoch")]
        rows += [("engine", self.engine.name), ("layers", ", ".join(map(str, self.network.shapes)))]
        return notebook_view("Trainer", rows, self.history.picture())

    def _check_network(self) -> None:
        if self.network.components is not self._components:
            raise ConfigurationError(
                "the network was changed after this Trainer was made, which has it as it was; make a new Trainer"
            )

    def _take_weights_of_network(self) -> None:
        """Go on from weights that the user has assigned to the network."""
        for own, assigned in zip(self.state.parameters, self.network.parameters, strict=True):
            if assigned is not own:
                own[...] = assigned
        self.network.parameters = self.state.parameters

    def _checked(self, name: str, data):
        dataset = as_dataset(name, data, self.network.n_outputs, self.network.n_steps)
        self.inputs.check(name, dataset)
        check_targets(dataset.labels, len(dataset), self.network.n_outputs)
        return dataset

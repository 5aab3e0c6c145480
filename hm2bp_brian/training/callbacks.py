"""What happens during training beside it: after each epoch, and at each batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hm2bp_brian.checks import as_tuple, check_count
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.training.checkpoint import save_checkpoint
from hm2bp_brian.training.firing_checks import warn_of_rates


class Callback:
    """Base class: a callback overrides what it needs.

    Examples
    --------
    >>> class Show(hb.callbacks.Callback):
    ...     def on_batch(self, trainer, indices, tape):
    ...         print(tape.record.output.counts)
    """

    def on_begin(self, trainer) -> None:
        """Called when ``fit`` begins: what a callback remembers of another one, or of another trainer, ends here."""

    def on_batch(self, trainer, indices: np.ndarray, tape) -> None:
        """Called for each batch, or each of its shards, when it has been presented and no weight has changed yet.

        ``indices`` (n,) are those of its samples in the training data, ``tape`` is what the engine's forward pass left:
        ``tape.counts`` of the output neurons (n, n_outputs), and ``tape.record``, all spikes, as a SpikeRecord.
        """

    def on_epoch_end(self, trainer, row: dict) -> bool | None:
        """Called after each epoch with its row of the history, to which columns may be added; True ends training.

        An epoch is finished when all callbacks have returned.
        """

    def on_interrupt(self, trainer) -> None:
        """Called when an exception (Ctrl+C is one) ended ``fit``; the trainer is as after the last finished epoch."""


class CheckpointCallback(Callback):
    """Writes a checkpoint after each epoch, and when training is interrupted.

    Parameters
    ----------
    path : path
        The file, overwritten each time.

    Examples
    --------
    >>> from brian2 import ms
    >>> network = hb.SpikingNetwork((2,), [hb.Dense(2, threshold=1)], hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> trainer, Xy = hb.Trainer(network, hb.SpikeCountLoss(8, 1, 1), engine="brian2"), (np.eye(2), [0, 1])
    >>> _ = trainer.fit(Xy, progress=False, callbacks=[hb.callbacks.CheckpointCallback("training.npz")])
    >>> trainer.load("training.npz")
    >>> trainer.epoch
    1
    """

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, trainer, row):
        save_checkpoint(self.path, trainer)

    def on_interrupt(self, trainer):
        save_checkpoint(self.path, trainer)


class HistoryCallback(Callback):
    """Writes the history as CSV after each epoch.

    Parameters
    ----------
    path : path

    Examples
    --------
    >>> from brian2 import ms
    >>> network = hb.SpikingNetwork((2,), [hb.Dense(2, threshold=1)], hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> trainer, Xy = hb.Trainer(network, hb.SpikeCountLoss(8, 1, 1), engine="brian2"), (np.eye(2), [0, 1])
    >>> _ = trainer.fit(Xy, epochs=2, progress=False, callbacks=[hb.callbacks.HistoryCallback("history.csv")])
    >>> from pathlib import Path
    >>> len(Path("history.csv").read_text().splitlines())  # a heading, and a line an epoch
    3
    """

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, trainer, row):
        trainer.history.to_csv(self.path)


class EvaluationCallback(Callback):
    """Adds the accuracy on one more data set to the history.

    Give it before the callbacks that write files.

    Parameters
    ----------
    dataset : ImageDataset
    column : str
        Name of the new column, such as "holdout_accuracy".

    Examples
    --------
    >>> from brian2 import ms
    >>> network = hb.SpikingNetwork((2,), [hb.Dense(2, threshold=1)], hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> trainer, Xy = hb.Trainer(network, hb.SpikeCountLoss(8, 1, 1), engine="brian2"), (np.eye(2), [0, 1])
    >>> evaluation = hb.callbacks.EvaluationCallback(Xy, "holdout_accuracy")
    >>> history = trainer.fit(Xy, progress=False, callbacks=[evaluation])
    >>> "holdout_accuracy" in history[0]
    True
    """

    def __init__(self, dataset, column: str):
        self.dataset = dataset
        self.column = column

    def on_epoch_end(self, trainer, row):
        row[self.column] = trainer.evaluate(self.dataset)


class EarlyStopping(Callback):
    """Ends training when a column of the history has not improved for some epochs.

    The weights, and their average, are then those of the best epoch; the history keeps all rows. Give it behind the
    callbacks that add columns, and before those that write files. It remembers the best epoch of one ``fit``, in no
    file: training that goes on, after Ctrl+C or from a checkpoint, may end later than if nothing had stopped it.

    Parameters
    ----------
    column : str
        A loss, which is to fall, if its name ends so; anything else is to rise.
    patience : int
        Epochs without improvement after which training ends.

    Raises
    ------
    ConfigurationError
        If ``patience`` is no positive integer; while training, if the column holds no number.
    UnknownNameError
        While training, if there is no such column.

    Examples
    --------
    >>> stop = hb.EarlyStopping("validation_loss", patience=3)
    >>> stop.column
    'validation_loss'
    """

    def __init__(self, column: str = "validation_accuracy", patience: int = 5):
        self.column, self.patience = column, check_count("patience", patience)

    def on_begin(self, trainer):
        self._best = self._epoch = self._arrays = None

    def on_epoch_end(self, trainer, row):
        if self.column not in row:
            raise UnknownNameError("column of the history", self.column, row)
        value = -row[self.column] if self.column.endswith("loss") else row[self.column]
        if np.isnan(value):
            raise ConfigurationError(f"EarlyStopping needs numbers in the column '{self.column}', found NaN")
        state = trainer.state
        arrays = [*state.parameters, *(state.average or {}).values()]
        if self._best is None or value > self._best:
            self._best, self._epoch, self._arrays = value, trainer.epoch, [array.copy() for array in arrays]
            return False
        if trainer.epoch - self._epoch < self.patience:
            return False
        for array, best in zip(arrays, self._arrays, strict=True):
            array[...] = best
        return True


class RateWarning(Callback):
    """Warns (RuntimeWarning) when the neurons of a layer are silent or fire in most steps, on average.

    Examples
    --------
    >>> from brian2 import ms
    >>> network = hb.SpikingNetwork((2,), [hb.Dense(2, threshold=1)], hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> trainer, Xy = hb.Trainer(network, hb.SpikeCountLoss(8, 1, 1), engine="brian2"), (np.eye(2), [0, 1])
    >>> history = trainer.fit(Xy, progress=False, callbacks=[hb.callbacks.RateWarning()])
    >>> "rate_0" in history[0]  # the column that it looks at
    True
    """

    def on_epoch_end(self, trainer, row):
        counts = [row[f"rate_{number}"] for number in range(len(trainer.network.neurons))]
        warn_of_rates(trainer.network, counts, f"epoch {row['epoch']}")


def check_callbacks(callbacks: Sequence, on_a_cluster: bool) -> None:
    """Raise ConfigurationError unless these are callbacks, and on a cluster none that looks at batches."""
    for callback in as_tuple(callbacks):
        if not isinstance(callback, Callback) or callback is callbacks:
            raise ConfigurationError(
                f"callbacks must be a sequence of Callback objects, such as [EarlyStopping()], found {callback!r}"
            )
        if on_a_cluster and type(callback).on_batch is not Callback.on_batch:
            raise ConfigurationError(
                f"{type(callback).__name__} looks at each batch, whose spikes stay with the workers of the cluster; "
                "train without one"
            )


def end_epoch(callbacks: Sequence[Callback], trainer, row: dict) -> bool:
    """Call all callbacks after an epoch; whether one of them ends training.

    Raises
    ------
    ConfigurationError
        If one returns what is no truth value, or adds to the history what is no number.
    """
    answers = []
    for callback in callbacks:
        answers.append(callback.on_epoch_end(trainer, row))
        name = f"{type(callback).__name__}.on_epoch_end"
        if not isinstance(answers[-1], bool | np.bool_ | None):
            raise ConfigurationError(f"{name} must return True, which ends training, or None; found {answers[-1]!r}")
        for column, value in row.items():
            if np.ndim(value) or np.asarray(value).dtype.kind not in "biuf":
                raise ConfigurationError(f"{name}: '{column}' of the history must be one number, found {value!r}")
    return any(answers)

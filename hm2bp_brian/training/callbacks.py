"""What happens at the end of each epoch."""

from __future__ import annotations

from hm2bp_brian.training.checkpoint import save_checkpoint
from hm2bp_brian.training.firing_checks import warn_of_rates


class Callback:
    """Base class: a callback overrides what it needs."""

    def on_epoch_end(self, trainer, row: dict) -> None:
        """Called after each epoch with its row of the history, to which columns may be added."""

    def on_interrupt(self, trainer) -> None:
        """Called when an exception (Ctrl+C is one) ended ``fit``; the trainer is as after the last finished epoch."""


class CheckpointCallback(Callback):
    """Writes a checkpoint after each epoch, and when training is interrupted.

    Parameters
    ----------
    path : path
        The file, overwritten each time.
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
    """

    def __init__(self, dataset, column: str):
        self.dataset = dataset
        self.column = column

    def on_epoch_end(self, trainer, row):
        row[self.column] = trainer.evaluate(self.dataset)


class RateWarning(Callback):
    """Warns (RuntimeWarning) when the neurons of a layer are silent or fire in most steps, on average."""

    def on_epoch_end(self, trainer, row):
        counts = [row[f"rate_{number}"] for number in range(len(trainer.network.neurons))]
        warn_of_rates(trainer.network, counts, f"epoch {row['epoch']}")

"""One run: a recipe's network is trained into a folder, from the beginning or from where it stopped."""

from __future__ import annotations

from collections.abc import Sequence

from hm2bp_brian.errors import CheckpointError, DatasetError
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.experiments.weights_file import read_weights, save_weights
from hm2bp_brian.training.callbacks import (
    Callback,
    CheckpointCallback,
    EvaluationCallback,
    HistoryCallback,
    RateWarning,
)
from hm2bp_brian.training.history import History


def train_run(
    recipe: Recipe,
    folder: RunFolder,
    *,
    data=None,
    engine: str = "fused",
    device: str | None = None,
    threads: int | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
) -> History:
    """Train for the epochs that the recipe has left, and write all that a run folder holds, the weights last.

    Parameters
    ----------
    recipe : Recipe
    folder : RunFolder
    data : path, optional
        Folder of the data files.
    engine, threads
        See `hm2bp_brian.engines.registry.make_engine`.
    device : str, optional
        "cpu" or "cuda" for engine "fused". Of engine "brian2", to be written down; it must be the active one.
    resume : bool
        Go on with the run that is in the folder.
    callbacks : sequence of Callback
        Called when the files of an epoch have been written.
    progress : bool
        Show progress bars.

    Returns
    -------
    History

    Raises
    ------
    RunFolderError, ConfigurationError
        If the folder holds a run that is not to be resumed, or nothing or another run to resume, or another process
        trains into it; or if the recipe can't work.
    """
    folder.check(recipe, resume, engine)
    train, holdout, test = recipe.load_data(data)
    own_device = None if engine == "brian2" else device
    trainer = recipe.make_trainer(recipe.make_network(train.shape), engine, threads, own_device)
    facts = {
        "engine": engine,
        **({"device": device} if device else {}),
        "threads": trainer.engine.threads,
        "train_samples": len(train),
        "holdout_samples": recipe.hold_out,
        "test_samples": len(test),
    }
    evaluations = [EvaluationCallback(test, "test_accuracy")]
    if holdout is not None:
        evaluations.append(EvaluationCallback(holdout, "holdout_accuracy"))
    with folder.locked():
        # a run may have come into the folder while the data were read
        folder.check(recipe, resume, engine)
        if resume and folder.checkpoint.exists():
            trainer.load(folder.checkpoint)
            # the run may have been killed between checkpoint and history
            trainer.history.to_csv(folder.history)
        folder.write_recipe(recipe, **facts)
        files = [CheckpointCallback(folder.checkpoint), HistoryCallback(folder.history), RateWarning()]
        remaining = recipe.epochs - trainer.epoch
        if remaining > 0:
            callbacks = [*evaluations, *files, *callbacks]
            trainer.fit(train, None, remaining, recipe.batch_size, callbacks=callbacks, progress=progress)
        folder.draw(trainer.evaluator, trainer.history, test)
        save_weights(folder.weights, recipe, trainer.evaluation_weights, trainer.epoch)
    return trainer.history


def is_finished(recipe: Recipe, folder: RunFolder) -> bool:
    """Whether the folder holds all that a run of the recipe's length writes; its recipe is not looked at."""
    try:
        epochs = len(History.from_csv(folder.history)), read_weights(folder.weights).epoch
        return min(epochs) >= recipe.epochs
    except (CheckpointError, DatasetError, FileNotFoundError):  # a run that goes on writes them anew
        return False

"""A trained network, read from its run folder or its weight file, to look at."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.experiments.weights_file import read_weights
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.training.averaging import WeightAverage
from hm2bp_brian.training.checkpoint import load_evaluated
from hm2bp_brian.training.evaluator import Evaluator
from hm2bp_brian.training.history import History


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """What a run folder or a weight file holds, to look at.

    Parameters
    ----------
    folder : RunFolder
        That of the run. For what is made of a weight file, a folder beside it with its name without ``.npz``, or with
        ``.run`` if it has no such ending; it need not exist.
    recipe : Recipe
    evaluator : Evaluator
        The network with the weights that are evaluated.
    test : ImageDataset or SpikeDataset
        Test samples.
    epoch : int
        Number of finished epochs.
    history : History
        Empty for a weight file.
    """

    folder: RunFolder
    recipe: Recipe
    evaluator: Evaluator
    test: object
    epoch: int
    history: History

    @property
    def network(self) -> SpikingNetwork:
        """The network, with the weights that are evaluated."""
        return self.evaluator.network

    def record(self, samples: int) -> SpikeRecord:
        """The spikes of the first so many test samples; ConfigurationError if there are not so many."""
        self.check_samples(samples)
        return self.evaluator.record(self.test, np.arange(samples))

    def check_samples(self, samples: int) -> None:
        """Raise ConfigurationError unless there are so many test samples, at least one."""
        if not 1 <= samples <= len(self.test):
            raise ConfigurationError(f"there are {len(self.test)} test samples, found a request for {samples}")


def load_trained(
    path,
    data=None,
    test_samples: int | None = None,
    engine: str = "fused",
    threads: int | None = None,
    device: str | None = None,
) -> TrainedRun:
    """Read a trained network and its test samples.

    Parameters
    ----------
    path : path
        Folder that ``hm2bp train`` made, or a weight file.
    data : path, optional
        Folder of the data files.
    test_samples : int, optional
        Only the first so many; by default as many as the recipe says.
    engine, threads, device
        See `hm2bp_brian.engines.registry.make_engine`.

    Returns
    -------
    TrainedRun

    Raises
    ------
    ConfigurationError, CheckpointError, DatasetNotFoundError, FileNotFoundError
        If the folder holds no run, its checkpoint or the data is missing, or they don't fit.
    """
    path = Path(path)
    file = read_weights(path) if path.is_file() else None
    folder = RunFolder(path.with_suffix("" if path.suffix else ".run") if file else path)
    recipe = file.recipe if file else folder.read_recipe()
    if test_samples is not None:
        recipe = dataclasses.replace(recipe, test_samples=test_samples)
    test = recipe.load_data(data)[-1]
    network = recipe.make_network(test.shape)
    if file:
        file.load_into(network)
        epoch, history = file.epoch, History()
    else:
        average = None if recipe.averaging is None else WeightAverage(recipe.averaging)
        network.parameters = [w.astype(recipe.dtype) for w in network.parameters]
        state = load_evaluated(folder.checkpoint, network, recipe.seed, average)
        epoch, history = state.epoch, state.history
    return TrainedRun(folder, recipe, recipe.make_evaluator(network, engine, threads, device), test, epoch, history)

"""A trained network in one small file: the weights that are evaluated, and the recipe that made them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hm2bp_brian.errors import CheckpointError, ShapeError
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.files import write_arrays
from hm2bp_brian.training.checkpoint import read_arrays


def save_weights(path, recipe: Recipe, trainer) -> None:
    """Write the trainer's evaluation weights in its dtype, its epoch, and the recipe as TOML."""
    arrays = {f"weights/{layer}": w for layer, w in enumerate(trainer.evaluation_weights)}
    write_arrays(path, {"recipe": np.array(recipe.to_toml()), "epoch": np.array(trainer.epoch)} | arrays)


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """What is in a file that ``save_weights`` wrote.

    Parameters
    ----------
    path : path
    recipe : Recipe
        Without averaging: what is in the file has been averaged, and there are no more updates to average.
    arrays : dict
        All arrays of the file by name.
    """

    path: Path
    recipe: Recipe
    arrays: dict

    def load_into(self, trainer) -> None:
        """Give a trainer, made from the recipe, the weights and the epoch; CheckpointError if they don't fit."""
        names = [f"weights/{layer}" for layer in range(len(trainer.network.weights))]
        if missing := [name for name in (*names, "epoch") if name not in self.arrays]:
            raise CheckpointError(f"{self.path} is no weight file of this network: it has no '{missing[0]}'")
        try:
            trainer.network.weights = [self.arrays[name].astype(trainer.dtype) for name in names]
        except ShapeError as error:
            raise CheckpointError(f"{self.path} belongs to another network: {error}") from error
        trainer.epoch = int(self.arrays["epoch"])


def read_weights(path) -> WeightsFile:
    """Read a file that ``save_weights`` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is corrupt or no such file.
    """
    arrays = read_arrays(path)
    if "recipe" not in arrays:
        raise CheckpointError(
            f"{path} is no weight file: it has no recipe, but {', '.join(sorted(arrays)) or 'nothing'}"
        )
    recipe = dataclasses.replace(Recipe.from_toml(str(arrays["recipe"])), averaging=None)
    return WeightsFile(path, recipe, arrays)

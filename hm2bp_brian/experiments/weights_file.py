"""A trained network in one small file: the weights that are evaluated, and the recipe that made them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from hm2bp_brian.errors import CheckpointError, Hm2bpError
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.files import write_arrays
from hm2bp_brian.npz import ArrayFile
from hm2bp_brian.training.checkpoint import check_values


def save_weights(path, recipe: Recipe, weights, epoch: int) -> None:
    """Write weights, those that are evaluated, the number of finished epochs, and the recipe as TOML."""
    arrays = {f"weights/{layer}": w for layer, w in enumerate(weights)}
    write_arrays(path, {"recipe": np.array(recipe.to_toml()), "epoch": np.array(epoch)} | arrays)


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """What is in a file that ``save_weights`` wrote.

    Parameters
    ----------
    file : ArrayFile
        Its weights have not been unpacked yet: only a network tells how large they may be.
    recipe : Recipe
        Without averaging: what is in the file has been averaged, and there are no more updates to average.
    epoch : int
    """

    file: ArrayFile
    recipe: Recipe
    epoch: int

    def load_into(self, network) -> None:
        """Give a network, made from the recipe, the weights; CheckpointError if they don't fit."""
        path, headers = self.file.path, self.file.headers
        shapes = {f"weights/{layer}": w.shape for layer, w in enumerate(network.parameters)}
        for name in sorted(set(headers) ^ {*shapes, "recipe", "epoch"}):
            has = "has no" if name in shapes else "has a surplus"
            raise CheckpointError(f"{path} is no weight file of this network: it {has} '{name}'")
        for layer, (name, shape) in enumerate(shapes.items()):
            if headers[name].shape != shape or headers[name].dtype not in (np.float32, np.float64):
                raise CheckpointError(
                    f"{path} belongs to another network: {network.parameter_name(layer)} must have shape {shape} "
                    f"and be float32 or float64, found {headers[name]}"
                )
        weights = [self.file.read(name) for name in shapes]
        for name, array in zip(shapes, weights, strict=True):
            check_values(path, name, array)
        network.parameters = [w.astype(self.recipe.dtype) for w in weights]


def read_weights(path) -> WeightsFile:
    """Read a file that ``save_weights`` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is corrupt or no such file.
    """
    file = ArrayFile(path, "weight file", CheckpointError)
    recipe = str(_single(file, "recipe", "U"))
    epoch = _single(file, "epoch", "i")
    check_values(path, "epoch", epoch)
    try:
        recipe = dataclasses.replace(Recipe.from_toml(recipe), averaging=None)
    except Hm2bpError as error:
        raise CheckpointError(f"{path} is corrupt: {error}") from error
    return WeightsFile(file, recipe, int(epoch))


def _single(file: ArrayFile, name: str, kind: str) -> np.ndarray:
    """An array that holds a single text (kind U) or integer (kind i)."""
    header = file.headers.get(name)
    if header is None:
        raise CheckpointError(
            f"{file.path} is no weight file: it has no {name}, but {', '.join(sorted(file.headers)) or 'nothing'}"
        )
    if header.shape != () or header.dtype.kind != kind:
        raise CheckpointError(f"{file.path} is no weight file: its {name} is {header}")
    file.check_free(name)
    return file.read(name)

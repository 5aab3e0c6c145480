"""Trained networks that come with the package."""

from __future__ import annotations

from pathlib import Path

from hm2bp_brian.errors import UnknownNameError
from hm2bp_brian.experiments.weights_file import read_weights
from hm2bp_brian.model.network import SpikingNetwork

FOLDER = Path(__file__).parent / "weights"
INPUT_SHAPES = {"mnist-cnn": (28, 28, 1), "mnist-mlp": (28, 28, 1)}  # of the data, which need not be here


def load_pretrained(name: str) -> SpikingNetwork:
    """A network that was trained by the recipe of its name; ``experiments/weights/README.md`` has the accuracies.

    Parameters
    ----------
    name : {"mnist-cnn", "mnist-mlp"}

    Returns
    -------
    SpikingNetwork

    Raises
    ------
    UnknownNameError
        If there is no such network.

    Examples
    --------
    >>> network = hb.load_pretrained("mnist-cnn")
    >>> _, test = hb.datasets.mnist()                                  # doctest: +SKIP
    >>> hb.Trainer(network).evaluate(test)                             # doctest: +SKIP
    0.9962
    """
    if name not in INPUT_SHAPES:
        raise UnknownNameError("pretrained network", name, INPUT_SHAPES)
    file = read_weights(FOLDER / f"{name}.npz")
    network = file.recipe.make_network(INPUT_SHAPES[name])
    file.load_into(network)
    return network

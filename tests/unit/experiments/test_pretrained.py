"""Trained networks come with the package, and need no data."""

import numpy as np
import pytest

import hm2bp_brian as hb
from hm2bp_brian.errors import UnknownNameError
from hm2bp_brian.experiments.pretrained import FOLDER, INPUT_SHAPES


def test_every_file_can_be_loaded():
    assert sorted(path.stem for path in FOLDER.glob("*.npz")) == sorted(INPUT_SHAPES)
    for name in INPUT_SHAPES:
        network = hb.load_pretrained(name)
        with np.load(FOLDER / f"{name}.npz") as file:
            for layer, w in enumerate(network.weights):
                np.testing.assert_array_equal(w, file[f"weights/{layer}"])


def test_it_knows_digits():
    network, (_, test) = hb.load_pretrained("mnist-mlp"), hb.datasets.mnist()
    spikes = hb.encoding.BernoulliEncoder().encode(test.images[:5], network.n_steps)
    assert hb.simulate(network, spikes, "brian2").counts(1).argmax(axis=1).tolist() == test.labels[:5].tolist()


def test_other_names():
    with pytest.raises(UnknownNameError, match="unknown pretrained network 'mnist'. Did you mean 'mnist-"):
        hb.load_pretrained("mnist")

"""Affine neurons: both engines, S-PSPs three ways, and gradients against HM2-BP as it is written down."""

import numpy as np
import pytest
from affine_neurons import AFFINE, affine_network
from networks import engine_gradients, make_input
from oracle import oracle_gradients, oracle_spsp

from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.learning.spsp import spsp

LOSS = SpikeCountLoss(desired=8, undesired=1, margin=1)
LABELS = np.array([2, 16, 0])


@pytest.mark.parametrize("name", AFFINE)
def test_affine_neurons_fire_and_learn_alike_everywhere(name):
    network = affine_network(name)
    batch = make_input(network, 3)
    record = simulate(network, batch, engine="brian2", dtype="float64")
    assert all(layer.n_spikes > 10 for layer in record.layers)
    engine = make_engine(network, "fused", "float64", 2)
    assert engine.forward(network.weights, batch).record.layers == record.layers

    expected = oracle_spsp(network, record, 0)
    scale = np.abs(expected).max()
    for method in ("adjoint", "traces"):
        np.testing.assert_allclose(spsp(network, record, 0, method), expected, rtol=1e-10, atol=1e-10 * scale)

    expected = oracle_gradients(network, record, LABELS, LOSS)
    for found in (gradients(network, record, LABELS, LOSS), engine_gradients(engine, network, record, LABELS, LOSS)):
        for mine, oracle in zip(found, expected, strict=True):
            assert np.abs(oracle).max() > 0
            np.testing.assert_allclose(mine, oracle, rtol=1e-9, atol=1e-9 * np.abs(oracle).max())

"""Projections as the kernels of graphs take them: nothing is lost on the way there and back."""

import numpy as np
import pytest

from hm2bp_brian.engines.fused.stored_projection import StoredProjection
from hm2bp_brian.model.connections import AllPairs, Pairs, Windows
from hm2bp_brian.model.delays import Delays
from hm2bp_brian.model.projections import Projection


def pairs(n_pre: int, n_post: int, part: float) -> Pairs:
    pre, post = np.nonzero(np.random.default_rng(n_pre).random((n_pre, n_post)) < part)
    return Pairs((n_pre,), (n_post,), pre.astype(np.int32), post.astype(np.int32))


CONNECTIONS = {
    "all": AllPairs((5,), (7,)),
    "others": AllPairs((6,), (6,), others=True),
    "few": pairs(40, 50, 0.03),
    "many": pairs(9, 8, 0.5),
    "convolution": Windows((6, 6, 2), (4, 4, 3), size=3, stride=1, padding=0, shared_kernel=True),
}


@pytest.mark.parametrize("delays", ["one", "single"])
@pytest.mark.parametrize("kind", CONNECTIONS)
def test_values_and_sums_keep_their_connections(kind, delays):
    connection = CONNECTIONS[kind]
    random = np.random.default_rng(0)
    steps = random.integers(0, 5, connection.weight_shape) if delays == "single" else 2
    stored = StoredProjection(Projection("p", None, None, connection, delays=Delays(steps)), np.dtype(np.float64))
    weights = random.normal(size=connection.weight_shape)
    assert stored.dense == (delays == "one" and kind != "few")
    for by_target in (False, True):
        values = stored.spread(weights, by_target, np.dtype(np.float64))
        if stored.dense:
            matrix = values.reshape(connection.n_pre, connection.n_post)
        else:
            starts, partners = stored.lists(by_target)
            neurons = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            matrix = np.zeros((connection.n_pre, connection.n_post))
            matrix[(partners, neurons) if by_target else (neurons, partners)] = values
        np.testing.assert_array_equal(matrix, connection.unroll(weights))
    assert values.size == stored.n_entries
    folded = stored.fold(values.ravel() ** 2)
    assert folded.shape == connection.weight_shape
    np.testing.assert_allclose(folded, connection.fold(connection.unroll(weights) ** 2), rtol=1e-12)

"""What a GPU's engine finds, against the processor's engine and numpy's kernels."""

import numpy as np
import pytest
from graphs import quietly

import hm2bp_brian as hb
from hm2bp_brian.engines.cuda.engine import CudaEngine
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.learning.backward import backward

LOSS = hb.SpikeCountLoss(desired=6, undesired=1, margin=1)


def check_engine_on_card(network, batch, labels, card, rules):
    """Spikes of the processor's engine, gradients of numpy's kernels, in float64; returns the tape and these."""
    engine = quietly(CudaEngine, network, "float64", 1, card)
    tape = quietly(engine.forward, network.parameters, batch)
    expected = quietly(make_engine, network, "fused", "float64", 1).forward(network.parameters, batch)
    for name, found, wanted in zip(tape.record.names, tape.record.layers, expected.record.layers, strict=True):
        assert found == wanted, name
    assert sum(tape.n_spikes[1:]) > 0
    errors = LOSS.errors(expected.counts, labels)
    wanted = quietly(backward, network, network.parameters, expected.record, errors, rules)
    found = quietly(engine.backward, expected, errors, rules)
    names = [*map(network.parameter_name, range(len(wanted.arrays))), *(["delta"] * len(wanted.deltas))]
    pairs = zip((*found.arrays, *found.deltas), (*wanted.arrays, *wanted.deltas), strict=True)
    for name, (one, other) in zip(names, pairs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * np.abs(other).max(initial=0), err_msg=name)
    assert any(np.any(array) for array in wanted.arrays)
    assert found.loss == pytest.approx(wanted.loss)
    return tape, wanted

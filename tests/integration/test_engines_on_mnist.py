"""Both engines on real digits in the paper's network."""

import numpy as np
import pytest
from brian2 import ms

import hm2bp_brian as hb


@pytest.mark.parametrize(("dtype", "agreement"), [("float64", 1.0), ("float32", 0.999)])
def test_spikes_agree(dtype, agreement):
    network = hb.SpikingNetwork(
        input_shape=(28, 28, 1),
        layers=[
            hb.Dense(800, threshold=20, initializer=hb.Uniform(1.0)),
            hb.Dense(10, threshold=8, lateral_inhibition=1.0, initializer=hb.Uniform(1.0)),
        ],
        neuron=hb.LIF(tau_m=64 * ms, tau_s=8 * ms, refractory=3 * ms),
        dt=1 * ms,
        duration=400 * ms,
        seed=1,
    )
    test = hb.datasets.mnist()[1]
    batch = hb.encoding.BernoulliEncoder().encode(test.images[:3], network.n_steps)
    brian, fused = (hb.simulate(network, batch, engine=engine, dtype=dtype) for engine in ("brian2", "fused"))
    for layer in range(2):
        one, other = brian.dense(layer), fused.dense(layer)
        assert one.sum() > 50
        assert np.sum(one & other) / np.sum(one | other) >= agreement

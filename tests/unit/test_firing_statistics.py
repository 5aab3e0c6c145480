import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hm2bp_brian import firing_statistics
from hm2bp_brian.spikes import SpikeBatch

spike_arrays = st.integers(0, 2**32).map(
    lambda seed: np.random.default_rng(seed).random((2, 15, 4)) < np.random.default_rng(seed).random((1, 1, 4)) * 0.8
)


@given(spike_arrays)
def test_intervals_and_their_variation_against_a_loop(dense):
    spikes = SpikeBatch.from_dense(dense)
    expected, variation = [], []
    for sample in range(2):
        for neuron in range(4):
            steps = [t for t in range(15) if dense[sample, t, neuron]]
            gaps = [b - a for a, b in zip(steps, steps[1:], strict=False)]
            expected += [(gap, sample * 4 + neuron) for gap in gaps]
            if len(gaps) >= 2:
                mean = sum(gaps) / len(gaps)
                variation.append(math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) / mean)
    found = list(zip(*(array.tolist() for array in firing_statistics.interspike_intervals(spikes)), strict=True))
    assert found == expected
    np.testing.assert_allclose(firing_statistics.coefficients_of_variation(spikes), variation, atol=1e-12)


def test_silent_and_saturated_neurons():
    dense = np.zeros((2, 10, 4), dtype=bool)
    dense[:, ::2, 0] = True  # all that one refractory step allows
    dense[0, 0, 1] = True  # fires in one sample only
    dense[:, :8:2, 2] = True  # 4 of 5
    spikes = SpikeBatch.from_dense(dense)
    assert firing_statistics.silent(spikes).tolist() == [False, False, False, True]
    assert firing_statistics.saturated(spikes, refractory_steps=1).tolist() == [True, False, False, False]
    assert firing_statistics.saturated(spikes, refractory_steps=0).tolist() == [False] * 4
    np.testing.assert_allclose(firing_statistics.mean_counts(spikes), [5, 0.5, 4, 0])


def test_no_spike_at_all():
    spikes = SpikeBatch.from_dense(np.zeros((1, 3, 2), dtype=bool))
    assert firing_statistics.coefficients_of_variation(spikes).size == 0
    assert firing_statistics.interspike_intervals(spikes)[0].size == 0
    assert firing_statistics.silent(spikes).all()


@pytest.mark.parametrize("n_steps", [9, 10])
def test_the_highest_rate_counts_a_last_spike(n_steps):
    dense = np.zeros((1, n_steps, 1), dtype=bool)
    dense[0, ::3, 0] = True
    assert firing_statistics.saturated(SpikeBatch.from_dense(dense), refractory_steps=2).all()

"""Delay lines, against a loop over single spikes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hm2bp_brian.encoding import delay_lines
from hm2bp_brian.encoding.delays import delayed_shape
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.spikes import SpikeBatch

N_STEPS = 12


def random_batch(shape, seed) -> SpikeBatch:
    return SpikeBatch.from_dense(np.random.default_rng(seed).random((3, N_STEPS, *shape)) < 0.2)


@pytest.mark.parametrize("shape", [(5,), (3, 2, 2)])
@given(delays=st.sets(st.integers(0, N_STEPS + 2), min_size=1, max_size=4).map(sorted), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_each_spike_comes_once_for_each_delay(shape, delays, seed):
    batch = random_batch(shape, seed)
    expected = np.zeros((3, N_STEPS, *shape, len(delays)), dtype=bool)
    for sample, step, *place in np.argwhere(batch.dense()):
        for k, delay in enumerate(delays):
            if step + delay < N_STEPS:
                expected[sample, step + delay, *place, k] = True
    delayed = delay_lines(batch, delays)
    assert delayed.shape == delayed_shape(shape, delays) == (*shape, len(delays))
    assert np.array_equal(delayed.dense(), expected)


def test_without_delays_nothing_changes():
    batch = random_batch((5,), 0)
    assert delay_lines(batch, ()) == batch
    assert delayed_shape((5,), ()) == (5,)


@pytest.mark.parametrize("delays", [(-1,), (3, 3), (4, 2), (1.5,), (True,), ("1",)])
def test_impossible_delays_are_refused(delays):
    with pytest.raises(ConfigurationError, match="whole numbers of steps from 0 on"):
        delay_lines(random_batch((5,), 0), delays)

"""Spike trains changed at random, against loops over single spikes."""

import numpy as np
import pytest
from brian2 import ms
from hypothesis import given, settings
from hypothesis import strategies as st

from hm2bp_brian.encoding import SpikeJitter
from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.spikes import SpikeBatch

SHAPES = ((7,), (5, 4, 2))


def random_batch(shape, n_samples=3, n_steps=30, density=0.2, seed=0) -> SpikeBatch:
    dense = np.random.default_rng(seed).random((n_samples, n_steps, *shape)) < density
    return SpikeBatch.from_dense(dense)


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_asked_changes_nothing(shape):
    batch = random_batch(shape)
    assert SpikeJitter()(batch, 1, 2, np.arange(3)) == batch


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=st.integers(0, 1000), epoch=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_a_sample_is_moved_as_a_whole(shape, seed, epoch):
    batch = random_batch(shape)
    moved = SpikeJitter(time_shift=2, place_shift=1)(batch, seed, epoch, np.arange(3)).dense()
    n_axes = max(len(shape) - 1, 1)
    for before, after in zip(batch.dense(), moved, strict=True):
        shifts = np.ndindex(5, *[3] * n_axes)
        assert any(np.array_equal(after, shifted(before, [t - 2, *(s - 1 for s in places)])) for t, *places in shifts)


def shifted(dense, shifts):
    """Moved along the first axes, what leaves being lost."""
    result = np.zeros_like(dense)
    for place in np.argwhere(dense):
        place[: len(shifts)] += shifts
        if (place >= 0).all() and (place < dense.shape).all():
            result[tuple(place)] = True
    return result


def test_all_shifts_occur_equally_often():
    batch = SpikeBatch.from_events([0] * 1, [10], [4], n_samples=1, n_steps=21, shape=(9,))
    jitter = SpikeJitter(time_shift=2, place_shift=1)
    moved = [jitter(batch, 0, epoch, np.array([5])) for epoch in range(1500)]
    places = np.array([(m.steps[0] - 10, m.neurons[0] - 4) for m in moved])
    for axis, largest in ((0, 2), (1, 1)):
        values, counts = np.unique(places[:, axis], return_counts=True)
        assert values.tolist() == list(range(-largest, largest + 1))
        assert np.abs(counts / 1500 - 1 / (2 * largest + 1)).max() < 0.05
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.1


def test_time_is_stretched_about_its_beginning():
    batch = SpikeBatch.from_events([0] * 3, [0, 100, 200], [0, 0, 0], n_samples=1, n_steps=260, shape=(1,))
    factors = []
    for epoch in range(400):
        steps = SpikeJitter(time_scale=0.25)(batch, 3, epoch, np.array([0])).steps
        assert steps[0] == 0
        assert len(steps) == 2 or abs(steps[2] - 2 * steps[1]) <= 1
        factors.append(steps[1] / 100)
    assert 0.75 <= min(factors) < 0.77 and 1.23 < max(factors) <= 1.25
    assert np.mean(factors) == pytest.approx(1.0, abs=0.03)


def test_spikes_that_meet_remain_one():
    batch = SpikeBatch.from_dense(np.ones((1, 40, 2), dtype=bool))
    squeezed = [SpikeJitter(time_scale=0.5)(batch, 0, epoch, np.array([0])) for epoch in range(20)]
    assert min(s.n_spikes for s in squeezed) < 70  # 40 steps in 35 or fewer


def test_a_part_of_the_spikes_is_dropped_anew_in_each_epoch():
    batch = random_batch((50,), n_samples=2, n_steps=100, density=0.5)
    thinned = [SpikeJitter(drop=0.3)(batch, 0, epoch, np.arange(2)).dense() for epoch in (1, 2)]
    all_spikes = batch.dense()
    for one in thinned:
        assert not (one & ~all_spikes).any()
        assert one.sum() / all_spikes.sum() == pytest.approx(0.7, abs=0.02)
    both = (thinned[0] & thinned[1]).sum() / all_spikes.sum()
    assert both == pytest.approx(0.49, abs=0.02)


def test_a_sample_does_not_depend_on_its_batch():
    batch = random_batch((5, 4, 2))
    jitter = SpikeJitter(3, 0.2, 1, 0.1)
    whole = jitter(batch, 7, 3, np.array([4, 0, 9]))
    assert jitter(batch.sample(1), 7, 3, np.array([0])) == whole.sample(1)
    assert jitter(batch.sample(1), 7, 3, np.array([4])) != whole.sample(1)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("time_shift", -1),
        ("time_shift", 0.5),
        ("place_shift", -1),
        ("time_scale", 1.0),
        ("drop", -0.1),
        ("drop", np.nan),
    ],
)
def test_impossible_settings(setting, value):
    with pytest.raises(ConfigurationError, match=f"SpikeJitter.{setting}"):
        SpikeJitter(**{setting: value})


def test_one_index_a_sample():
    with pytest.raises(ShapeError, match="one index for each of 3 samples, found 2"):
        SpikeJitter()(random_batch((7,)), 0, 0, np.arange(2))


@pytest.mark.parametrize("shape", [(1, 40, 1), (2, 40, 2)])
def test_axes_that_a_shift_could_empty_are_not_shifted_along(shape):
    dense = np.zeros((200, 3, *shape), bool)
    dense[:, 1, :, 20] = True
    jittered = SpikeJitter(place_shift=2)(SpikeBatch.from_dense(dense), 0, 1, np.arange(200))
    assert (jittered.counts.sum(axis=1) == dense[0].sum()).all()
    columns = np.nonzero(jittered.dense())[3]
    assert set(columns) == {18, 19, 20, 21, 22}


@pytest.mark.parametrize("value", [True, "1", 1 * ms])
def test_shifts_that_are_no_integers(value):
    with pytest.raises(ConfigurationError, match="SpikeJitter.place_shift must be an integer from 0 on"):
        SpikeJitter(place_shift=value)

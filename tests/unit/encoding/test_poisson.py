"""The rate code, against its definition in Python's integers, and as random numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hm2bp_brian.encoding import BernoulliEncoder, bernoulli_spikes, sample_keys
from hm2bp_brian.encoding.random_numbers import hash32
from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError

WORD, LONG = 2**32, 2**64


def python_hash32(x):
    x ^= x >> 16
    x = x * 0x21F0AAAD % WORD
    x ^= x >> 15
    x = x * 0x735A2D97 % WORD
    return x ^ (x >> 15)


def python_mix64(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % LONG
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % LONG
    return z ^ (z >> 31)


def python_key(seed, epoch, index):
    state = python_mix64(seed)
    for value in (epoch, index):
        state = python_mix64((state + 0x9E3779B97F4A7C15 * (value + 1)) % LONG)
    return state % WORD, state // WORD


def python_fires(threshold, key, neuron, step, n_steps):
    inner = python_hash32((neuron * n_steps + step + key[0]) % WORD)
    return step > 0 and python_hash32(inner ^ key[1]) < threshold


@given(st.lists(st.integers(0, WORD - 1), min_size=1, max_size=20))
def test_hash32(words):
    argument = np.array(words, dtype=np.uint32)
    assert hash32(argument).tolist() == [python_hash32(word) for word in words]
    assert argument.tolist() == words


def test_hash32_is_one_to_one_on_a_range():
    assert len(np.unique(hash32(np.arange(2**18, dtype=np.uint32)))) == 2**18


def test_keys_follow_splitmix64():
    # the first outputs of splitmix64 from state 0 are published; its finalizer is the one used here
    assert python_mix64(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF
    assert sample_keys(0, 0, np.array([0])).tolist() == [list(python_key(0, 0, 0))]


@given(st.integers(0, LONG - 1), st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**62), max_size=5))
def test_keys(seed, epoch, indices):
    keys = sample_keys(seed, epoch, np.array(indices, dtype=np.int64))
    assert keys.dtype == np.uint32 and keys.shape == (len(indices), 2)
    assert [tuple(key) for key in keys.tolist()] == [python_key(seed, epoch, index) for index in indices]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_spikes_follow_the_definition(data):
    n_samples, n_neurons, n_steps = (data.draw(st.integers(1, limit)) for limit in (3, 6, 12))
    word = st.integers(0, WORD - 1)
    row = st.lists(st.sampled_from([0, WORD - 1]) | word, min_size=n_neurons, max_size=n_neurons)
    thresholds = data.draw(st.lists(row, min_size=n_samples, max_size=n_samples))
    keys = data.draw(st.lists(st.tuples(word, word), min_size=n_samples, max_size=n_samples))
    batch = bernoulli_spikes(np.array(thresholds, np.uint32), np.array(keys, np.uint32), n_steps, (n_neurons,))
    expected = [
        [[python_fires(thresholds[s][j], keys[s], j, t, n_steps) for j in range(n_neurons)] for t in range(n_steps)]
        for s in range(n_samples)
    ]
    assert batch.dense().tolist() == expected


def test_a_word_equal_to_the_threshold_is_no_spike():
    word = python_hash32(python_hash32(1 + 5) ^ 6)  # of neuron 0 at step 1
    for threshold, expected in ((word, 0), (word + 1, 1)):
        batch = bernoulli_spikes(np.array([[threshold]], np.uint32), np.array([[5, 6]], np.uint32), 2, (1,))
        assert batch.n_spikes == expected


def test_counters_wrap():
    # j * n_steps + t passes 2**32 for the last neurons
    n_neurons, n_steps = 70000, 65537
    thresholds = np.zeros((1, n_neurons), dtype=np.uint32)
    thresholds[0, -1] = 2**22
    key = (5, 6)
    train = bernoulli_spikes(thresholds, np.array([key], np.uint32), n_steps, (n_neurons,)).train(0, n_neurons - 1)
    expected = [t for t in range(n_steps) if python_fires(2**22, key, n_neurons - 1, t, n_steps)]
    assert train.tolist() == expected and len(expected) > 20


def test_thresholds_of_pixels():
    images = np.arange(256, dtype=np.uint8).reshape(2, 8, 16, 1)
    thresholds = BernoulliEncoder().thresholds(images)
    assert thresholds.dtype == np.uint32 and thresholds.shape == (2, 128)
    assert thresholds.ravel().tolist() == [int(pixel / (5.5 * 255) * WORD) for pixel in range(256)]
    assert BernoulliEncoder(1).thresholds(np.full((1, 1), 255, np.uint8)).tolist() == [[WORD - 1]]


def test_thresholds_of_floats():
    images = np.array([[0.0, 0.25, 1.0]])
    for dtype in (np.float32, np.float64):
        assert BernoulliEncoder(2).thresholds(images.astype(dtype)).tolist() == [[0, 2**29, 2**31]]


def test_thresholds_refuse_what_is_no_image():
    encoder = BernoulliEncoder()
    for value in (np.nan, np.inf, -np.inf, -1e-6, 1.001):
        with pytest.raises(ConfigurationError, match=r"0\.\.1"):
            encoder.thresholds(np.array([[0.5, value]]))
    for dtype in (bool, int, complex):
        with pytest.raises(ConfigurationError, match=np.dtype(dtype).name):
            encoder.thresholds(np.ones((1, 4), dtype))
    with pytest.raises(ShapeError, match="batch"):
        encoder.thresholds(np.zeros(4))


@pytest.mark.parametrize("divisor", [0.99, 0, -1, np.nan, np.inf])
def test_rate_divisor(divisor):
    with pytest.raises(ConfigurationError, match="rate_divisor"):
        BernoulliEncoder(divisor)


def test_wrong_numbers_for_keys():
    one = np.array([0])
    for arguments in [(-1, 0, one), (LONG, 0, one), (0, -1, one), (0, 0, -one - 1), (0.5, 0, one), (0, 0, one * 0.5)]:
        with pytest.raises(ConfigurationError):
            sample_keys(*arguments)
    with pytest.raises(ShapeError, match=r"\(batch,\)"):
        sample_keys(0, 0, 7)


def test_wrong_arrays_for_spikes():
    thresholds, keys = np.zeros((2, 6), np.uint32), np.zeros((2, 2), np.uint32)
    for wrong in ((thresholds, keys, 5, (2, 2)), (thresholds, keys[:1], 5, (6,)), (thresholds[0], keys, 5, (6,))):
        with pytest.raises(ShapeError, match="expected thresholds"):
            bernoulli_spikes(*wrong)
    with pytest.raises(ConfigurationError, match="int64"):
        bernoulli_spikes(thresholds.astype(np.int64), keys, 5, (6,))
    for wrong in ((thresholds[:0], keys[:0], 5, (6,)), (thresholds, keys, 0, (6,))):
        with pytest.raises(SpikeError, match="at least one"):
            bernoulli_spikes(*wrong)


def test_silent_images_and_a_single_step_give_no_spikes():
    keys = sample_keys(1, 2, np.arange(2))
    assert bernoulli_spikes(np.zeros((2, 4), np.uint32), keys, 50, (4,)).n_spikes == 0
    assert bernoulli_spikes(np.full((2, 4), WORD - 1, np.uint32), keys, 1, (4,)).n_spikes == 0


def encode(values, *, seed=1, epoch=0, indices=None, n_steps=400):
    indices = np.arange(len(values)) if indices is None else indices
    keys = sample_keys(seed, epoch, indices)
    return bernoulli_spikes(BernoulliEncoder().thresholds(values), keys, n_steps, values.shape[1:])


def test_rate_of_every_pixel_value():
    values = np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis], 40, axis=0)
    counts = encode(values).counts.sum(axis=0)
    p, n = np.arange(256) / (5.5 * 255), 40 * 399
    deviation = np.sqrt(n * p * (1 - p))
    assert (np.abs(counts - n * p) <= 4.5 * deviation).all()
    scores = (counts - n * p)[1:] / deviation[1:]
    assert scores.std() == pytest.approx(1, abs=0.2) and abs(scores.mean()) < 0.25


def test_every_step_but_the_first_has_the_same_rate():
    spikes = encode(np.full((20, 500), 255, np.uint8), n_steps=50).dense()
    assert not spikes[:, 0].any()
    p, n = 1 / 5.5, 20 * 500
    assert (np.abs(spikes[:, 1:].sum(axis=(0, 2)) - n * p) < 4.5 * np.sqrt(n * p * (1 - p))).all()


def test_spikes_do_not_depend_on_the_batch():
    values = np.random.default_rng(0).integers(0, 256, (6, 5, 5, 1), dtype=np.uint8)
    whole = encode(values)
    order = np.array([4, 1, 1])
    part = encode(values[order], indices=order)
    np.testing.assert_array_equal(part.dense(), whole.dense()[order])
    assert part.shape == (5, 5, 1)


def test_seed_epoch_and_index_each_give_other_spikes():
    values = np.full((1, 300), 255, np.uint8)
    trains = [encode(values, seed=s, epoch=e, indices=np.array([i])) for s, e, i in np.ndindex(3, 3, 3)]
    dense = np.array([train.dense().ravel() for train in trains], dtype=float)
    correlations = np.corrcoef(dense)[np.triu_indices(27, 1)]
    assert np.abs(correlations).max() < 4.5 / np.sqrt(dense.shape[1])


@pytest.mark.parametrize("axis", ["sample", "step", "neuron"])
@pytest.mark.parametrize("lag", [1, 2, 28])
def test_neighbours_are_uncorrelated(axis, lag):
    spikes = encode(np.full((40, 64), 255, np.uint8), n_steps=400).dense()[:, 1:].astype(float)
    spikes = np.moveaxis(spikes, ["sample", "step", "neuron"].index(axis), 0)
    first, second = spikes[:-lag].ravel(), spikes[lag:].ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(first.size)


def test_intervals_are_geometric():
    spikes = encode(np.full((20, 200), 255, np.uint8), n_steps=400)
    steps, offsets = spikes.by_neuron
    intervals = np.diff(steps)[np.diff(steps) > 0]
    p = 1 / 5.5
    shares = np.array([(intervals == k).mean() for k in range(1, 8)])
    np.testing.assert_allclose(shares, p * (1 - p) ** np.arange(7), atol=0.004)


def test_encode_numbers_the_images_from_0():
    images = np.full((3, 2, 2, 1), 200, dtype=np.uint8)
    encoder = BernoulliEncoder()
    batch = encoder.encode(images, 50, seed=7)
    expected = bernoulli_spikes(encoder.thresholds(images), sample_keys(7, 0, np.arange(3)), 50, (2, 2, 1))
    assert batch == expected and batch.n_spikes > 0
    assert encoder.encode(images[:1], 50, seed=7) == batch.sample(0)

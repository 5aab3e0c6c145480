import math
import tracemalloc

import numpy as np
import pytest

from hm2bp_brian.engines.updates import CHUNK
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.training.optimizers import (
    SGD,
    Adam,
    make_optimizer,
)
from hm2bp_brian.training.schedules import Constant, Cosine, ExponentialDecay, InverseSqrt


def random_arrays(seed, dtype=np.float64):
    """Arrays of two layers; the first is longer than a chunk and no multiple of it."""
    generator = np.random.default_rng(seed)
    return [generator.normal(size=shape).astype(dtype) for shape in ((3, CHUNK // 3 + 5), (4, 2))]


def naive_adam(w, gradients, learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8, clip=False):
    """The paper's algorithm 1 on whole arrays."""
    w, m, v = w.copy(), 0.0, 0.0
    for step, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat, v_hat = m / (1 - beta_1**step), v / (1 - beta_2**step)
        change = learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)
        if clip:
            change = change / max(1.0, np.sqrt(np.mean((g / (np.sqrt(v_hat) + epsilon)) ** 2)))
        w = w - change
    return w


@pytest.mark.parametrize("clip", [False, True])
def test_adam_follows_the_published_algorithm(clip):
    weights, gradients = random_arrays(0), [random_arrays(seed) for seed in range(1, 6)]
    gradients[3] = [30 * g for g in gradients[3]]
    expected = [naive_adam(w, [g[k] for g in gradients], 0.01, clip=clip) for k, w in enumerate(weights)]
    adam = Adam(clip=clip)
    state = adam.init(weights)
    for g in gradients:
        adam.update(state, weights, g, 0.01)
    for w, e in zip(weights, expected, strict=True):
        np.testing.assert_allclose(w, e, rtol=1e-12, atol=1e-14)


def test_clipping_tames_a_large_gradient_after_many_small_ones():
    changes = {}
    for clip in (False, True):
        weights = [np.zeros(100), np.zeros(100)]
        adam = Adam(clip=clip)
        state = adam.init(weights)
        for _ in range(200):
            adam.update(state, weights, [np.full(100, 1e-3), np.full(100, 1e-3)], 0.01)
        before = [w.copy() for w in weights]
        adam.update(state, weights, [np.full(100, 1.0), np.full(100, 1e-3)], 0.01)
        changes[clip] = [float(np.abs(w - b).max()) for w, b in zip(weights, before, strict=True)]
    assert changes[False][0] > 0.013
    assert changes[True][0] < 0.25 * changes[False][0]
    # the other array has no large gradient and is not slowed down
    assert changes[True][1] == pytest.approx(changes[False][1], rel=1e-9)


def test_adam_with_zero_gradients_changes_nothing():
    weights = [np.ones((2, 3), np.float32)]
    adam = Adam(clip=True)
    state = adam.init(weights)
    adam.update(state, weights, [np.zeros((2, 3))], 0.1)
    np.testing.assert_array_equal(weights[0], 1.0)


def test_sgd_follows_its_equation():
    weights, gradients = random_arrays(0), [random_arrays(seed) for seed in (1, 2, 3)]
    velocity, expected = 0.0, weights[0].copy()
    for g in gradients:
        velocity = 0.8 * velocity + g[0]
        expected = expected - 0.1 * velocity
    sgd = SGD(momentum=0.8)
    state = sgd.init(weights)
    for g in gradients:
        sgd.update(state, weights, g, 0.1)
    np.testing.assert_allclose(weights[0], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", [Adam(), Adam(clip=True), SGD()])
def test_update_is_in_place_and_takes_float64_gradients_for_float32_weights(optimizer):
    weights = random_arrays(0, np.float32)
    arrays, before = list(weights), [w.copy() for w in weights]
    state = optimizer.init(weights)
    optimizer.update(state, weights, random_arrays(1), 0.01)
    for w, array, b in zip(weights, arrays, before, strict=True):
        assert w is array and w.dtype == np.float32
        assert (w != b).mean() > 0.99


@pytest.mark.parametrize("optimizer", [Adam(clip=True), SGD()])
def test_update_makes_no_large_temporaries(optimizer):
    weights, gradients = [np.ones((1000, 1000), np.float32)], [np.ones((1000, 1000), np.float32)]
    state = optimizer.init(weights)
    tracemalloc.start()
    try:
        optimizer.update(state, weights, gradients, 0.01)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.1 * weights[0].nbytes


@pytest.mark.parametrize("optimizer", [Adam(clip=True), SGD()])
def test_a_copy_of_the_state_goes_on_bit_for_bit(optimizer):
    weights = random_arrays(0, np.float32)
    state = optimizer.init(weights)
    optimizer.update(state, weights, random_arrays(1), 0.01)
    kept, copies = {name: array.copy() for name, array in state.items()}, [w.copy() for w in weights]
    optimizer.update(state, weights, random_arrays(2), 0.01)
    optimizer.update(kept, copies, random_arrays(2), 0.01)
    for w, c in zip(weights, copies, strict=True):
        np.testing.assert_array_equal(w, c)


def test_names_are_shorthand():
    assert make_optimizer("adam") == Adam()
    assert make_optimizer("sgd") == SGD()
    with pytest.raises(UnknownNameError, match="unknown optimizer 'adamm'. Did you mean 'adam'"):
        make_optimizer("adamm")


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), [0.2, 0.2, 0.2, 0.2]),
        (ExponentialDecay(0.5), [0.2, 0.1, 0.05, 0.025]),
        (InverseSqrt(), [0.2, 0.2 / math.sqrt(2), 0.2 / math.sqrt(3), 0.1]),
        (Cosine(), [0.2, 0.1, 0.0, 0.0]),
        (Cosine(3), [0.2, 0.1, 0.0, 0.0]),
        (Cosine(4), [0.2, 0.15, 0.05, 0.0]),
        (Cosine(3, final=0.5), [0.2, 0.15, 0.1, 0.1]),
        (Cosine(1), [0.2, 0.0, 0.0, 0.0]),
    ],
)
def test_schedules(schedule, expected):
    assert [schedule(0.2, epoch, 3) for epoch in (1, 2, 3, 4)] == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Adam(0.0), "Adam.learning_rate"),
        (lambda: Adam(math.nan), "Adam.learning_rate"),
        (lambda: Adam(math.inf), "Adam.learning_rate"),
        (lambda: Adam(beta_1=1.0), "Adam.beta_1"),
        (lambda: Adam(beta_2=-0.1), "Adam.beta_2"),
        (lambda: Adam(epsilon=0.0), "Adam.epsilon"),
        (lambda: SGD(-1.0), "SGD.learning_rate"),
        (lambda: SGD(0.1, momentum=1.0), "SGD.momentum"),
        (lambda: ExponentialDecay(0.0), "ExponentialDecay.rate"),
        (lambda: ExponentialDecay(1.5), "ExponentialDecay.rate"),
        (lambda: Cosine(0), "Cosine.epochs"),
        (lambda: Cosine(5, final=-1.0), "Cosine.final"),
    ],
)
def test_settings_out_of_range(make, name):
    with pytest.raises(ConfigurationError, match=f"{name} must be .* found"):
        make()


@pytest.mark.parametrize("optimizer", [Adam(), SGD()])
def test_weights_that_can_not_be_changed_in_place_are_refused(optimizer):
    with pytest.raises(ConfigurationError, match="layer 1 .* C-contiguous"):
        optimizer.init([np.zeros((3, 4)), np.zeros((3, 4)).T])

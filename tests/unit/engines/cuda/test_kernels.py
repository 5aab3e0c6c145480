"""A GPU's kernels, run on this processor: against the engine there, numpy's encoder and the oracle."""

import numpy as np
import pytest
from affine_neurons import affine_network
from brian2 import ms
from cupy_on_host import CupyOnHost
from networks import NEURONS, engine_gradients, make_input, make_network
from oracle import oracle_gradients

from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.encoding.random_numbers import sample_keys
from hm2bp_brian.engines.cuda import card as card_module
from hm2bp_brian.engines.cuda import layer_kernels
from hm2bp_brian.engines.cuda.card import Card
from hm2bp_brian.engines.cuda.engine import CudaEngine
from hm2bp_brian.engines.cuda.spikes import CardSpikes, SpikeKernels
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.spikes import SpikeBatch

LINEAR = ["euler", "no refractory time", "exact", "alpha synapse", "one value a neuron", "adaptive"]
LINEAR += ["moving threshold", "soft reset", "resting potentials, one a neuron"]
LOSS = SpikeCountLoss(desired=12, undesired=1, margin=1)


def convolutions(n_steps=40, neuron=None):
    """Padding, strides that leave pixels out, windows that overlap, several channels, pooling; a dense layer behind."""
    layers = [
        Conv2D(3, 3, threshold=0.7, stride=1, padding=1, initializer=Uniform(1.5)),
        SumPool2D(2, threshold=0.6),
        Conv2D(5, 2, threshold=0.7, stride=2, initializer=Uniform(1.5)),
        Dense(4, threshold=0.8, lateral_inhibition=0.1, initializer=Uniform(1.5)),
    ]
    neuron = neuron or LIF(20 * ms, 5 * ms, 2 * ms)
    return SpikingNetwork((7, 6, 2), layers, neuron, dt=1 * ms, duration=n_steps * ms, seed=3)


def convolutions_with_nu_of_each_sample():
    return convolutions(neuron=NEURONS["soft reset"](1))


def assert_same_spikes(network, card, dtype="float64", n_samples=3):
    batch = make_input(network, n_samples)
    found = CudaEngine(network, dtype, 1, card).forward(network.parameters, batch)
    expected = make_engine(network, "fused", dtype, 1).forward(network.parameters, batch)
    for mine, theirs in zip(found.record.layers, expected.record.layers, strict=True):
        assert mine == theirs
    np.testing.assert_array_equal(found.counts, expected.counts)
    assert found.n_spikes == expected.n_spikes and min(expected.n_spikes) > 5


@pytest.mark.parametrize("neuron", LINEAR)
def test_same_spikes_as_on_the_processor(card, neuron):
    assert_same_spikes(make_network(neuron, (70, 9), lateral=0.3), card)


@pytest.mark.parametrize(
    "name", ["GLIF", "currents in pA, one membrane a neuron", "two compartments, double exponential"]
)
def test_same_spikes_of_affine_neurons(card, name):
    assert_same_spikes(affine_network(name), card)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_spikes_in_any_order_of_threads(either_order, dtype):
    assert_same_spikes(make_network(sizes=(5, 130, 66), lateral=0.1), either_order, dtype)
    assert_same_spikes(convolutions(), either_order, dtype)


@pytest.mark.parametrize("falling", [False, True])
def test_dense_layers_whose_weights_fit_into_what_a_block_shares_or_do_not(monkeypatch, falling):
    monkeypatch.setattr(layer_kernels, "DENSE_BLOCKS", 3)  # so that a block has several samples, one or more at a time
    network = make_network(sizes=(70, 34), n_inputs=50, lateral=0.1)
    for shared_bytes, names in ((64 * 2**10, {"forward_dense"}), (8 * 51 * 32 - 1, {"forward"})):
        monkeypatch.setattr(CupyOnHost, "shared_bytes", shared_bytes)
        card = Card(CupyOnHost(falling))
        assert_same_spikes(network, card, n_samples=7)
        assert {name for name in card.cupy.launched if name.startswith("forward")} == names


@pytest.mark.parametrize("n_steps", [1, 31, 32, 33, 64])
def test_presentations_of_whole_and_broken_words(card, n_steps):
    network = make_network(sizes=(3,), n_inputs=33, n_steps=n_steps)
    batch = make_input(network, 4, rate=0.4)
    found = CudaEngine(network, "float64", 1, card).forward(network.parameters, batch).record
    expected = make_engine(network, "fused", "float64", 1).forward(network.parameters, batch).record
    assert found.layers == expected.layers and found.input == batch


def labels_of(network, n_samples):
    return np.arange(n_samples) % network.n_outputs


@pytest.mark.parametrize("ratio", [1.0, 0.1])
@pytest.mark.parametrize("neuron", LINEAR)
def test_gradients_equal_the_oracle_in_float64(card, neuron, ratio):
    one_distance = neuron != "resting potentials, one a neuron"  # from rest, which lateral inhibition wants
    network = make_network(neuron, (20, 17), n_inputs=7, n_steps=40, lateral=0.2 * one_distance)
    record = make_engine(network, "fused", "float64", 1).forward(network.parameters, make_input(network, 3)).record
    labels = np.array([2, 16, 0])
    engine = CudaEngine(network, "float64", 1, card)
    found = engine_gradients(engine, network, record, labels, LOSS, rules=Rules(silent_delta_ratio=ratio))
    expected = oracle_gradients(network, record, labels, LOSS, silent_delta_ratio=ratio)
    for mine, oracle in zip(found, expected, strict=True):
        assert np.abs(oracle).max() > 0
        np.testing.assert_allclose(mine, oracle, rtol=1e-9, atol=1e-9 * np.abs(oracle).max())


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-4)])
@pytest.mark.parametrize(
    "make",
    [convolutions, convolutions_with_nu_of_each_sample, lambda: make_network(sizes=(130, 70, 10), lateral=0.2)],
)
def test_gradients_in_any_order_of_threads_and_slices(either_order, monkeypatch, make, dtype, tolerance):
    # few samples at a time, sums of gradients in several parts, q a segment after the other
    monkeypatch.setattr(card_module, "SCRATCH_BYTES", 2**17)
    monkeypatch.setattr(layer_kernels, "GRADIENT_THREADS", 2**10)
    monkeypatch.setattr(layer_kernels, "SEGMENT_BYTES", 256)  # 32 or 64 steps of q
    network = make()
    record = make_engine(network, "fused", dtype, 1).forward(network.parameters, make_input(network, 8)).record
    labels = labels_of(network, 8)
    found = engine_gradients(CudaEngine(network, dtype, 1, either_order), network, record, labels, LOSS)
    expected = gradients(network, record, labels, LOSS)
    for mine, reference in zip((*found, *found.deltas), (*expected, *expected.deltas), strict=True):
        assert mine.dtype in (dtype, np.float64)  # the output's deltas are made by the loss
        np.testing.assert_allclose(mine, reference, rtol=tolerance, atol=tolerance * np.abs(reference).max(initial=0))


def test_two_orders_of_threads_give_the_same_bits():
    network = convolutions()
    record = make_engine(network, "fused", "float32", 1).forward(network.parameters, make_input(network, 5)).record
    first, second = (
        engine_gradients(
            CudaEngine(network, "float32", 1, Card(CupyOnHost(falling))), network, record, labels_of(network, 5), LOSS
        )
        for falling in (False, True)
    )
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("neuron", ["euler", "soft reset"])
def test_silent_neurons_learn_by_the_rules(card, neuron):
    network = make_network(neuron, sizes=(20, 6), n_inputs=9, n_steps=30, lateral=0.1)
    network.weights[0][:, :7] = -0.1
    network.weights[1][:, 2] = 0.0
    batch = make_input(network, 4, rate=0.1)
    record = make_engine(network, "fused", "float64", 1).forward(network.parameters, batch).record
    assert (record.layers[0].counts == 0).any(axis=1).all() and (record.output.counts[:, 2] == 0).all()
    labels, rules = np.array([2, 1, 2, 0]), Rules(0.2, 0.4, 0.7)
    found = engine_gradients(CudaEngine(network, "float64", 1, card), network, record, labels, LOSS, rules)
    expected = gradients(network, record, labels, LOSS, rules=rules)
    for mine, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-9, atol=1e-9 * np.abs(reference).max())


@pytest.mark.parametrize("n_steps", [2, 32, 70])
def test_the_encoder_draws_the_same_spikes(either_order, n_steps):
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 5, 1)).astype(np.uint8)
    images[0, :4] = 0
    encoder = BernoulliEncoder(1.5)
    kernels = SpikeKernels(either_order)
    expected = encoder.encode(images, n_steps, seed=3, epoch=2, indices=[5, 0, 70000])
    found = kernels.bernoulli(encoder.thresholds(images), sample_keys(3, 2, [5, 0, 70000]), n_steps, (9, 5, 1))
    assert found == expected and expected.n_spikes > 0
    assert found.n_spikes == expected.n_spikes
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_array_equal(kernels.on_card(expected).trains.get(), found.trains.get())
    assert kernels.on_card(found) is found


@pytest.mark.parametrize("segment", [32, 64])
def test_lists_of_steps_and_of_trains(either_order, segment):
    dense = np.random.default_rng(2).random((3, 70, 21)) < 0.4
    dense[1, 40:60], dense[2, :, :5] = False, False
    dense[0, 7], dense[0, :, 3] = True, True
    kernels = SpikeKernels(either_order)
    trains = kernels.on_card(SpikeBatch.from_dense(dense)).trains

    def lines(lists):
        numbers = lists.lists.get().view(np.uint16).reshape(len(lists.lengths), -1)
        return [list(row[: 8 * n]) for row, n in zip(numbers, lists.lengths.get(), strict=True)]

    def filled(numbers, filler):
        return [*numbers, *[filler] * (-len(numbers) % 8)]

    expected = [filled(np.flatnonzero(step), 21) for sample in dense for step in sample]
    assert lines(kernels.lists_of_steps(trains, 70)) == expected
    cuts = [sample[first : first + segment] for sample in dense for first in range(0, 70, segment)]
    expected = [filled(np.flatnonzero(train), segment) for cut in cuts for train in cut.T]
    assert lines(kernels.lists_of_trains(trains, 70, segment)) == expected


def test_spikes_on_a_card_are_a_batch_as_any_other(card):
    batch = SpikeBatch.from_dense(np.random.default_rng(1).random((2, 37, 3, 2)) < 0.3)
    found = SpikeKernels(card).on_card(batch)
    assert isinstance(found, CardSpikes) and found == batch and repr(found) == f"SpikeBatch{repr(batch)[10:]}"
    for mine, theirs in zip(found.by_neuron, batch.by_neuron, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(found.numbers, batch.numbers)
    assert found.sample(1) == batch.sample(1)

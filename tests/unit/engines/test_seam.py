"""The seam between engine and learning: forward returns a tape, backward takes it."""

import dataclasses

import numpy as np
import pytest
from networks import make_input, make_network
from tiny_training import LOSS, NumpyEngine, assert_same_state, make_trainer, tiny_dataset, tiny_network

from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import NumericalError, ShapeError, SpikeError
from hm2bp_brian.learning.losses import Errors, SpikeCountLoss, StandIns
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.spikes import SpikeBatch

COUNT_LOSS = SpikeCountLoss(desired=6, undesired=1, margin=0)


class OpaqueEngine(NumpyEngine):
    """Keeps all that it computes to itself, as an engine on a device does: tapes are numbers on a shelf."""

    @dataclasses.dataclass
    class Tape:
        handle: int
        counts: np.ndarray
        n_spikes: tuple

        @property
        def record(self):
            raise AssertionError("training needs no spikes outside of the engine")

    def __init__(self, network):
        super().__init__(network)
        self.shelf = {}

    def forward(self, weights, batch):
        tape = super().forward(weights, batch)
        self.shelf[len(self.shelf)] = tape
        return self.Tape(len(self.shelf) - 1, tape.counts, tape.n_spikes)

    def backward(self, tape, errors, rules):
        return dataclasses.replace(super().backward(self.shelf[tape.handle], errors, rules), deltas=())


def test_training_needs_nothing_of_a_tape_but_counts():
    network, other = tiny_network(), tiny_network()
    opaque = make_trainer(network, engine=OpaqueEngine(network))
    plain = make_trainer(other)
    for trainer in (opaque, plain):
        trainer.fit(tiny_dataset(20), tiny_dataset(9, seed=2), epochs=2, batch_size=8, progress=False)
    assert_same_state(opaque.state.arrays(), plain.state.arrays())


def shards(engine, network, batch, labels, sizes):
    """Gradient sums of parts of a batch, added in order."""
    total, first = None, 0
    for size in sizes:
        chosen = slice(first, first + size)
        tape = engine.forward(network.weights, SpikeBatch.from_dense(batch.dense()[chosen]))
        part = engine.backward(tape, COUNT_LOSS.errors(tape.counts, labels[chosen]), Rules())
        total, first = part if total is None else total + part, first + size
    return total


def test_shards_add_up_to_the_same_bits_wherever_they_are_computed():
    network = make_network(sizes=(70, 4), lateral=0.1)
    batch, labels = make_input(network, 7), np.array([0, 1, 2, 3, 0, 1, 2])
    one, three = (make_engine(network, "fused", "float32", threads) for threads in (1, 3))
    here = shards(one, network, batch, labels, (3, 4))
    there = shards(three, network, batch, labels, (3, 4))
    whole = shards(one, network, batch, labels, (7,))
    assert (here.n_samples, here.loss) == (7, there.loss)
    for a, b, c in zip(here.arrays, there.arrays, whole.arrays, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-6)


def with_nan(weights):
    weights = [w.copy() for w in weights]
    weights[1][2, 1] = np.nan
    return weights


@pytest.fixture(scope="module", params=["fused", "brian2"])
def made(request):
    network = make_network(sizes=(5, 4), n_inputs=6)
    return network, make_engine(network, request.param, "float64")


def test_nothing_of_a_wrong_shape_gets_past_the_border(made):
    network, engine = made
    batch = make_input(network, 2)
    for weights, error, message in (
        (network.weights[:1], ShapeError, "weights of 2 layers, found 1"),
        ([network.weights[0].T, network.weights[1]], ShapeError, r"layer 0 must have shape \(6, 5\), found \(5, 6\)"),
        (with_nan(network.weights), NumericalError, r"layer 1 must be finite, found nan at index \(2, 1\)"),
    ):
        with pytest.raises(error, match=message):
            engine.forward(weights, batch)
    with pytest.raises(SpikeError, match="expected input spikes as a SpikeBatch, found ndarray"):
        engine.forward(network.weights, batch.dense())
    with pytest.raises(ShapeError, match=r"shape \(6,\) in"):
        engine.forward(network.weights, SpikeBatch.from_dense(batch.dense()[:, :, :5]))
    with pytest.raises(ShapeError, match="steps, found shape"):
        engine.forward(network.weights, SpikeBatch.from_dense(batch.dense()[:, :-1]))


def test_errors_of_another_batch_are_refused(made):
    network, engine = made
    tape = engine.forward(network.weights, make_input(network, 2))
    good = COUNT_LOSS.errors(tape.counts, [0, 1])
    nobody = StandIns(np.array([2]), np.array([0]), 3)
    for errors, error, message in (
        (Errors(good.values[:1], good.d_counts[:1], good.stand_ins), ShapeError, r"found \(\(1,\), \(1, 4\)\)"),
        (Errors(good.values, good.d_counts * np.nan, good.stand_ins), NumericalError, "loss of sample 0"),
        (Errors(good.values, good.d_counts, nobody), ShapeError, r"samples of stand-ins must lie in 0\.\.1"),
    ):
        with pytest.raises(error, match=message):
            engine.backward(tape, errors, Rules())


def test_an_engine_made_by_the_user_is_taken_as_it_is():
    network = tiny_network()
    engine = NumpyEngine(network)
    assert make_engine(network, engine) is engine
    assert make_trainer(network, engine=engine, loss=LOSS).engine is engine

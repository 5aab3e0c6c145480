"""Batches in shards: sums by hand, in the order of a tree."""

import numpy as np
import pytest
from tiny_training import LOSS, NumpyEngine, assert_same_state, make_trainer, tiny_dataset, tiny_network

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.training.shards import check_shards, cut, tree_sum


def test_parts_are_added_in_pairs_in_order():
    assert tree_sum(["a"]) == "a"

    class Word(str):
        def __add__(self, other):
            return Word(f"({self}{str(other)})")

    words = [Word(letter) for letter in "abcdefgh"]
    assert tree_sum(words) == "(((ab)(cd))((ef)(gh)))"
    assert tree_sum([*words[:5], None, None, None]) == "(((ab)(cd))e)"
    assert tree_sum([tree_sum(words[:4]), tree_sum(words[4:])]) == tree_sum(words)
    assert tree_sum([None, None]) is None


def test_a_batch_is_cut_in_order_and_short_ones_leave_shards_empty():
    assert [part.tolist() for part in cut(np.arange(10, 16), 4)] == [[10, 11], [12, 13], [14], [15]]
    assert [part.tolist() for part in cut(np.arange(3), 4)] == [[0], [1], [2], []]


@pytest.mark.parametrize("shards", [0, 3, 12, -4, 2.0, True])
def test_shards_are_a_power_of_two(shards):
    with pytest.raises(ConfigurationError, match="shards must be a p"):
        make_trainer(shards=shards)


def test_one_shard_here_and_four_on_a_cluster_are_usual():
    assert (check_shards(None, False), check_shards(None, True), check_shards(2, True)) == (1, 4, 2)


def test_an_update_in_four_shards_by_hand():
    train = tiny_dataset(7)
    trainer = make_trainer(shards=4, dtype="float32", engine=NumpyEngine(tiny_network(), "float32"))
    weights = [w.copy() for w in trainer.state.parameters]
    taken = []
    trainer.update = lambda gradient, rate: taken.append(gradient)
    trainer.fit(train, epochs=1, batch_size=7, progress=False)
    order = np.random.default_rng((trainer.seed, 1)).permutation(7)
    engine, sums, loss = NumpyEngine(trainer.network, "float32"), [], 0
    for indices in (order[:2], order[2:4], order[4:6], order[6:]):
        tape = engine.forward(weights, trainer.inputs.spikes(train, indices, trainer.seed, 1))
        sums.append(engine.backward(tape, LOSS.errors(tape.counts, train.labels[indices]), trainer.rules))
        loss += sums[-1].loss
    (gradient,) = taken
    for layer in range(2):
        a, b, c, d = (part.arrays[layer] for part in sums)
        expected = ((a + b) + (c + d)) / a.dtype.type(7)
        assert np.abs(expected).max() > 0
        np.testing.assert_array_equal(gradient[layer], expected)
    assert gradient.loss == pytest.approx(loss / 7)
    assert trainer.history[0]["train_loss"] == pytest.approx(loss / 7)


@pytest.mark.parametrize("threads", [1, 2])
def test_shards_change_rounding_only_and_are_repeatable(threads):
    states = []
    for shards in (1, 8, 8):
        engine = NumpyEngine(tiny_network())
        engine.threads = threads
        trainer = make_trainer(shards=shards, engine=engine, boosting=True)
        trainer.fit(tiny_dataset(30), epochs=2, batch_size=13, progress=False)
        states.append(trainer.state.arrays())
    assert_same_state(states[1], states[2])
    for name in ("weights/0", "weights/1", "sample_weights"):
        np.testing.assert_allclose(states[0][name], states[1][name], rtol=1e-9, atol=1e-12)

"""Samples brought to one duration, against a loop over single spikes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hm2bp_brian.datasets import ImageDataset, SpeechDataset, SpikeDataset
from hm2bp_brian.encoding import Stretch
from hm2bp_brian.errors import ConfigurationError, SpikeError


def data_set(samples, n_neurons=3) -> SpikeDataset:
    """Of sets of (step, neuron)."""
    spikes = [spike for sample in samples for spike in sorted(sample)]
    steps, neurons = np.array(spikes, dtype=int).reshape(-1, 2).T
    offsets = np.cumsum([0, *map(len, samples)])
    return SpikeDataset(steps, neurons, offsets, np.zeros(len(samples), int), (n_neurons,), 1, "mine")


def spikes_of(dataset):
    ends = zip(dataset.offsets, dataset.offsets[1:], strict=False)
    return [set(zip(dataset.steps[a:b].tolist(), dataset.neurons[a:b].tolist(), strict=True)) for a, b in ends]


def stretched_by_hand(sample, first, last, tails):
    steps = sorted(step for step, _ in sample)
    if not steps:
        return set()
    begin, end = steps[math.floor(tails * (len(steps) - 1))], steps[math.ceil((1 - tails) * (len(steps) - 1))]
    factor = (last - first) / (end - begin) if end > begin else 1
    moved = {(math.floor(first + (step - begin) * factor + 0.5), neuron) for step, neuron in sample}
    return {(step, neuron) for step, neuron in moved if step >= 0}


SAMPLES = st.lists(st.sets(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=30), min_size=1, max_size=4)


@given(samples=SAMPLES, first=st.integers(0, 5), length=st.integers(1, 60), tails=st.sampled_from([0, 0.05, 0.2, 0.45]))
@settings(max_examples=60, deadline=None)
def test_samples_are_stretched_as_by_hand(samples, first, length, tails):
    found = Stretch(first, first + length, tails)(data_set(samples))
    assert spikes_of(found) == [stretched_by_hand(sample, first, first + length, tails) for sample in samples]


def test_fast_and_slow_speakers_become_the_same():
    slow, fast = {(10 + 4 * k, k % 3) for k in range(20)}, {(3 + k, k % 3) for k in range(20)}
    one, other = spikes_of(Stretch(5, 43, tails=0)(data_set([slow, fast])))
    assert one == other == {(5 + 2 * k, k % 3) for k in range(20)}


def test_what_a_data_set_of_speech_knows_besides_is_kept():
    utterances = SpeechDataset([2, 4, 1], [0, 1, 1], [0, 2, 3], [1, 0], (2,), 2, "said", ["ann", "bob"], ["1", "2"])
    found = Stretch(0, 8, tails=0)(utterances)
    assert isinstance(found, SpeechDataset) and found.speakers.tolist() == ["ann", "bob"]
    assert (found.steps.tolist(), found.labels.tolist(), found.name) == ([0, 8, 0], [1, 0], "said")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"first": -1}, "first"),
        ({"first": 10, "last": 10}, "last"),
        ({"tails": 0.5}, "below 0.5, found 0.5"),
        ({"tails": "a few"}, "tails"),
    ],
)
def test_what_cannot_be_is_refused(wrong, message):
    with pytest.raises(ConfigurationError, match=message):
        Stretch(**wrong)


def test_images_are_refused():
    images = ImageDataset(np.zeros((2, 4, 4, 1), np.uint8), [0, 1], 2, "pictures")
    with pytest.raises(SpikeError, match="pictures.*leave out stretch"):
        Stretch()(images)

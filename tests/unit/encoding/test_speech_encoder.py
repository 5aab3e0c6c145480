"""From sounds to spikes, with a real recording."""

from pathlib import Path

import numpy as np
import pytest

from hm2bp_brian.datasets.audio import read_sound, resample
from hm2bp_brian.encoding import BSA, LyonEar, SpeechEncoder
from hm2bp_brian.errors import ShapeError

SEVEN = Path(__file__).parents[2] / "data" / "speech" / "7_jackson_32.wav"


def test_the_spikes_of_a_spoken_seven_in_company():
    samples, rate = read_sound(SEVEN.read_bytes(), SEVEN)
    assert (rate, samples.shape) == (8000, (4301,))
    sound = resample(samples, rate, 12500)
    # a shorter and a longer sound beside it change nothing
    short, seven, long = SpeechEncoder().encode([sound[:1900], sound, np.concatenate([sound, sound[:900]])])
    steps, channels = seven
    assert (len(steps), steps.min() >= 1, steps.max() <= 330) == (2957, True, True)
    assert set(range(78)) - set(channels) >= set(range(10)) and channels.min() == 10
    order = steps * 78 + channels
    assert (np.diff(order) > 0).all()
    assert short[0].max() <= 90
    assert np.array_equal(long[0][long[0] < 300], steps[steps < 300])


def test_default_steps_are_those_of_the_paper():
    encoder = SpeechEncoder()
    assert (encoder.step_ms, encoder.ear.n_channels) == (pytest.approx(1.6), 78)


def test_the_name_tells_every_setting():
    changed = [
        SpeechEncoder(),
        *(SpeechEncoder(ear=LyonEar(*ear)) for ear in [(8000,), (12500, 9), (12500, 8, 0.3), (12500, 8, 0.25, 2)]),
        SpeechEncoder(ear=LyonEar(12500, decimation=100)),
        *(SpeechEncoder(bsa=bsa) for bsa in (BSA(hold=5), BSA(scale=1.0), BSA(threshold=0.5))),
    ]
    assert len({encoder.name for encoder in changed}) == len(changed)


def test_less_than_a_frame_has_no_spikes():
    steps, channels = SpeechEncoder().encode([np.ones(150)])[0]
    assert steps.size == channels.size == 0


def test_what_is_no_list_of_sounds():
    for sounds in ([], [np.zeros((3, 4))], [np.array(1.0)]):
        with pytest.raises(ShapeError, match="expected at least one array"):
            SpeechEncoder().encode(sounds)
    with pytest.raises(ShapeError, match="differ in the first only"):
        SpeechEncoder().encode_signals([np.zeros((3, 4)), np.zeros((3, 5))])

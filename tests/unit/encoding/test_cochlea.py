"""Lyon's ear against another program's numbers, and what any such ear must do."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import sosfreqz

from hm2bp_brian.encoding import LyonEar
from hm2bp_brian.errors import ConfigurationError, NumericalError, ShapeError

GOLDEN = np.load(Path(__file__).parents[2] / "data" / "speech" / "golden.npz")


@pytest.mark.parametrize(("rate", "n_channels"), [(8000, 64), (12500, 78), (16000, 86)])
def test_another_programs_numbers(rate, n_channels):
    ear = LyonEar(rate)
    assert ear.n_channels == n_channels
    np.testing.assert_allclose(ear.sections(), GOLDEN[f"sections_{rate}"], rtol=0, atol=1e-12)
    frames = ear(GOLDEN["sounds"])
    assert frames.shape == (2, 4, n_channels)
    np.testing.assert_allclose(frames, GOLDEN[f"frames_{rate}"], rtol=1e-9, atol=1e-16)


def test_a_channels_filter_has_its_peak_near_its_centre_frequency():
    ear = LyonEar(12500)
    sections, centers = ear.sections(), ear.center_frequencies
    assert (np.diff(centers) < 0).all()
    for channel in (20, 40, 60):
        frequencies, response = sosfreqz(sections[: channel + 3], worN=8192, fs=12500)
        peak = frequencies[np.argmax(np.abs(response))]
        # the cascade above eats into the upper flank
        assert 0.85 * centers[channel] < peak < 1.05 * centers[channel]


def test_a_tone_is_heard_by_the_channels_around_it():
    ear = LyonEar(12500, decimation=100)
    time = np.arange(1500) / 12500
    for frequency in (500, 2000):
        heard = ear(0.1 * np.sin(2 * np.pi * frequency * time)[np.newaxis])[0, -1]
        assert abs(np.log2(ear.center_frequencies[np.argmax(heard)] / frequency)) < 0.3


def test_a_sound_is_heard_alike_in_company_padded_or_alone():
    ear = LyonEar(8000, decimation=50)
    one, two = np.random.default_rng(0).normal(size=(2, 420)) * 0.1
    padded = np.zeros(700)
    padded[:420] = one
    together = ear(np.stack([padded, np.concatenate([two, np.ones(280)])]))
    np.testing.assert_allclose(together[0, :8], ear(one[np.newaxis])[0], rtol=1e-12)
    np.testing.assert_allclose(together[1, :8], ear(two[np.newaxis])[0], rtol=1e-12)


def test_silence_is_silent_and_less_than_a_frame_is_nothing():
    ear = LyonEar(8000)
    assert not ear(np.zeros((2, 250))).any()
    assert ear(np.ones((2, 199))).shape == (2, 0, 64)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"sample_rate": 100}, "sample_rate"),
        ({"sample_rate": np.inf}, "sample_rate"),
        ({"ear_q": 0.5}, "ear_q"),
        ({"step_factor": 0}, "step_factor"),
        ({"tau_factor": -1}, "tau_factor"),
        ({"decimation": 0}, "decimation"),
        ({"decimation": 2.5}, "decimation"),
        ({"step_factor": 50.0}, "lower step_factor"),
    ],
    ids=str,
)
def test_impossible_ears(changes, name):
    with pytest.raises(ConfigurationError, match=name):
        LyonEar(**({"sample_rate": 12500} | changes))


def test_what_is_no_sound():
    ear = LyonEar(8000)
    with pytest.raises(ShapeError, match=r"\(n_sounds, n_samples\).*\(400,\)"):
        ear(np.zeros(400))
    with pytest.raises(ShapeError, match="at least one"):
        ear(np.zeros((0, 400)))
    with pytest.raises(NumericalError, match="not finite"):
        ear(np.full((1, 400), np.nan))

"""Sound files: what is written comes back; everything else is an error of this package."""

import io
import struct
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile
from speech_files import noise, wav_bytes

from hm2bp_brian.datasets.audio import read_sound, resample
from hm2bp_brian.errors import ConfigurationError, DatasetError, Hm2bpError

SMALL = wav_bytes(noise(20))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.int16, 2**-14), (np.int32, 2**-22), (np.float32, 1e-7), (np.float64, 0)]
)
def test_formats_of_wav(dtype, tolerance):
    samples, rate = read_sound(wav_bytes(noise(), 12500, dtype))
    assert (rate, samples.dtype) == (12500, np.float64)
    np.testing.assert_allclose(samples, noise(), rtol=0, atol=tolerance)


def test_eight_bits_have_their_zero_at_128():
    file = io.BytesIO()
    wavfile.write(file, 8000, np.array([128, 0, 192], dtype=np.uint8))
    assert read_sound(file.getvalue())[0].tolist() == [0.0, -1.0, 0.5]


def test_full_scale_of_16_bits_is_1():
    file = io.BytesIO()
    wavfile.write(file, 8000, np.array([-32768, 16384], dtype=np.int16))
    assert read_sound(file.getvalue())[0].tolist() == [-1.0, 0.5]


def test_stereo_is_mixed():
    left, right = noise(50, 1), noise(50, 2)
    samples, _ = read_sound(wav_bytes(np.stack([left, right], axis=1), dtype=np.float64))
    np.testing.assert_allclose(samples, (left + right) / 2)


def test_a_foreign_chunk_is_skipped():
    chunk = b"note" + struct.pack("<I", 4) + b"text"
    content = b"RIFF" + struct.pack("<I", len(SMALL) - 8 + len(chunk)) + SMALL[8:] + chunk
    assert np.array_equal(read_sound(content)[0], read_sound(SMALL)[0])


@pytest.mark.parametrize("cut", range(len(SMALL)))
def test_truncated_anywhere(cut):
    with pytest.raises((DatasetError, ConfigurationError), match="some.wav"):
        read_sound(SMALL[:cut], "some.wav")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (wav_bytes(np.zeros(0)), "no samples"),
        (wav_bytes(noise(9), rate=100), "found 100 Hz"),
        (wav_bytes([0.0, np.nan], dtype=np.float32), "no number"),
        (wav_bytes([0.0, 1e9], dtype=np.float32), "far beyond"),
        (b"RIFF" + bytes(40), "some.wav: damaged"),
    ],
    ids=["empty", "no samples", "rate", "nan", "huge", "no wav"],
)
def test_what_is_no_sound(content, message):
    with pytest.raises(DatasetError, match=message):
        read_sound(content, "some.wav")


def returns_a_sound_or_an_error_of_this_package(content):
    try:
        samples, rate = read_sound(content)
    except Hm2bpError:
        return
    assert samples.ndim == 1 and samples.dtype == np.float64 and np.isfinite(samples).all()
    assert 2000 <= rate <= 200_000


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 47), st.integers(0, 255)), max_size=6), st.integers(0, len(SMALL)))
def test_damaged_wav(changes, length):
    content = bytearray(SMALL)
    for position, value in changes:
        content[position] = value
    returns_a_sound_or_an_error_of_this_package(bytes(content[:length]))


@settings(deadline=None)
@given(st.sampled_from([b"RIFF", b"RIFX", b"RF64", b"NIST_1A\n   1024\n", b"fLaC", b""]), st.binary(max_size=120))
def test_anything_after_a_magic_number(magic, rest):
    returns_a_sound_or_an_error_of_this_package(magic + rest)


def test_without_soundfile_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ConfigurationError, match=r"a\.wav.*NIST_1A.*hm2bp_brian\[speech\]"):
        read_sound(b"NIST_1A\n   1024\n", "a.wav")


@pytest.mark.parametrize("kind", ["NIST", "FLAC"])
def test_sphere_and_flac(kind):
    file = io.BytesIO()
    soundfile.write(file, noise(), 12500, format=kind, subtype="PCM_16")
    samples, rate = read_sound(file.getvalue(), "0af1set0.wav")
    assert rate == 12500
    np.testing.assert_allclose(samples, noise(), rtol=0, atol=2**-14)
    # a header cut short is refused; samples cut off are not told by these formats' readers
    with pytest.raises(DatasetError, match="0af1set0.wav"):
        read_sound(file.getvalue()[:30], "0af1set0.wav")


def test_resampling_keeps_a_tone():
    tone = np.sin(2 * np.pi * 440 * np.arange(1600) / 8000)
    resampled = resample(tone, 8000, 12500)
    assert resampled.shape == (2500,)
    expected = np.sin(2 * np.pi * 440 * np.arange(2500) / 12500)
    assert np.abs(resampled - expected)[100:-100].max() < 0.01
    assert resample(tone, 12500, 12500) is tone


GOOD = wav_bytes(noise(800))
LIST = b"LIST" + struct.pack("<I", 7) + b"comment" + b"\0"


@pytest.mark.parametrize(
    "content",
    [
        GOOD[:4] + b"\xff" * 4 + GOOD[8:40] + b"\xff" * 4 + GOOD[44:],
        GOOD[:4] + b"\xff" * 4 + GOOD[8:36] + LIST + GOOD[36:40] + b"\xff" * 4 + GOOD[44:],
        GOOD[:40] + b"\xff" * 4 + GOOD[44:] + b"\x01",
        GOOD[:4] + bytes(4) + GOOD[8:],
        GOOD[:4] + struct.pack("<I", len(GOOD)) + GOOD[8:],
        GOOD + bytes(7),
    ],
    ids=["pipe", "pipe with a comment", "pipe, half a sample", "RIFF 0", "RIFF 8 too large", "7 bytes after"],
)
def test_wrong_sizes_do_no_harm_where_all_samples_are_there(content):
    expected, rate = soundfile.read(io.BytesIO(content))
    samples, found_rate = read_sound(content)
    assert (len(samples), found_rate) == (800, rate)
    assert np.array_equal(samples, expected)


def test_missing_samples_stay_an_error():
    with pytest.raises(DatasetError, match="a.wav: truncated WAV file: expected 1600 bytes of samples, found 1598"):
        read_sound(GOOD[:-2], "a.wav")

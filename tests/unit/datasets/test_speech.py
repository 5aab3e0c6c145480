"""Corpora of speech, with small ones that the tests make."""

import dataclasses
import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from small_files import write_tree, write_zip
from speech_files import FSDD_SPEAKERS, LETTER_SPEAKERS, digits, letters, noise, wav_bytes

from hm2bp_brian.datasets import SpeechDataset, SpikeDataset, fsdd, letters_synthetic, ti46
from hm2bp_brian.datasets import utterances as utterances_module
from hm2bp_brian.datasets.audio import read_sound, resample
from hm2bp_brian.datasets.utterances import read_signal
from hm2bp_brian.encoding import BSA, LyonEar, SpeechEncoder
from hm2bp_brian.errors import (
    ConfigurationError,
    DatasetError,
    DatasetNotFoundError,
    Hm2bpError,
    ShapeError,
    UnknownNameError,
)

DATA = Path(os.environ.get("HM2BP_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path / "cache" / "hm2bp_brian"))
    monkeypatch.delenv("HM2BP_DATA", raising=False)
    return tmp_path / "cache" / "hm2bp_brian" / "spikes"


def spikes_of(dataset, index):
    part = dataset.subset([index])
    return part.steps, part.neurons


def assert_spikes(dataset, index, content):
    samples, rate = read_sound(content)
    (expected,) = SpeechEncoder().encode([resample(samples, rate, 12500)])
    for found, wanted in zip(spikes_of(dataset, index), expected, strict=True):
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("packed", [False, True], ids=["tree", "zip"])
def test_fsdd(tmp_path, packed, monkeypatch):
    files = digits()
    if packed:
        write_zip(tmp_path / "fsdd.zip", files)
    else:
        write_tree(tmp_path / "fsdd", files)
    monkeypatch.setattr(utterances_module, "BATCH_SIZE", 5)
    train, test = fsdd(tmp_path / "fsdd.zip" if packed else tmp_path)
    assert (train.shape, train.n_classes, train.name, len(train), len(test)) == ((78,), 10, "fsdd", 12, 12)
    assert set(train.takes) == {"11"} and set(test.takes) == {"4"}
    for dataset in (train, test):
        assert set(zip(dataset.speakers, dataset.labels, strict=True)) == {
            (s, d) for s in FSDD_SPEAKERS for d in (3, 8)
        }
        for index in (0, 5, 11):
            name = f"{dataset.labels[index]}_{dataset.speakers[index]}_{dataset.takes[index]}.wav"
            assert_spikes(dataset, index, files[f"recordings/{name}"])
            assert len(spikes_of(dataset, index)[0]) > 0


def test_one_speaker_left_out(tmp_path):
    write_tree(tmp_path, digits())
    train, test = fsdd(tmp_path, leave_out="jackson")
    assert set(test.speakers) == {"jackson"} and set(test.takes) == {"4", "11"} and len(test) == 4
    assert set(train.speakers) == set(FSDD_SPEAKERS) - {"jackson"} and len(train) == 20
    with pytest.raises(UnknownNameError, match="speaker 'jakson'. Did you mean 'jackson'"):
        fsdd(tmp_path, leave_out=["jakson"])
    with pytest.raises(ConfigurationError, match="all speakers"):
        fsdd(tmp_path, leave_out=FSDD_SPEAKERS)


def test_the_first_few_samples_are_of_all_speakers(tmp_path):
    write_tree(tmp_path, digits())
    train, _ = fsdd(tmp_path)
    assert set(train.subset(12).speakers) == set(FSDD_SPEAKERS)
    assert set(train.subset(2).labels) == {3, 8}


def test_encoded_once_whatever_holds_the_files(tmp_path, monkeypatch, cache):
    files = digits()
    write_tree(tmp_path / "one", files)
    write_zip(tmp_path / "two.zip", files)
    first, _ = fsdd(tmp_path / "one")
    (kept,) = cache.iterdir()
    assert kept.name.startswith(f"fsdd-v1-{SpeechEncoder().name}-")
    with monkeypatch.context() as context:
        context.setattr(SpeechEncoder, "encode", None)
        second, _ = fsdd(tmp_path / "two.zip")
    assert np.array_equal(first.steps, second.steps) and np.array_equal(first.offsets, second.offsets)
    # another sound is another corpus
    write_tree(tmp_path / "one", {"recordings/3_theo_11.wav": wav_bytes(noise(900, 77))})
    third, _ = fsdd(tmp_path / "one")
    assert len(third.steps) != len(first.steps)
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize(
    ("loader", "folder"), [(ti46, "ti46"), (letters_synthetic, "synth_letters")], ids=["ti46", "synthetic"]
)
def test_letters(tmp_path, loader, folder):
    files = letters()
    write_tree(tmp_path / folder, files)
    train, test = loader(tmp_path)
    assert (train.name, train.n_classes, train.shape, len(train), len(test)) == (loader.__name__, 26, (78,), 16, 16)
    assert set(train.takes) == {"set0"} and set(test.takes) == {"s1t0"}
    assert sorted(train.speakers) == sorted(LETTER_SPEAKERS)
    index = int(np.flatnonzero(test.speakers == "f3")[0])
    assert test.labels[index] == 25
    assert_spikes(test, index, files["ti_alpha/test/f3/0zf3s1t0.wav"])
    train, test = loader(tmp_path, leave_out=("m7", "m8"))
    assert (len(train), len(test), set(test.speakers)) == (28, 4, {"m7", "m8"})


def test_synthetic_letters_are_not_taken_for_ti46(tmp_path):
    write_zip(tmp_path / "synth_letters" / "synth_letters.zip", letters(("f1", "m1")))
    write_tree(tmp_path / "letters_synthetic", letters(("f1", "m1")))
    with pytest.raises(DatasetNotFoundError, match="licensed corpus TI46"):
        ti46(tmp_path)


def test_upper_case_names_as_on_a_disc(tmp_path):
    write_tree(tmp_path, {name.upper(): content for name, content in letters().items()})
    train, _ = ti46(tmp_path)
    assert set(train.speakers) == set(LETTER_SPEAKERS)


def test_sphere_files_named_wav(tmp_path):
    files = {}
    for name, content in letters().items():
        samples, rate = read_sound(content)
        sphere = io.BytesIO()
        soundfile.write(sphere, samples, rate, format="NIST", subtype="PCM_16")
        files[name] = sphere.getvalue()
    write_tree(tmp_path, files)
    train, _ = ti46(tmp_path)
    index = int(np.flatnonzero(train.speakers == "m2")[0])
    assert_spikes(train, index, letters()["ti_alpha/train/m2/0am2set0.wav"])


def signal_text(signal):
    return "\n".join(" ".join(f"{value:.9g}" for value in channel) for channel in signal.T).encode()


def test_signals_of_the_ear_as_the_authors_used(tmp_path):
    signal = LyonEar(12500)(noise(1000)[np.newaxis])[0]
    text = signal_text(signal)
    files = {"train/25/0zf1set3.dat": text, "train/7/x.dat": text, "test/7/deep/0hm2s10t1.dat": signal_text(signal[:3])}
    write_tree(tmp_path, files)
    train, test = ti46(tmp_path)
    assert sorted(train.labels) == [7, 25] and list(test.labels) == [7]
    assert set(zip(train.speakers, train.takes, strict=True)) == {("f1", "set3"), ("", "x")}
    assert (test.speakers[0], test.takes[0]) == ("m2", "s10t1")
    for index in (0, 1):
        expected = np.nonzero(BSA()(signal.astype(np.float32)[np.newaxis])[0])
        assert all(map(np.array_equal, spikes_of(train, index), expected))
    assert test.steps.max() <= 30


def test_missing_speakers_are_listed_and_the_rest_goes_on(tmp_path):
    write_tree(tmp_path, digits(("george", "theo")))
    with pytest.warns(UserWarning, match="no files of the speakers jackson, lucas, nicolas, yweweler"):
        train, test = fsdd(tmp_path)
    assert (len(train), len(test)) == (4, 4)


def test_another_sample_rate_is_resampled_and_said_once(tmp_path):
    files = digits(rate=16000)
    write_tree(tmp_path, files)
    with pytest.warns(UserWarning, match="expected files of 8000 Hz, found 24 of 16000 Hz") as caught:
        train, _ = fsdd(tmp_path)
    assert len(caught) == 1
    assert_spikes(train, 0, files[f"recordings/3_{train.speakers[0]}_11.wav"])


@pytest.mark.parametrize(
    ("loader", "file", "content", "message"),
    [
        (fsdd, "recordings/3_theo_11.wav", wav_bytes(noise())[:-10], r"3_theo_11\.wav: truncated"),
        (fsdd, "recordings/3_theo_11.wav", wav_bytes(np.zeros(0)), r"3_theo_11\.wav: no samples"),
        (fsdd, "recordings/3_theo_11.wav", b"", r"3_theo_11\.wav: empty"),
        (fsdd, "recordings/three_theo_1.wav", b"", r"'recordings/three_theo_1\.wav' is no name.*<digit>_<speaker>"),
        (fsdd, "recordings/3_theo_011.wav", wav_bytes(noise()), "are the same utterance"),
        (letters_synthetic, "ti_alpha/train/f9/0af9set0.wav", b"", "is no name of an utterance"),
        (letters_synthetic, "ti_alpha/train/f1/0af2set0.wav", b"", "is no name of an utterance"),
        (ti46, "ti_alpha/train/seven/a.dat", b"1", "is no name of an utterance"),
        (ti46, "train/26/a.dat", b"1", "label 26"),
    ],
    ids=["truncated", "no samples", "empty", "name", "twice", "speaker", "other folder", "label folder", "label"],
)
def test_bad_files_are_named(tmp_path, loader, file, content, message):
    if not file.endswith(".dat"):
        write_tree(tmp_path, digits() if loader is fsdd else letters())
    write_tree(tmp_path, {file: content})
    with pytest.raises(DatasetError, match=message):
        loader(tmp_path)


def test_no_test_utterances(tmp_path):
    write_tree(tmp_path, {name: content for name, content in digits().items() if "_4" not in name})
    with pytest.raises(DatasetError, match="no test utterances"):
        fsdd(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"0.1 0.2\n0.1 0.2", "expected 3 lines.*found 2 lines"),
        (b"0.1 0.2\n0.1\n0.1 0.2", "found 3 lines of 1 to 2"),
        (b"\n\n\n", "of 0 to 0"),
        (b"0.1\nzero\n0.1", "zero"),
        (b"0.1\nnan\n0.1", "no number"),
        (b"0.1\n2\n0.1", "above 1"),
        ("0.1\n\u00b5\n0.1".encode(), "decode"),
    ],
    ids=["lines", "lengths", "empty", "word", "nan", "large", "foreign"],
)
def test_what_is_no_signal(content, message):
    with pytest.raises(DatasetError, match=rf"(?s)a\.dat.*{message}"):
        read_signal(content, 3, "a.dat")


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text("0123456789.e+-na \n", max_size=60).map(str.encode)))
def test_any_bytes_as_a_signal(content):
    try:
        signal = read_signal(content, 2)
    except Hm2bpError:
        return
    assert signal.shape[1] == 2 and len(signal) > 0 and np.isfinite(signal).all()


def test_speech_dataset_is_a_spike_dataset():
    spikes = {"steps": [1, 2], "neurons": [0, 1], "offsets": [0, 1, 2, 2], "labels": np.array([0, 1, 1]), "shape": (2,)}
    dataset = SpeechDataset(**spikes, n_classes=2, name="words", speakers=["a", "b", "c"], takes=["0", "1", "0"])
    assert isinstance(dataset, SpikeDataset)
    assert "3 samples" in repr(dataset) and len(repr(dataset)) < 120
    some = dataset.subset([2, 1])
    assert (list(some.speakers), list(some.takes), list(some.steps)) == (["c", "b"], ["0", "1"], [2])
    assert list(dataset.subset(2).speakers) == ["a", "b"]
    with pytest.raises(ShapeError, match="takes for each of 3 labels"):
        dataclasses.replace(dataset, takes=["0"])


def test_the_real_fsdd_is_all_there(monkeypatch):
    """Names only: encoding takes a minute."""
    if not (DATA / "fsdd").is_dir():
        pytest.skip("needs the Free Spoken Digit Dataset in ../shared/data or HM2BP_DATA")
    empty = (np.zeros(0, int), np.zeros(0, int), np.zeros(3001, int))
    monkeypatch.setattr(utterances_module, "cached_spikes", lambda name, encode: empty)
    train, test = fsdd(DATA)
    assert (len(train), len(test)) == (2700, 300)
    assert np.array_equal(np.bincount(test.labels), [30] * 10)
    assert {speaker: int((train.speakers == speaker).sum()) for speaker in FSDD_SPEAKERS} == dict.fromkeys(
        FSDD_SPEAKERS, 450
    )

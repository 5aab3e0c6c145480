"""Speech Commands, test-set split, from small files like its own, and the real ones where they are."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly
from speech_files import noise

from hm2bp_brian.datasets import SPEECH_COMMANDS_WORDS, SpeechDataset, speech_commands
from hm2bp_brian.datasets import utterances as utterances_module
from hm2bp_brian.datasets.speech_commands import OTHERS, SPEECH_COMMANDS, equally_loud, from_mu_law
from hm2bp_brian.encoding import SpeechEncoder
from hm2bp_brian.errors import ConfigurationError, DatasetError, UnknownNameError

DATA = Path(os.environ.get("HM2BP_DATA", Path(__file__).parents[4] / "shared" / "data"))
N_SAMPLES = 1000
CLASSES = (*SPEECH_COMMANDS_WORDS, *OTHERS)
# (class, speaker, name of the file, tested on), a tuple for each file
CLIPS = (
    (
        ("yes", "bb", "yes/bb_nohash_0.wav", False),
        ("yes", "aa", "yes/aa_nohash_1.wav", True),
        ("left", "bb", "left/bb_nohash_0.wav", False),
    ),
    (("right", "cc", "right/cc_nohash_0.wav", False), ("go", "aa", "go/aa_nohash_0.wav", True)),
    (
        ("_unknown_", "aa", "_unknown_/bed_aa_nohash_0.wav.wav", True),
        ("_unknown_", "aa", "_unknown_/cat_aa_nohash_0.wav.wav", True),
        ("_silence_", "", "_silence_/12.wav", False),
    ),
)


def codes_of(sound):
    """mu-law of 8 bits, the textbook's formula with mu = 255."""
    return np.rint((np.sign(sound) * np.log1p(255 * np.abs(sound)) / np.log(256) + 1) / 2 * 255).astype(np.uint8)


@pytest.fixture
def codes(tmp_path, monkeypatch):
    """The codes of each clip by the name of its file; the files lie in tmp_path."""
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HM2BP_DATA", raising=False)
    made = {}
    for file, clips in zip(SPEECH_COMMANDS.sha256, CLIPS, strict=True):
        words, speakers, names, tested = zip(*clips, strict=True)
        for loudness, name in enumerate(names, start=1):
            made[name] = codes_of(0.4 * loudness * noise(N_SAMPLES, seed=len(made)))
        np.savez(
            tmp_path / file,
            audio_mulaw8k=np.array([made[name] for name in names]),
            labels=np.array([CLASSES.index(word) for word in words], np.uint8),
            filename=names,
            speaker=speakers,
            suggested_test=tested,
        )
        monkeypatch.setitem(SPEECH_COMMANDS.sha256, file, hashlib.sha256((tmp_path / file).read_bytes()).hexdigest())
    return made


def spikes_by_hand(codes):
    """Code by code, then the checked parts: resampling, ear and BSA."""
    sound = np.array([(1 if c > 127.5 else -1) * (256 ** abs(2 * c / 255 - 1) - 1) / 255 for c in codes.tolist()])
    sound -= sum(sound) / len(sound)
    sound *= 0.1 / np.sqrt(sum(sound**2) / len(sound))
    (spikes,) = SpeechEncoder().encode([resample_poly(sound, 25, 16)])
    return spikes


def test_words_of_speakers_who_are_not_trained_on(tmp_path, codes):
    train, test = speech_commands(tmp_path)
    assert (train.name, train.n_classes, train.shape, len(train), len(test)) == ("speech_commands", 10, (78,), 3, 2)
    assert isinstance(train, SpeechDataset)
    assert (train.speakers.tolist(), train.labels.tolist()) == (["bb", "bb", "cc"], [0, 4, 5])
    found = {}
    for dataset in (train, test):
        for index in range(len(dataset)):
            part = dataset.subset([index])
            name = f"{SPEECH_COMMANDS_WORDS[part.labels[0]]}/{part.takes[0]}"
            found[name] = part
            assert name.split("/")[1].startswith(part.speakers[0])
    assert set(found) == {name for clips in CLIPS[:2] for _, _, name, _ in clips}
    assert set(test.speakers) == {"aa"}
    for name, part in found.items():
        steps, channels = spikes_by_hand(codes[name])
        assert len(steps) > 20
        assert np.array_equal(part.steps, steps) and np.array_equal(part.neurons, channels)


def test_unknown_words_and_silence_on_demand(tmp_path, codes):
    train, test = speech_commands(tmp_path, with_unknown_and_silence=True)
    assert (train.n_classes, sorted(train.labels), sorted(test.labels)) == (12, [0, 4, 5, 11], [0, 9, 10, 10])
    silence = train.subset(np.flatnonzero(train.labels == 11))
    assert (silence.speakers.tolist(), silence.takes.tolist()) == ([""], ["12.wav"])
    unknown = test.subset(np.flatnonzero(test.labels == 10))
    assert unknown.takes.tolist() == ["bed_aa_nohash_0.wav.wav", "cat_aa_nohash_0.wav.wav"]
    steps, channels = spikes_by_hand(codes["_unknown_/cat_aa_nohash_0.wav.wav"])
    part = unknown.subset([1])
    assert np.array_equal(part.steps, steps) and np.array_equal(part.neurons, channels)


def test_speakers_left_out(tmp_path, codes):
    train, test = speech_commands(tmp_path, leave_out="bb")
    assert (train.speakers.tolist(), test.speakers.tolist()) == (["aa", "aa", "cc"], ["bb", "bb"])
    with pytest.raises(UnknownNameError, match="speaker 'dd'"):
        speech_commands(tmp_path, leave_out=["dd"])
    with pytest.raises(ConfigurationError, match="all speakers"):
        speech_commands(tmp_path, leave_out=("aa", "bb", "cc"))


def test_encoded_once(tmp_path, codes, monkeypatch):
    first, _ = speech_commands(tmp_path)
    (kept,) = (tmp_path / "cache" / "spikes").iterdir()
    assert kept.name.startswith(f"speech_commands-v1-{SpeechEncoder().name}-rms-0.1-")
    monkeypatch.setattr(SpeechEncoder, "encode", None)
    second, _ = speech_commands(tmp_path)
    assert np.array_equal(first.steps, second.steps) and np.array_equal(first.offsets, second.offsets)


def test_another_file_is_refused(tmp_path, codes):
    path = tmp_path / next(iter(SPEECH_COMMANDS.sha256))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DatasetError, match=f"{path.name}: expected a file with sha256"):
        speech_commands(tmp_path)


def test_mu_law_of_known_codes():
    decoded = from_mu_law(np.arange(256, dtype=np.uint8))
    assert decoded[[0, 255]] == pytest.approx([-1, 1])
    assert decoded == pytest.approx(-decoded[::-1])
    # y = 1/3: (256^(1/3) - 1) / 255
    assert decoded[170] == pytest.approx(0.020979, rel=1e-4)
    assert codes_of(decoded).tolist() == list(range(256))


def test_loudness_is_one_and_silence_stays_silent():
    sound = noise(2000)
    for factor in (0.01, 1.5):
        scaled = equally_loud(factor * sound + 0.05)
        assert (scaled.mean(), np.sqrt((scaled**2).mean())) == pytest.approx((0, 0.1), abs=1e-12)
    assert np.abs(equally_loud(np.full(8000, 8.6e-5))).max() < 1e-9


def test_the_real_clips_are_all_there(monkeypatch):
    """Names only: encoding takes minutes."""
    if not (DATA / "speech_commands_v2_test").is_dir():
        pytest.skip("needs Speech Commands, test-set split, in ../shared/data or HM2BP_DATA")

    def no_spikes(name, encode):
        n_clips = 4890 if all_classes else 4074
        return np.zeros(0, int), np.zeros(0, int), np.zeros(n_clips + 1, int)

    monkeypatch.setattr(utterances_module, "cached_spikes", no_spikes)
    for all_classes, sizes in ((False, (3202, 872)), (True, (3860, 1030))):
        train, test = speech_commands(DATA, with_unknown_and_silence=all_classes)
        assert (len(train), len(test)) == sizes
        assert not set(train.speakers) & set(test.speakers) - {""}
        assert np.bincount(train.labels, minlength=10)[:10].min() > 300
    whole, held_out = (set(train.speakers[part]) for part in (slice(-600), slice(-600, None)))
    assert len(whole & held_out) <= 1

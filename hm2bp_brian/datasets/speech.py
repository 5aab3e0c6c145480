"""Spoken digits and letters, encoded by Lyon's ear and BSA: 78 channels, steps of 1.6 ms."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from hm2bp_brian.datasets.archives import Members
from hm2bp_brian.datasets.corpus import Corpus
from hm2bp_brian.datasets.utterances import (
    SignalEncoding,
    SoundEncoding,
    SpeechDataset,
    Utterance,
    check_utterances,
    load_utterances,
    split,
)
from hm2bp_brian.encoding.speech import SpeechEncoder
from hm2bp_brian.errors import DatasetError

FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
FSDD_TEST_TAKES = 5
FSDD_SAMPLE_RATE = 8000
FSDD_FILE = re.compile(r"(?:.*/)?(\d)_([a-z]+)_(\d+)\.wav", re.IGNORECASE)
FSDD = Corpus(
    name="fsdd",
    subfolders=("fsdd", ""),
    pattern=r"[^/]+\.wav|(?:[^/]+/)?recordings/[^/]+\.wav",
    archive="*.zip",
    expected="the folder 'recordings' of the Free Spoken Digit Dataset (3000 files such as 7_jackson_32.wav), or a zip",
    addresses=(
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/26eb9aaf76e81b692f806f9140c2d2777410d7a1.zip",
    ),
    sha256="0fbe6612aaa20a80ef4371894a46e060038337a518fe3d4728cb7eee7caa013c",
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LETTER_SPEAKERS = tuple(f"{sex}{number}" for sex in "fm" for number in range(1, 9))
LETTER_SAMPLE_RATE = 12500
LETTER_FILE = re.compile(r"(?:.*/)?(train|test)/([fm][1-8])/0([a-z])\2(set\d+|s\d+t\d+)\.wav", re.IGNORECASE)
LETTER_TREE = "ti_alpha/train/<speaker>/0<letter><speaker>set0.wav, ti_alpha/test/<speaker>/0<letter><speaker>s1t0.wav"
TI46 = Corpus(
    name="ti46",
    subfolders=("ti46", ""),
    pattern=r"(?:ti46/)?(?:ti_alpha/)?(?:train|test)/.*\.(?:wav|dat)",
    archive=None,
    expected=f"the tree ti_alpha of the licensed corpus TI46 (LDC93S9: {LETTER_TREE})",
)
LETTERS_SYNTHETIC = Corpus(
    name="letters_synthetic",
    subfolders=("letters_synthetic", "synth_letters", ""),
    pattern=r"(?:ti_alpha/)?(?:train|test)/.*\.wav",
    archive="synth_letters*.zip",
    expected=f"synth_letters.zip, or a tree of synthetic spoken letters ({LETTER_TREE})",
)

SIGNAL_FILE = re.compile(r"(?:.*/)?(train|test)/(\d{1,2})/(?:.*/)?([^/]+)\.dat", re.IGNORECASE)
SIGNAL_NAME = re.compile(r"0[a-z]([fm][1-8])(set\d+|s\d+t\d+)", re.IGNORECASE)


def fsdd(
    data: str | os.PathLike | None = None, leave_out: str | Sequence[str] = ()
) -> tuple[SpeechDataset, SpeechDataset]:
    """Spoken digits: the Free Spoken Digit Dataset, 6 speakers, 50 takes of each digit, resampled from 8 to 12.5 kHz.

    The channels above 4 kHz, 0 to 9, are silent. The first call encodes the files, which takes a minute, and keeps
    the spikes in the cache.

    Parameters
    ----------
    data : path, optional
        Folder that holds the wav files, a folder ``recordings`` or a zip with them, or holds one of these in
        ``fsdd/``; or the zip. Without it they are looked for in the folder that the environment variable HM2BP_DATA
        names and in the cache, and are downloaded as a last resort.
    leave_out : str or sequence of str
        Speakers to test on: all their utterances, while all others are trained on. Without it, the official split:
        takes 0 to 4 of each speaker are for testing.

    Returns
    -------
    train, test : SpeechDataset

    Warns
    -----
    UserWarning
        If speakers are missing, or files have another sample rate.

    Raises
    ------
    DatasetNotFoundError
        If the files are not there and can't be downloaded.
    DatasetError
        If a file is damaged, or its name doesn't fit.
    UnknownNameError, ConfigurationError
        If ``leave_out`` names nobody, or everybody.

    Examples
    --------
    >>> train, test = hb.datasets.fsdd(leave_out="theo")                   # doctest: +SKIP
    >>> test.shape, set(test.speakers.tolist())                            # doctest: +SKIP
    ((78,), {'theo'})
    """
    encoding = SoundEncoding(SpeechEncoder(), FSDD_SAMPLE_RATE)
    with FSDD.open(data) as members:
        return _load(FSDD, members, _digit, encoding, FSDD_SPEAKERS, 10, leave_out)


def ti46(
    data: str | os.PathLike | None = None, leave_out: str | Sequence[str] = ()
) -> tuple[SpeechDataset, SpeechDataset]:
    """Spoken letters of TI46 (LDC93S9, licensed): 16 speakers, 12.5 kHz.

    Parameters
    ----------
    data : path, optional
        Folder that is, or holds, the tree ``ti_alpha`` of the corpus, in WAV or (with soundfile installed) NIST SPHERE
        as the LDC distributes it; or a tree ``{train,test}/<0..25>/*.dat`` of the signals of Lyon's ear, text files
        with a line for each of 78 channels, as Jin, Zhang & Li used. Without it, it is looked for in the folder that
        the environment variable HM2BP_DATA names and in the cache.
    leave_out : str or sequence of str
        Speakers to test on: all their utterances, while all others are trained on. Without it, the corpus's own split.

    Returns
    -------
    train, test : SpeechDataset

    Warns
    -----
    UserWarning
        As `fsdd`.

    Raises
    ------
    DatasetNotFoundError, DatasetError, UnknownNameError, ConfigurationError
        As `fsdd`, but nothing is downloaded; ConfigurationError also if soundfile is needed and not installed.

    Examples
    --------
    >>> train, test = hb.datasets.ti46("ti46")                             # doctest: +SKIP
    >>> train.shape, train.n_classes                                       # doctest: +SKIP
    ((78,), 26)
    """
    with TI46.open(data) as members:
        if any(file.lower().endswith(".dat") for file in members.names):
            return _load(TI46, members, _signal, SignalEncoding(SpeechEncoder()), (), len(LETTERS), leave_out)
        return _load(TI46, members, _letter, _letters_encoding(), LETTER_SPEAKERS, len(LETTERS), leave_out)


def letters_synthetic(
    data: str | os.PathLike | None = None, leave_out: str | Sequence[str] = ()
) -> tuple[SpeechDataset, SpeechDataset]:
    """Synthetic spoken letters: 16 voices of a speech synthesizer in the layout of TI46, 12.5 kHz.

    They stand in for TI46 where that is not to be had. Nobody spoke them.

    Parameters
    ----------
    data : path, optional
        Folder that holds the tree ``ti_alpha`` or ``synth_letters.zip``, or holds one of them in
        ``letters_synthetic/`` or ``synth_letters/``; or the zip. Without it, it is looked for in the folder that the
        environment variable HM2BP_DATA names and in the cache.
    leave_out : str or sequence of str
        Voices to test on, such as ``("f7", "f8", "m7", "m8")``: all their utterances, while all others are trained
        on. Without it, the takes in the folder ``test``.

    Returns
    -------
    train, test : SpeechDataset

    Warns
    -----
    UserWarning
        As `fsdd`.

    Raises
    ------
    DatasetNotFoundError, DatasetError, UnknownNameError, ConfigurationError
        As `fsdd`, but nothing is downloaded.

    Examples
    --------
    >>> train, test = hb.datasets.letters_synthetic(leave_out=("f7", "f8", "m7", "m8"))  # doctest: +SKIP
    >>> sorted(set(test.speakers.tolist()))                                # doctest: +SKIP
    ['f7', 'f8', 'm7', 'm8']
    """
    with LETTERS_SYNTHETIC.open(data) as members:
        encoding = _letters_encoding()
        return _load(LETTERS_SYNTHETIC, members, _letter, encoding, LETTER_SPEAKERS, len(LETTERS), leave_out)


def _letters_encoding() -> SoundEncoding:
    return SoundEncoding(SpeechEncoder(), LETTER_SAMPLE_RATE)


def _load(source, members, utterance, encoding, speakers, n_classes, leave_out) -> tuple[SpeechDataset, SpeechDataset]:
    utterances = [utterance(members, file) for file in members.names]
    utterances = check_utterances(source.name, utterances, speakers)
    return split(load_utterances(source.name, members, utterances, encoding, n_classes), utterances, leave_out)


def _digit(members: Members, file: str) -> Utterance:
    digit, speaker, take = _parts(FSDD_FILE, members, file, "<digit>_<speaker>_<take>.wav")
    part = "test" if int(take) < FSDD_TEST_TAKES else "train"
    return Utterance(part, str(int(take)), speaker.lower(), int(digit), file)


def _letter(members: Members, file: str) -> Utterance:
    part, speaker, letter, take = (text.lower() for text in _parts(LETTER_FILE, members, file, LETTER_TREE))
    return Utterance(part, take, speaker, LETTERS.index(letter), file)


def _signal(members: Members, file: str) -> Utterance:
    expected = "{train,test}/<label 0..25>/<name>.dat"
    part, label, stem = _parts(SIGNAL_FILE, members, file, expected)
    if int(label) >= len(LETTERS):
        raise DatasetError(f"{members.path}: '{file}' has the label {label}, expected {expected}")
    fits = SIGNAL_NAME.fullmatch(stem)
    speaker, take = (fits[1].lower(), fits[2].lower()) if fits else ("", stem)
    return Utterance(part.lower(), take, speaker, int(label), file)


def _parts(pattern: re.Pattern, members: Members, file: str, expected: str) -> tuple[str, ...]:
    match = pattern.fullmatch(file)
    if match is None:
        raise DatasetError(f"{members.path}: '{file}' is no name of an utterance, expected {expected}")
    return match.groups()

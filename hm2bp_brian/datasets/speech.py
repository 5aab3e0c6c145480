"""Spoken digits and letters, encoded by Lyon's ear and BSA: 78 channels, steps of 1.6 ms."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from hm2bp_brian.datasets.corpus import Corpus, CorpusSource, find_corpus
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
FSDD = CorpusSource(
    name="fsdd",
    folders=("fsdd",),
    files=r"[^/]+\.wav|(?:[^/]+/)?recordings/[^/]+\.wav",
    archive="*.zip",
    advice="the folder 'recordings' of the Free Spoken Digit Dataset (3000 files such as 7_jackson_32.wav), or a zip",
    address="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/26eb9aaf76e81b692f806f9140c2d2777410d7a1.zip",
    sha256="0fbe6612aaa20a80ef4371894a46e060038337a518fe3d4728cb7eee7caa013c",
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LETTER_SPEAKERS = tuple(f"{sex}{number}" for sex in "fm" for number in range(1, 9))
LETTER_SAMPLE_RATE = 12500
LETTER_FILE = re.compile(r"(?:.*/)?(train|test)/([fm][1-8])/0([a-z])\2(set\d+|s\d+t\d+)\.wav", re.IGNORECASE)
LETTER_TREE = "ti_alpha/train/<speaker>/0<letter><speaker>set0.wav, ti_alpha/test/<speaker>/0<letter><speaker>s1t0.wav"
TI46 = CorpusSource(
    name="ti46",
    folders=("ti46",),
    files=r"(?:ti46/)?(?:ti_alpha/)?(?:train|test)/.*\.(?:wav|dat)",
    archive=None,
    advice=f"the tree ti_alpha of the licensed corpus TI46 (LDC93S9: {LETTER_TREE})",
)
LETTERS_SYNTHETIC = CorpusSource(
    name="letters_synthetic",
    folders=("letters_synthetic", "synth_letters"),
    files=r"(?:ti_alpha/)?(?:train|test)/.*\.wav",
    archive="synth_letters*.zip",
    advice=f"synth_letters.zip, or a tree of synthetic spoken letters ({LETTER_TREE})",
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
    """
    corpus = find_corpus(FSDD, data)
    utterances = [_digit(corpus, file) for file in corpus.sizes]
    encoding = SoundEncoding(SpeechEncoder(), FSDD_SAMPLE_RATE)
    return _load(FSDD, corpus, utterances, encoding, FSDD_SPEAKERS, 10, leave_out)


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
    """
    corpus = find_corpus(TI46, data)
    if any(file.lower().endswith(".dat") for file in corpus.sizes):
        utterances = [_signal(corpus, file) for file in corpus.sizes]
        return _load(TI46, corpus, utterances, SignalEncoding(SpeechEncoder()), (), 26, leave_out)
    return _load_letters(TI46, corpus, leave_out)


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
    """
    return _load_letters(LETTERS_SYNTHETIC, find_corpus(LETTERS_SYNTHETIC, data), leave_out)


def _load_letters(source: CorpusSource, corpus: Corpus, leave_out) -> tuple[SpeechDataset, SpeechDataset]:
    utterances = [_letter(corpus, file) for file in corpus.sizes]
    encoding = SoundEncoding(SpeechEncoder(), LETTER_SAMPLE_RATE)
    return _load(source, corpus, utterances, encoding, LETTER_SPEAKERS, len(LETTERS), leave_out)


def _load(source, corpus, utterances, encoding, speakers, n_classes, leave_out) -> tuple[SpeechDataset, SpeechDataset]:
    utterances = check_utterances(source.name, utterances, speakers)
    return split(load_utterances(source.name, corpus, utterances, encoding, n_classes), utterances, leave_out)


def _digit(corpus: Corpus, file: str) -> Utterance:
    digit, speaker, take = _parts(FSDD_FILE, corpus, file, "<digit>_<speaker>_<take>.wav")
    part = "test" if int(take) < FSDD_TEST_TAKES else "train"
    return Utterance(part, str(int(take)), speaker.lower(), int(digit), file)


def _letter(corpus: Corpus, file: str) -> Utterance:
    part, speaker, letter, take = (text.lower() for text in _parts(LETTER_FILE, corpus, file, LETTER_TREE))
    return Utterance(part, take, speaker, LETTERS.index(letter), file)


def _signal(corpus: Corpus, file: str) -> Utterance:
    expected = "{train,test}/<label 0..25>/<name>.dat"
    part, label, stem = _parts(SIGNAL_FILE, corpus, file, expected)
    if int(label) >= len(LETTERS):
        raise DatasetError(f"{corpus.path}: '{file}' has the label {label}, expected {expected}")
    fits = SIGNAL_NAME.fullmatch(stem)
    speaker, take = (fits[1].lower(), fits[2].lower()) if fits else ("", stem)
    return Utterance(part.lower(), take, speaker, int(label), file)


def _parts(pattern: re.Pattern, corpus: Corpus, file: str, expected: str) -> tuple[str, ...]:
    match = pattern.fullmatch(file)
    if match is None:
        raise DatasetError(f"{corpus.path}: '{file}' is no name of an utterance, expected {expected}")
    return match.groups()

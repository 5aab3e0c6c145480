"""Utterances of a corpus: from the names of their files to labelled spike trains."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from hm2bp_brian.datasets.archives import Members
from hm2bp_brian.datasets.audio import read_sound, resample
from hm2bp_brian.datasets.labelled import SpikeDataset
from hm2bp_brian.datasets.spike_cache import cached_spikes
from hm2bp_brian.encoding.speech import SpeechEncoder
from hm2bp_brian.errors import ConfigurationError, DatasetError, ShapeError, UnknownNameError

VERSION = 1  # raise it when the same sounds get other spikes: it is part of the names in the cache
BATCH_SIZE = 64


@dataclass(frozen=True, order=True)
class Utterance:
    """What the name of a file tells: its part ("train" or "test"), take, speaker, label and the name itself.

    Sorted in this order, so that the first or last so many of a corpus are of all speakers and labels.
    """

    part: str
    take: str
    speaker: str
    label: int
    file: str


@dataclass(frozen=True, eq=False, repr=False)
class SpeechDataset(SpikeDataset):
    """Labelled spike trains of utterances; see `SpikeDataset` for its parameters.

    Parameters
    ----------
    speakers, takes : str arrays (n,)
        Who spoke each utterance, and which of the speaker's takes it is, as the corpus names them; empty where the
        corpus doesn't tell.

    Raises
    ------
    ShapeError
        If there is not one of each for each label.

    Examples
    --------
    >>> spikes = {"steps": [4, 8, 1], "neurons": [0, 1, 1], "offsets": [0, 2, 3], "shape": (2,)}
    >>> speakers, takes = ["anna", "berta"], ["0", "0"]
    >>> spoken = hb.datasets.SpeechDataset(
    ...     **spikes, labels=[0, 1], n_classes=2, name="words", speakers=speakers, takes=takes
    ... )
    >>> spoken.subset(np.flatnonzero(spoken.speakers == "berta")).labels
    array([1])
    """

    speakers: np.ndarray
    takes: np.ndarray

    def __post_init__(self):
        super().__post_init__()
        for field in ("speakers", "takes"):
            value = np.asarray(getattr(self, field), dtype=str)
            if value.shape != self.labels.shape:
                raise ShapeError(
                    f"{self.name}: expected one of {field} for each of {len(self)} labels, found {value.shape}"
                )
            object.__setattr__(self, field, value)

    def subset(self, selection) -> SpeechDataset:
        """Some of the utterances, in the order given; see ``ImageDataset.subset``."""
        part = super().subset(selection)
        # the same selection, which may be a count, of the index of each utterance
        selection = np.arange(selection) if np.ndim(selection) == 0 else np.asarray(selection)
        return SpeechDataset(
            part.steps,
            part.neurons,
            part.offsets,
            part.labels,
            part.shape,
            part.n_classes,
            part.name,
            self.speakers[selection],
            self.takes[selection],
            dt=part.dt,
        )


class SoundEncoding:
    """From the content of sound files to spikes.

    Parameters
    ----------
    encoder : SpeechEncoder
    sample_rate : int
        That the corpus is known to have. Others are counted in ``other_rates``; all are brought to the ear's.
    """

    def __init__(self, encoder: SpeechEncoder, sample_rate: int):
        self.encoder = encoder
        self.sample_rate = sample_rate
        self.name = encoder.name
        self.n_channels = encoder.ear.n_channels
        self.other_rates = Counter()

    def __call__(self, files: dict[str, bytes]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Steps and channels of the spikes of each file."""
        sounds = []
        for file, content in files.items():
            samples, rate = read_sound(content, file)
            if rate != self.sample_rate:
                self.other_rates[rate] += 1
            sounds.append(resample(samples, rate, int(self.encoder.ear.sample_rate)))
        return self.encoder.encode(sounds)


class SignalEncoding:
    """From the content of text files with an ear's signals to spikes: a line a channel, a number a frame.

    Parameters
    ----------
    encoder : SpeechEncoder
        Of which the ear tells the number of channels only.
    """

    def __init__(self, encoder: SpeechEncoder):
        self.encoder = encoder
        self.name = encoder.name + "-dat"
        self.n_channels = encoder.ear.n_channels
        self.other_rates = Counter()

    def __call__(self, files: dict[str, bytes]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Steps and channels of the spikes of each file."""
        signals = [read_signal(content, self.n_channels, file) for file, content in files.items()]
        return self.encoder.encode_signals(signals)


def read_signal(content: bytes, n_channels: int, name: object = "<bytes>") -> np.ndarray:
    """Read a text file with a line a channel and a number a frame.

    Returns
    -------
    float32 array (n_frames, n_channels)
        float32, as the authors' program reads them.

    Raises
    ------
    DatasetError
        If there are other characters, another number of lines, lines of different lengths or numbers out of range.
    """
    expected = f"expected {n_channels} lines (channels) of equally many numbers (frames)"
    try:
        rows = [[float(value) for value in line.split()] for line in content.decode("ascii").splitlines()]
    except ValueError as error:  # UnicodeDecodeError too
        raise DatasetError(f"{name}: {expected}; {error}") from error
    lengths = {len(row) for row in rows}
    if len(rows) != n_channels or len(lengths) != 1 or lengths == {0}:
        found = f"{min(lengths, default=0)} to {max(lengths, default=0)}"
        raise DatasetError(f"{name}: {expected}; found {len(rows)} lines of {found} numbers")
    signal = np.array(rows).T
    if not (np.abs(signal) <= 1).all():
        raise DatasetError(f"{name}: an ear's signals are small numbers, found one above 1 or no number")
    return signal.astype(np.float32)


def load_utterances(
    name: str, members: Members, utterances: Sequence[Utterance], encoding: Callable, n_classes: int
) -> SpeechDataset:
    """Spike trains of utterances, from the cache or encoded now; no more than 64 files are in memory at a time.

    Parameters
    ----------
    name : str
        Of the data set.
    members : Members
        The files of the corpus.
    utterances : sequence of Utterance
        Which are the samples, in this order.
    encoding : SoundEncoding or SignalEncoding
    n_classes : int

    Raises
    ------
    DatasetError, ConfigurationError
        If a file is damaged or foreign; the message names it.
    """
    digest = hashlib.sha256()
    for utterance in utterances:
        identity = f"{utterance.part} {utterance.take} {utterance.speaker} {utterance.label}"
        digest.update(identity.encode() + hashlib.sha256(members.read(utterance.file)).digest())
    steps, neurons, offsets = cached_spikes(
        f"{name}-v{VERSION}-{encoding.name}-{digest.hexdigest()[:16]}",
        lambda: _encode(name, members, utterances, encoding),
    )
    if encoding.other_rates:
        rates = ", ".join(f"{count} of {rate} Hz" for rate, count in sorted(encoding.other_rates.items()))
        warnings.warn(
            f"{name}: expected files of {encoding.sample_rate} Hz, found {rates}; they are resampled", stacklevel=4
        )
    return SpeechDataset(
        steps,
        neurons,
        offsets,
        np.array([utterance.label for utterance in utterances]),
        (encoding.n_channels,),
        n_classes,
        name,
        [utterance.speaker for utterance in utterances],
        [utterance.take for utterance in utterances],
    )


def _encode(name: str, members: Members, utterances: Sequence[Utterance], encoding: Callable):
    spikes = [None] * len(utterances)
    # files of about the same length together, so that little is padded
    order = sorted(range(len(utterances)), key=lambda index: members.size(utterances[index].file))
    with tqdm(total=len(order), desc=f"encoding {name}", unit="file", leave=False, disable=None) as bar:
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            files = {utterances[index].file: members.read(utterances[index].file) for index in batch}
            for index, trains in zip(batch, encoding(files), strict=True):
                spikes[index] = [array.astype(np.int32) for array in trains]
            bar.update(len(batch))
    steps, neurons = (np.concatenate(arrays) for arrays in zip(*spikes, strict=True))
    return steps, neurons, np.cumsum([0] + [len(trains[0]) for trains in spikes])


def check_utterances(name: str, utterances: Sequence[Utterance], speakers: Sequence[str]) -> list[Utterance]:
    """Utterances sorted by part, take, speaker and label; speakers that are missing are listed in a warning.

    Raises
    ------
    DatasetError
        If two files are the same utterance.
    """
    utterances = sorted(utterances)
    for one, two in zip(utterances, utterances[1:], strict=False):
        if dataclasses.replace(one, file=two.file) == two:
            raise DatasetError(f"{name}: '{one.file}' and '{two.file}' are the same utterance; take one of them away")
    missing = sorted(set(speakers) - {utterance.speaker for utterance in utterances})
    if missing:
        warnings.warn(f"{name}: no files of the speakers {', '.join(missing)}; going on with the others", stacklevel=4)
    return utterances


def split(
    dataset: SpeechDataset, utterances: Sequence[Utterance], leave_out: str | Sequence[str]
) -> tuple[SpeechDataset, SpeechDataset]:
    """Training and test samples: the corpus's own parts or, if speakers are left out, all others' and all theirs.

    Raises
    ------
    UnknownNameError
        If there is no such speaker.
    ConfigurationError
        If all speakers are left out.
    DatasetError
        If a part is empty.
    """
    leave_out = [leave_out] if isinstance(leave_out, str) else list(leave_out)
    known = sorted(set(dataset.speakers))
    for speaker in leave_out:
        if speaker not in known:
            raise UnknownNameError("speaker", speaker, known)
    if leave_out:
        test = np.isin(dataset.speakers, leave_out)
        if test.all():
            raise ConfigurationError(f"{dataset.name}: leave_out names all speakers; none is left to train on")
    else:
        test = np.array([utterance.part == "test" for utterance in utterances])
        if test.all() or not test.any():
            raise DatasetError(f"{dataset.name}: no {'training' if test.all() else 'test'} utterances in the corpus")
    return dataset.subset(np.flatnonzero(~test)), dataset.subset(np.flatnonzero(test))

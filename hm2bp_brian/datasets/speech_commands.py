"""Speech Commands (Warden 2018), test-set split: ten words of many speakers, encoded by Lyon's ear and BSA."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from hm2bp_brian.datasets.audio import resample
from hm2bp_brian.datasets.fetch import fetch
from hm2bp_brian.datasets.npz_files import NpzFiles
from hm2bp_brian.datasets.utterances import SpeechDataset, Utterance, load_utterances, split
from hm2bp_brian.encoding.speech import SpeechEncoder

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
OTHERS = ("_unknown_", "_silence_")  # the classes behind the words
WORD_FILES = {
    "gsc_v002_test_mulaw8k_part1_yes_no_up_down_left.npz": (
        "e457a9a7db6514916abd980883da10f39d7f6696ec536a62e989c0a4f5fa8e22"
    ),
    "gsc_v002_test_mulaw8k_part2_right_on_off_stop_go.npz": (
        "d3722f2b74238fba7481a66005c61112a90b9cf487cf5e07aef7b9d661192af5"
    ),
}
OTHERS_FILE = {
    "gsc_v002_test_mulaw8k_part3_unknown_silence.npz": (
        "e468a0e2743148cad04c80400290e8a56b138959462d2f0d135836193299526a"
    ),
}
SPEECH_COMMANDS = NpzFiles(
    name="speech_commands",
    sha256=WORD_FILES | OTHERS_FILE,
    subfolders=("speech_commands", "speech_commands_v2_test", ""),
)
SAMPLE_RATE = 8000
RMS = 0.1  # of each clip after scaling, about that of the other corpora of speech
SOFTEST = 1e-4  # below a step of the 8-bit code there is nothing to be scaled up


def speech_commands(
    data: str | os.PathLike | None = None, leave_out: str | Sequence[str] = (), with_unknown_and_silence: bool = False
) -> tuple[SpeechDataset, SpeechDataset]:
    """Spoken words of Speech Commands v2, test-set split: all clips are of the *official test set*, 239 speakers.

    Clips of a second, 8 kHz and 8 bits (mu-law), are resampled to 12.5 kHz, each scaled to one loudness (root mean
    square), and encoded as those of `fsdd`; the channels above 4 kHz, 0 to 8, are all but silent. The first call takes
    some minutes, and keeps the spikes in the cache. As training clips are of the official test set too, figures can't
    be compared with published ones on Speech Commands. 121 clips of the official set are copies of another clip, of
    the same word and speaker.

    Parameters
    ----------
    data : path, optional
        Folder that holds the three .npz files, or holds them in ``speech_commands/`` or ``speech_commands_v2_test/``.
        Without it they are looked for in the folder that the environment variable HM2BP_DATA names and in the cache.
        There is no address to download them from.
    leave_out : str or sequence of str
        Speakers to test on: all their clips, while all others are trained on. Without it, a fifth of the speakers, who
        are not among those trained on.
    with_unknown_and_silence : bool
        Whether the classes 10, other words, and 11, noise without a word (whose speaker is called ``""``), are part of
        it.

    Returns
    -------
    train, test : SpeechDataset
        3,202 and 872 clips of the words ``SPEECH_COMMANDS_WORDS``, sorted by speaker: the last so many are of speakers
        whom the others, but for one at the border, don't have.

    Raises
    ------
    DatasetNotFoundError
        If the files are not there.
    DatasetError
        If a file is not the one that is known.
    UnknownNameError, ConfigurationError
        If ``leave_out`` names nobody, or everybody.

    Examples
    --------
    >>> train, test = hb.datasets.speech_commands()                        # doctest: +SKIP
    >>> len(train), len(test), hb.datasets.SPEECH_COMMANDS_WORDS[0]        # doctest: +SKIP
    (3202, 872, 'yes')
    """
    files = fetch(SPEECH_COMMANDS, data)
    clips, utterances = {}, []
    for file in SPEECH_COMMANDS.sha256 if with_unknown_and_silence else WORD_FILES:
        arrays = SPEECH_COMMANDS.read(files[file])
        clips |= zip(arrays["filename"].tolist(), arrays["audio_mulaw8k"], strict=True)
        utterances += _utterances(arrays)
    utterances.sort(key=lambda utterance: (utterance.speaker, utterance.take, utterance.label))
    n_classes = len(WORDS) + len(OTHERS) * with_unknown_and_silence
    encoding = MuLawEncoding(SpeechEncoder())
    dataset = load_utterances(SPEECH_COMMANDS.name, _Clips(clips), utterances, encoding, n_classes)
    return split(dataset, utterances, leave_out)


class MuLawEncoding:
    """From clips in mu-law, 8 bits and 8 kHz, to spikes, all clips being made equally loud.

    Parameters
    ----------
    encoder : SpeechEncoder
    """

    def __init__(self, encoder: SpeechEncoder):
        self.encoder = encoder
        self.name = f"{encoder.name}-rms-{RMS:g}"
        self.n_channels = encoder.ear.n_channels
        self.other_rates = Counter()

    def __call__(self, clips: dict[str, bytes]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Steps and channels of the spikes of each clip."""
        sounds = [equally_loud(from_mu_law(np.frombuffer(clip, np.uint8))) for clip in clips.values()]
        return self.encoder.encode(
            [resample(sound, SAMPLE_RATE, int(self.encoder.ear.sample_rate)) for sound in sounds]
        )


def from_mu_law(codes: np.ndarray) -> np.ndarray:
    """The sound in -1..1 of codes 0..255: sign(y) (256^|y| - 1) / 255, with y = 2 code / 255 - 1."""
    y = codes / 255 * 2 - 1
    return np.sign(y) * (256 ** np.abs(y) - 1) / 255


def equally_loud(sound: np.ndarray) -> np.ndarray:
    """The sound without its mean, scaled to the root mean square ``RMS``; what is as good as constant stays soft."""
    alternating = sound - sound.mean()
    return alternating * (RMS / max(alternating.std(), SOFTEST))


def _utterances(arrays: Mapping[str, np.ndarray]) -> list[Utterance]:
    columns = (arrays[name].tolist() for name in ("suggested_test", "filename", "speaker", "labels"))
    return [
        Utterance("test" if test else "train", file.partition("/")[2], speaker, label, file)
        for test, file, speaker, label in zip(*columns, strict=True)
    ]


class _Clips:
    """The clips by the names of their files, as `hm2bp_brian.datasets.archives.Members` has files."""

    def __init__(self, clips: Mapping[str, np.ndarray]):
        self.clips = clips

    def size(self, name: str) -> int:
        return self.clips[name].size

    def read(self, name: str) -> bytes:
        return self.clips[name].tobytes()

"""Sound files and corpora that tests make."""

import io
import zipfile

import numpy as np
from scipy.io import wavfile

FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
LETTER_SPEAKERS = tuple(f"{sex}{number}" for sex in "fm" for number in range(1, 9))


def noise(n_samples=700, seed=0):
    """Loud noise, uniform in -0.5..0.5."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, n_samples)


def wav_bytes(samples, rate=8000, dtype=np.int16):
    """A WAV file of floats in -1..1."""
    if np.dtype(dtype).kind == "i":
        samples = np.round(np.asarray(samples) * np.iinfo(dtype).max)
    file = io.BytesIO()
    wavfile.write(file, rate, np.asarray(samples).astype(dtype))
    return file.getvalue()


def digits(speakers=FSDD_SPEAKERS, rate=8000):
    """A very small FSDD: two digits and two takes a speaker, one of them for testing."""
    names = [f"{digit}_{speaker}_{take}.wav" for digit in (3, 8) for speaker in speakers for take in (4, 11)]
    return {f"recordings/{name}": wav_bytes(noise(500 + 20 * k, k), rate) for k, name in enumerate(names)}


def letters(speakers=LETTER_SPEAKERS, rate=12500):
    """A very small TI46: a letter and two takes a speaker."""
    files = {}
    for k, speaker in enumerate(speakers):
        letter = "abz"[k % 3]
        files[f"ti_alpha/train/{speaker}/0{letter}{speaker}set0.wav"] = wav_bytes(noise(500, k), rate)
        files[f"ti_alpha/test/{speaker}/0{letter}{speaker}s1t0.wav"] = wav_bytes(noise(500, 99 + k), rate)
    return files


def put_tree(folder, files):
    """Write files, a dict from path to bytes, below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def put_zip(path, files):
    """Write files, a dict from path to bytes, into a zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)

"""Sound files: WAV through scipy, NIST SPHERE, FLAC and others through soundfile if it is installed."""

from __future__ import annotations

import io
import math
import struct
import warnings

import numpy as np
from scipy.io import wavfile

from hm2bp_brian.errors import ConfigurationError, DatasetError

WAV_MAGIC = (b"RIFF", b"RIFX", b"RF64")
UNKNOWN_SIZE = 2**32 - 1  # of samples, in a file that was written to a pipe
SAMPLE_RATES = (2000, 200_000)
LOUDEST = 100.0  # files of floats may pass 1 a little; far beyond it they are damaged


def read_sound(content: bytes, name: object = "<bytes>") -> tuple[np.ndarray, int]:
    """Read a sound file; several channels are mixed to one, their mean.

    Parameters
    ----------
    content : bytes
        Of a WAV file, or with soundfile installed of a NIST SPHERE, FLAC or any file that it reads. They are told apart
        by the content, not by the name.
    name : object
        For messages.

    Returns
    -------
    samples : float64 array (n_samples,)
        In -1..1 for files of integers.
    sample_rate : int
        In Hz.

    Raises
    ------
    DatasetError
        If the file is truncated or foreign, has no samples, a sample that is not finite or far beyond 1, or a sample
        rate outside 2..200 kHz.
    ConfigurationError
        If soundfile is needed, but not installed.
    """
    if not content:
        raise DatasetError(f"{name}: empty file, expected a sound file")
    samples, sample_rate = (_read_wav if content.startswith(WAV_MAGIC) else _read_with_soundfile)(content, name)
    if not SAMPLE_RATES[0] <= sample_rate <= SAMPLE_RATES[1]:
        raise DatasetError(
            f"{name}: expected a sample rate of {SAMPLE_RATES[0]} to {SAMPLE_RATES[1]} Hz, found {sample_rate} Hz"
        )
    if samples.size == 0:
        raise DatasetError(f"{name}: no samples in the file, expected a sound")
    if not (np.abs(samples) <= LOUDEST).all():
        raise DatasetError(f"{name}: expected samples in -1..1, found one that is far beyond it or no number")
    return (samples if samples.ndim == 1 else samples.mean(axis=1)), sample_rate


def resample(samples: np.ndarray, sample_rate: int, wanted: int) -> np.ndarray:
    """Bring a sound to another sample rate, by `scipy.signal.resample_poly` with its standard filter."""
    if sample_rate == wanted:
        return samples
    from scipy.signal import resample_poly  # here, as it takes longer to load than all else of this package

    common = math.gcd(sample_rate, wanted)
    return resample_poly(samples, wanted // common, sample_rate // common)


def _read_wav(content: bytes, name: object) -> tuple[np.ndarray, int]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            sample_rate, samples = wavfile.read(io.BytesIO(_with_true_sizes(content, name)))
        except DatasetError:
            raise
        except Exception as error:  # scipy raises some ten kinds of them on damaged headers
            raise DatasetError(f"{name}: damaged, truncated or no WAV file ({error})") from error
    truncated = next((str(w.message) for w in caught if "EOF" in str(w.message)), None)
    if truncated:
        raise DatasetError(f"{name}: truncated WAV file ({truncated})")
    if samples.dtype.kind == "f":
        return samples.astype(np.float64), sample_rate
    if samples.dtype.kind == "u":  # 8 bits, the only unsigned format
        return (samples.astype(np.float64) - 128) / 128, sample_rate
    return samples / -float(np.iinfo(samples.dtype).min), sample_rate


def _with_true_sizes(content: bytes, name: object) -> bytes:
    """A WAV file's format and samples with the sizes that they have.

    What is written to a pipe has no size in its header, or the largest number; other programs write one that is a
    little off. As long as all samples are there, that does no harm. Where a part is missing, scipy is left to say so.
    """
    order = {b"RIFF": "<", b"RIFX": ">"}.get(content[:4])  # RF64 has its sizes elsewhere
    if order is None or content[8:12] != b"WAVE":
        return content
    form, start = b"", 12
    while start + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}4sI", content, start)
        start += 8
        if kind == b"data":
            found = len(content) - start
            if size == UNKNOWN_SIZE and len(form) >= 16:
                frame = max(struct.unpack_from(f"{order}H", form, 12)[0], 1)
                size = found // frame * frame
            if size > found:
                raise DatasetError(f"{name}: truncated WAV file: expected {size} bytes of samples, found {found}")
            chunks = _chunk(order, b"fmt ", form) + _chunk(order, kind, content[start : start + size])
            return _chunk(order, content[:4], b"WAVE" + chunks)
        if kind == b"fmt ":
            form = content[start : start + size]
        start += size + size % 2
    return content


def _chunk(order: str, kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack(f"{order}I", len(content)) + content + bytes(len(content) % 2)


def _read_with_soundfile(content: bytes, name: object) -> tuple[np.ndarray, int]:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: its library libsndfile is missing
        raise ConfigurationError(
            f"{name}: begins with {content[:8]!r}, which is no WAV file. NIST SPHERE and FLAC are read by soundfile: "
            "pip install 'hm2bp_brian[speech]'"
        ) from None
    try:
        return soundfile.read(io.BytesIO(content), dtype="float64")
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        raise DatasetError(f"{name}: damaged, or no sound file that soundfile reads ({error})") from error

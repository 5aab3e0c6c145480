"""N-MNIST: MNIST's digits as an event camera sees them while it makes three saccades (Orchard et al. 2015)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from brian2 import us

from hm2bp_brian.datasets.archives import Archives, Members
from hm2bp_brian.datasets.fetch import fetch
from hm2bp_brian.datasets.labelled import SpikeDataset
from hm2bp_brian.encoding.events import EVENT_DTYPE, NMNIST_SHAPE, NMNIST_SIDE, NMNIST_STEP, nmnist_spikes
from hm2bp_brian.errors import DatasetError

N_CLASSES = 10
WHOLE = {"Train": 60_000, "Test": 10_000}
BYTES_AN_EVENT = 5
ADDRESS = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/{}/file_downloaded"


def _look(folder: Path) -> dict[str, Path] | None:
    files = {part: _find_part(folder, part) for part in WHOLE}
    return files if all(files.values()) else None


def _find_part(folder: Path, part: str) -> Path | None:
    """The zip in a folder, or the folder in it, that holds the recordings of a part."""
    for path in (*sorted(folder.glob("*.zip")), folder / part):
        with _recordings(path, part) as members:
            if members.names:
                return path
    return None


def _recordings(path: Path, part: str) -> Members:
    return Members(path, (f"{part}/" if path.suffix == ".zip" else "") + r"[^/]+/[^/]+\.bin")


NMNIST = Archives(
    name="nmnist",
    published={
        "train.zip": (ADDRESS.format("39c25547-014b-4137-a934-9d29fa53c7a0"), "20959b8e626244a1b502305a9e6e2031"),
        "test.zip": (ADDRESS.format("05a4d654-7e03-4c15-bdfa-9bb2bcbea494"), "69ca8762b2fe404d9b9bad1103e97832"),
    },
    subfolders=("nmnist", "NMNIST", "nmnist_small", ""),
    expected="train.zip and test.zip (or one zip, or the unpacked folders) with Train/<digit>/<number>.bin and "
    "Test/<digit>/<number>.bin",
    look=_look,
)


def nmnist(data: str | os.PathLike | None = None) -> tuple[SpikeDataset, SpikeDataset]:
    """Recordings of handwritten digits, stabilised and in steps of 0.6 ms as Jin, Zhang & Li (2018) present them.

    The encoding is `hm2bp_brian.encoding.nmnist_spikes`. Zips are read without unpacking them. All of N-MNIST is 290
    million spikes: 2.3 GB of memory.

    Parameters
    ----------
    data : path, optional
        Folder that holds train.zip and test.zip as they are published, one zip with both, or the folders Train and
        Test that tonic unpacks; or holds them in ``nmnist/``, ``NMNIST/`` or ``nmnist_small/``. Without it they are
        looked for in the folder that the environment variable HM2BP_DATA names and in the cache, and are downloaded
        as a last resort.

    Returns
    -------
    train, test : SpikeDataset
        Of shape (34, 34, 2), in the order of MNIST; 60,000 and 10,000 samples. If files hold fewer, the data set is
        called "nmnist subset".

    Raises
    ------
    DatasetNotFoundError
        If the files are not in ``data``, or nowhere and can't be downloaded.
    DatasetError
        If a recording or a zip is truncated or damaged, or a folder's name is no digit.

    Examples
    --------
    >>> train, test = hb.datasets.nmnist("recordings")                     # doctest: +SKIP
    >>> test.shape, test.dt                                                # doctest: +SKIP
    ((34, 34, 2), 0.6 * msecond)
    """
    files = fetch(NMNIST, data)
    return _read_part(files["Train"], "Train"), _read_part(files["Test"], "Test")


def parse_events(content: bytes, name: object) -> np.ndarray:
    """Read a recording: 5 bytes an event; x, y, then one bit polarity and 23 bits microseconds, big-endian.

    Parameters
    ----------
    content : bytes
        Of one .bin file.
    name : object
        What it is, for messages.

    Returns
    -------
    structured array (n,)
        Fields x, y, t (microseconds) and p. A set bit p marks a pixel that got *darker*.

    Raises
    ------
    DatasetError
        If there is no event or a part of one, a pixel is outside the sensor, or the time goes backwards.
    """
    if not content or len(content) % BYTES_AN_EVENT:
        raise DatasetError(
            f"{name}: expected whole events of {BYTES_AN_EVENT} bytes, found {len(content)} bytes; the file is "
            f"{'truncated' if content else 'empty'}"
        )
    fields = np.frombuffer(content, np.uint8).reshape(-1, BYTES_AN_EVENT).T.astype(np.int64)
    x, y = fields[:2]
    word = (fields[2] << 16) | (fields[3] << 8) | fields[4]
    t = word & 0x7FFFFF
    outside = (x >= NMNIST_SIDE) | (y >= NMNIST_SIDE)
    if outside.any():
        event = int(np.argmax(outside))
        raise DatasetError(
            f"{name}: expected x and y in 0..{NMNIST_SIDE - 1}, event {event} has x = {x[event]}, y = {y[event]}; this "
            "is no recording of N-MNIST, or it is damaged"
        )
    backwards = t[1:] < t[:-1]
    if backwards.any():
        event = int(np.argmax(backwards)) + 1
        raise DatasetError(
            f"{name}: time goes backwards: event {event} at {t[event]} us comes after {t[event - 1]} us; the file is "
            "damaged"
        )
    events = np.empty(len(t), EVENT_DTYPE)
    events["x"], events["y"], events["t"], events["p"] = x, y, t, word >> 23
    return events


def _read_part(path: Path, part: str) -> SpikeDataset:
    steps, neurons, labels = [], [], []
    with _recordings(path, part) as members:
        for _, label, member in sorted(_numbered(members)):
            spikes = nmnist_spikes(parse_events(members.read(member), f"{path}/{member}"))
            # both fit int16: half the memory until the lists are joined
            steps.append(spikes[0].astype(np.int16))
            neurons.append(spikes[1].astype(np.int16))
            labels.append(label)
    offsets = np.concatenate([[0], np.cumsum([len(sample) for sample in steps])])
    name = "nmnist" if len(labels) == WHOLE[part] else "nmnist subset"
    joined = (np.concatenate(arrays, dtype=np.int32) for arrays in (steps, neurons))
    return SpikeDataset(*joined, offsets, np.array(labels), NMNIST_SHAPE, N_CLASSES, name, dt=NMNIST_STEP * us)


def _numbered(members: Members) -> list[tuple[int, int, str]]:
    """Number and label of each recording, and its path; files that are called otherwise are passed over."""
    recordings = []
    for member in members.names:
        label, file = member.split("/")[-2:]
        if not re.fullmatch(r"[0-9]{1,9}\.bin", file):
            continue
        if not re.fullmatch(r"[0-9]", label):
            raise DatasetError(
                f"{members.path}/{member}: expected a folder 0..9, named after the digit, found '{label}'"
            )
        recordings.append((int(file.removesuffix(".bin")), int(label), member))
    if not recordings:
        raise DatasetError(f"{members.path}: expected recordings called <number>.bin, found none")
    return recordings

"""Spiking Heidelberg Digits: spoken digits as spikes of 700 channels of an ear model (Cramer et al. 2020)."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from brian2 import ms

from hm2bp_brian.datasets.archives import Archives, Members
from hm2bp_brian.datasets.fetch import fetch
from hm2bp_brian.datasets.labelled import SpikeDataset
from hm2bp_brian.errors import DatasetError, MissingPackageError

N_CHANNELS, N_CLASSES = 700, 20
MAX_SECONDS = 1e6
READER = Path(__file__).with_name("shd_reader.py")
READING_SECONDS = 60  # SHD's larger file takes a few
TRAIN, TEST = "shd_train.h5", "shd_test.h5"


def _look(folder: Path) -> dict[str, Path] | None:
    files = {}
    for file in (TRAIN, TEST):
        present = (path for path in (folder / file, folder / f"{file}.zip") if path.is_file())
        files[file] = next(present, None)
    return files if all(files.values()) else None


SHD = Archives(
    name="shd",
    published={
        f"{TRAIN}.zip": ("https://zenkelab.org/datasets/shd_train.h5.zip", "f3252aeb598ac776c1b526422d90eecb"),
        f"{TEST}.zip": ("https://zenkelab.org/datasets/shd_test.h5.zip", "1503a5064faa34311c398fb0a1ed0a6f"),
    },
    subfolders=("shd", "SHD", ""),
    expected=f"{TRAIN}[.zip] and {TEST}[.zip]",
    look=_look,
)


def shd(data: str | os.PathLike | None = None, dt=1 * ms) -> tuple[SpikeDataset, SpikeDataset]:
    """Spoken digits in English (0..9) and German (10..19). Needs h5py: ``pip install hm2bp_brian[shd]``.

    Parameters
    ----------
    data : path, optional
        Folder that holds shd_train.h5 and shd_test.h5 or their zips, or holds them in ``shd/`` or ``SHD/``. Without it
        they are looked for in the folder that the environment variable HM2BP_DATA names and in the cache, and are
        downloaded as a last resort.
    dt : Quantity
        Width of a time step; at most one spike a channel and step is kept.

    Returns
    -------
    train, test : SpikeDataset
        Of shape (1, 700, 1).

    Raises
    ------
    MissingPackageError
        If h5py is not installed.
    DatasetNotFoundError
        If the files are not in ``data``, or nowhere and can't be downloaded.
    DatasetError
        If a file is truncated, damaged or foreign, or takes longer than a minute to read, as a damaged one may.
    SpikeError, LabelError
        If a spike or a label in it is out of range.

    Examples
    --------
    >>> from brian2 import ms
    >>> train, test = hb.datasets.shd(dt=4*ms)                             # doctest: +SKIP
    >>> train.shape, train.n_classes                                       # doctest: +SKIP
    ((1, 700, 1), 20)
    """
    try:
        import h5py  # noqa: F401, it is `shd_reader` that uses it
    except ImportError as error:
        raise MissingPackageError("shd needs h5py, which is not installed: pip install hm2bp_brian[shd]") from error
    files = fetch(SHD, data)
    train, test = (_read(files[file], file, dt) for file in (TRAIN, TEST))
    return train, test


def _read(path: Path, file: str, dt) -> SpikeDataset:
    if path.suffix == ".zip":
        with Members(path, file) as members:
            content = members.read(file)
    else:
        content = path.read_bytes()
    arrays = _read_apart(path, content)
    n_times, n_units, labels = (arrays[name] for name in ("n_times", "n_units", "labels"))
    if not len(n_times) == len(n_units) == len(labels):
        raise DatasetError(
            f"{path}: expected as many trains of times as of units and labels, found {len(n_times)}, {len(n_units)} "
            f"and {len(labels)}"
        )
    times, units = (
        np.split(arrays[name], np.cumsum(counts)[:-1]) for name, counts in (("times", n_times), ("units", n_units))
    )
    samples = _Recordings(path, times, units, labels)
    return SpikeDataset.from_events(samples, shape=(1, N_CHANNELS, 1), dt=dt, n_classes=N_CLASSES, name="shd")


def _read_apart(path: Path, content: bytes) -> dict[str, np.ndarray]:
    """The arrays of `shd_reader`, which runs as another process."""
    # -P: this package's folder, in which the program lies, is no place to import from
    command = [sys.executable, "-P", str(READER)]
    expected = "expected HDF5 with spikes/times, spikes/units and labels, found a file that can't be read so"
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=READING_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise DatasetError(
            f"{path}: {expected} within {READING_SECONDS} s; it is probably damaged, delete it and fetch it again"
        ) from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        reason = reason[-1] if reason else f"the HDF5 library crashed, exit status {done.returncode}"
        raise DatasetError(f"{path}: {expected} ({reason})")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as arrays:
        return dict(arrays)


class _Recordings:
    """The file's samples as a sequence of (events, label)."""

    def __init__(self, path: Path, times, units, labels):
        self.path, self.times, self.units, self.labels = path, times, units, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[np.ndarray, int]:
        times, units = np.asarray(self.times[number], dtype=np.float64), np.asarray(self.units[number])
        if times.shape != units.shape:
            raise DatasetError(f"{self.path}: sample {number} has {times.size} times, but {units.size} units")
        if not (np.abs(times) < MAX_SECONDS).all():
            raise DatasetError(f"{self.path}: the times of sample {number} must be finite and in seconds")
        events = np.empty(len(times), [("x", units.dtype), ("t", np.int64)])
        events["x"], events["t"] = units, np.rint(times * 1e6)
        return events, self.labels[number]

"""Reads one HDF5 file of SHD from standard input, and writes flat arrays (npz) to standard output.

Run as a program of its own by `hm2bp_brian.datasets.shd`: the HDF5 library can loop for ever, or crash, on a damaged
file, and only a process can be given up. It imports nothing of this package, so that it starts soon.
"""

import io
import sys

import h5py
import numpy as np


def read(content: bytes) -> dict[str, np.ndarray]:
    """Times and units of all recordings behind each other, the number of each in a recording, and the labels."""
    with h5py.File(io.BytesIO(content), "r") as file:
        trains = {name: file[f"spikes/{name}"][:] for name in ("times", "units")}
        arrays = {"labels": file["labels"][:]}
    for name, rows in trains.items():
        arrays[name] = np.concatenate(list(rows)) if len(rows) else np.zeros(0)
        arrays[f"n_{name}"] = np.array([len(row) for row in rows], dtype=np.int64)
    return arrays


def main() -> None:
    """Read; what can't be read ends the program with its reason on standard error."""
    try:
        arrays = read(sys.stdin.buffer.read())
    except Exception as error:  # h5py raises some ten kinds of them on damaged files
        sys.exit(f"{type(error).__name__}: {error}")
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    sys.stdout.buffer.write(archive.getvalue())


if __name__ == "__main__":
    main()

"""``hm2bp data``: which data sets are here, and fetching one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hm2bp_brian.datasets.catalogue import CATALOGUE, Entry
from hm2bp_brian.datasets.fetch import fetch, find
from hm2bp_brian.errors import DatasetError, UnknownNameError


def add_data(subcommands) -> None:
    """``hm2bp data [NAME]``: list the data sets, or fetch one."""
    parser = subcommands.add_parser("data", help="list the data sets, or fetch one by name")
    parser.add_argument("name", nargs="?", metavar="NAME", help="data set to download unless it is here")
    parser.set_defaults(run=run_data)


def run_data(args) -> None:
    """Print where the data sets are and how large, or fetch one."""
    if args.name is None:
        for name, entry in CATALOGUE.items():
            print(f"{name:18} {entry.description}\n{'':18} {_state(name, entry)}")
        return
    if args.name not in CATALOGUE:
        raise UnknownNameError("data set", args.name, CATALOGUE)
    print(f"{args.name}: {_where(fetch(CATALOGUE[args.name].source).values())}")


def _state(name: str, entry: Entry) -> str:
    try:
        files = find(entry.source)
    except DatasetError as error:
        return f"damaged: {error}"
    return _where(files.values()) if files else f"not here; to get it: hm2bp data {name}"


def _where(paths: Iterable[Path]) -> str:
    """Folder and size of a data set's files."""
    paths = set(paths)  # one zip may hold several parts
    size = sum(_size(path) for path in paths)
    return f"{size / 1e6:.1f} MB in {os.path.commonpath([path.parent for path in paths])}"


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)

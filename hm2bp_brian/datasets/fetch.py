"""Where the files of a data set are: a folder of the user's, a cache, or an address to download them from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import pooch

from hm2bp_brian.cache import cache_folder
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError

ENVIRONMENT_VARIABLE = "HM2BP_DATA"


class Source(Protocol):
    """The files of a data set: how to recognise them, and how to get them.

    Attributes
    ----------
    name : str
        Name of the loader and of the data set's folder, such as ``"fashion_mnist"``.
    expected : str
        The files, as they are called in messages.
    subfolders : tuple of str
        Where they may lie below a folder of the user's, in the order in which they are looked for.
    bundled : Path or None
        Folder of a copy that comes with the source code.
    """

    name: str
    expected: str
    subfolders: tuple[str, ...]
    bundled: Path | None

    def look(self, folder: Path) -> dict[str, Path] | None:
        """The files in a folder, or None if they are not all there."""

    def fill(self, folder: Path) -> dict[str, Path]:
        """Download the files that the folder lacks; DatasetNotFoundError if they can't be had."""


def download_folder(source: Source) -> Path:
    """The folder that downloads go to."""
    return cache_folder() / source.name


def fetch(source: Source, data: str | os.PathLike | None = None) -> dict[str, Path]:
    """Find the files of a data set, or download them.

    Looked for, in this order: ``data`` (and nowhere else, if given), the folder that the environment variable
    HM2BP_DATA names, the copy in the repository, the cache. In each of the first two the files may lie in the folder
    itself, in a subfolder of the data set's name, or as other programs lay them out.

    Returns
    -------
    dict
        The path of each file, by a name that the source chooses.

    Raises
    ------
    DatasetNotFoundError
        If the files are neither there nor to be downloaded.
    """
    return find(source, data) or source.fill(download_folder(source))


def find(source: Source, data: str | os.PathLike | None = None) -> dict[str, Path] | None:
    """Find the files of a data set in the places that ``fetch`` lists, without downloading; None if there are none.

    Raises
    ------
    DatasetNotFoundError
        If ``data`` is given and does not hold the files, or HM2BP_DATA names no folder.
    """
    if data is not None:
        files = _find_below(data, source)
        if files is None:
            raise _not_below(data, source, f"{source.name}(data=...)")
        return files
    environment = os.environ.get(ENVIRONMENT_VARIABLE)
    if environment and not os.path.isdir(os.path.expanduser(environment)):
        raise _not_below(environment, source, f"the environment variable {ENVIRONMENT_VARIABLE}")
    return (
        (environment and _find_below(environment, source))
        or (source.bundled and source.look(source.bundled))
        or source.look(download_folder(source))
    )


def download(source: Source, urls: Sequence[str], target: Path, check: Callable[[Path], None]) -> Path:
    """Download a file of a data set from the first address that has it.

    Parameters
    ----------
    source : Source
    urls : sequence of str
        Tried in turn; there may be none, if the data set is not to be downloaded.
    target : Path
        What the file will be called.
    check : callable
        Called with the path of the download; raises DatasetError if that is not the file that is wanted, which is then
        kept beside ``target`` as ``<target>.rejected``.

    Raises
    ------
    DatasetNotFoundError
        If no address has it; the message says where it may be put by hand.
    """
    problems = ""
    for url in urls:
        try:
            return _download_from(url, target, check)
        except (DatasetError, OSError) as error:  # requests' errors are OSErrors
            problems += f"  {url}: {error}\n"
    why = f"could not be downloaded:\n{problems}" if urls else "has no address to download it from.\n"
    raise DatasetNotFoundError(
        f"{source.name} is not on this machine and {why}"
        f"Put {source.expected} into {target.parent}, or into any folder that you then pass as "
        f"{source.name}(data=folder) or name in the environment variable {ENVIRONMENT_VARIABLE}."
    )


def file_in(folder: Path, file: str) -> Path | None:
    """``file`` or ``file.gz`` in a folder, or None."""
    return next((path for path in (folder / file, folder / f"{file}.gz") if path.is_file()), None)


def _folders_below(root: str | os.PathLike, source: Source) -> list[Path]:
    return [Path(os.path.expanduser(root), folder) for folder in source.subfolders]


def _find_below(root: str | os.PathLike, source: Source) -> dict[str, Path] | None:
    for folder in _folders_below(root, source):
        if files := source.look(folder):
            return files
    return None


def _not_below(root: str | os.PathLike, source: Source, culprit: str) -> DatasetNotFoundError:
    folders = "\n".join(f"  {folder}" for folder in _folders_below(root, source))
    return DatasetNotFoundError(
        f"{culprit} names '{root}', but the files of {source.name} are not all there. "
        f"Expected {source.expected} in one of the folders\n{folders}"
    )


def _download_from(url: str, target: Path, check: Callable[[Path], None]) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    # a folder of its own, so that an interrupted or a second download never leaves a file under its final name
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        arrived = Path(temporary) / target.name
        pooch.HTTPDownloader(progressbar=True)(url, str(arrived), None)
        try:
            check(arrived)
        except DatasetError as error:
            rejected = target.with_name(f"{target.name}.rejected")
            arrived.replace(rejected)
            raise DatasetError(f"{error} (kept as {rejected})") from error
        return arrived.replace(target)

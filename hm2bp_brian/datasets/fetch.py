"""Where the files of a data set are: a folder of the user's, a cache, or an address to download them from."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pooch

from hm2bp_brian.datasets.idx import uncompressed
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError

ENVIRONMENT_VARIABLE = "HM2BP_DATA"


@dataclass(frozen=True)
class Source:
    """The files of a data set, and where they may be found.

    Parameters
    ----------
    name : str
        Name of the loader and of the data set's folder, such as ``"fashion_mnist"``.
    md5 : mapping of str to str
        md5 sum of the **uncompressed** content of each file, by its name without ``.gz``.
    addresses : tuple of str
        Addresses to which ``<file>.gz`` is appended, tried in turn.
    torchvision_name : str
        Folder that torchvision keeps the same files in, below the folder it is given.
    bundled : Path or None
        Folder of a copy that comes with the source code.
    """

    name: str
    md5: Mapping[str, str]
    addresses: tuple[str, ...]
    torchvision_name: str
    bundled: Path | None = None


def cache_folder(source: Source) -> Path:
    """The folder that downloads go to."""
    return Path(pooch.os_cache("hm2bp_brian")) / source.name


def fetch(source: Source, data: str | os.PathLike | None = None) -> dict[str, Path]:
    """Find the files of a data set, or download them.

    Looked for, in this order: ``data`` (and nowhere else, if given), the folder that the environment variable
    HM2BP_DATA names, the copy in the repository, the cache. In each of the first two the files may lie in the folder
    itself, in a subfolder of the data set's name, or as torchvision lays them out.

    Returns
    -------
    dict
        The path of each file, plain or ``.gz``, by its name without ``.gz``.

    Raises
    ------
    DatasetNotFoundError
        If the files are neither there nor to be downloaded.
    """
    if data is not None:
        files = _find_below(data, source)
        if files is None:
            raise _not_below(data, source, f"{source.name}(data=...)")
        return files
    environment = os.environ.get(ENVIRONMENT_VARIABLE)
    if environment and not Path(environment).expanduser().is_dir():
        raise _not_below(environment, source, f"the environment variable {ENVIRONMENT_VARIABLE}")
    return (
        (environment and _find_below(environment, source))
        or (source.bundled and _find_in(source.bundled, source))
        or _fill_cache(source)
    )


def check_md5(content: bytes, expected: str, name: object) -> None:
    """Raise DatasetError unless the uncompressed content of a file has the expected md5 sum."""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected:
        raise DatasetError(
            f"{name}: expected content with md5 {expected}, found {found}. This is another data set or a damaged copy; "
            "files of your own can be read with hm2bp_brian.datasets.read_idx"
        )


def _find_in(folder: Path, source: Source) -> dict[str, Path] | None:
    files = {file: _file_in(folder, file) for file in source.md5}
    return files if all(files.values()) else None


def _file_in(folder: Path, file: str) -> Path | None:
    return next((path for path in (folder / file, folder / f"{file}.gz") if path.is_file()), None)


def _folders_below(root: str | os.PathLike, source: Source) -> list[Path]:
    # subfolders first: MNIST and Fashion-MNIST have the same file names, so the folder's name decides
    below = [Path(source.name), Path(source.torchvision_name, "raw"), Path("raw"), Path()]
    return [Path(root).expanduser() / folder for folder in below]


def _find_below(root: str | os.PathLike, source: Source) -> dict[str, Path] | None:
    for folder in _folders_below(root, source):
        if files := _find_in(folder, source):
            return files
    return None


def _not_below(root: str | os.PathLike, source: Source, culprit: str) -> DatasetNotFoundError:
    folders = "\n".join(f"  {folder}" for folder in _folders_below(root, source))
    return DatasetNotFoundError(
        f"{culprit} names '{root}', but the files of {source.name} are not all there. "
        f"Expected {_names(source)} together in one of the folders\n{folders}"
    )


def _names(source: Source) -> str:
    return ", ".join(f"{file}[.gz]" for file in source.md5)


def _fill_cache(source: Source) -> dict[str, Path]:
    folder = cache_folder(source)
    return {file: _file_in(folder, file) or _download(source, file, folder / f"{file}.gz") for file in source.md5}


def _download(source: Source, file: str, target: Path) -> Path:
    problems = ""
    for address in source.addresses:
        url = f"{address}{file}.gz"
        try:
            return _download_from(url, target, source.md5[file])
        except (DatasetError, OSError) as error:  # requests' errors are OSErrors
            problems += f"  {url}: {error}\n"
    raise DatasetNotFoundError(
        f"{source.name} is not on this machine and could not be downloaded:\n{problems}"
        f"Put {_names(source)} into {target.parent}, or into any folder that you then pass as "
        f"{source.name}(data=folder) or name in the environment variable {ENVIRONMENT_VARIABLE}."
    )


def _download_from(url: str, target: Path, md5: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    # a folder of its own, so that an interrupted or a second download never leaves a file under its final name
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        arrived = Path(temporary) / target.name
        pooch.HTTPDownloader(progressbar=True)(url, str(arrived), None)
        try:
            check_md5(uncompressed(arrived.read_bytes(), "the download"), md5, "the download")
        except DatasetError as error:
            rejected = target.with_name(f"{target.name}.rejected")
            arrived.replace(rejected)
            raise DatasetError(f"{error} (kept as {rejected})") from error
        return arrived.replace(target)

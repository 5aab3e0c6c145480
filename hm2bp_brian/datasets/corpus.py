"""Corpora of many small files, in a folder tree or in a zip that stays packed."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pooch

from hm2bp_brian.datasets.fetch import ENVIRONMENT_VARIABLE
from hm2bp_brian.errors import DatasetError, DatasetNotFoundError

MAX_FILE_SIZE = 8 * 2**20  # an utterance is smaller; a zip may claim anything


@dataclass(frozen=True)
class CorpusSource:
    """Where the files of a corpus may be found.

    Parameters
    ----------
    name : str
        Name of the loader.
    folders : tuple of str
        Subfolders in which the corpus may lie, below the folder that the user names.
    files : str
        Regular expression, whatever the case, of the paths of its files below that, with ``/`` between the parts.
    archive : str or None
        Pattern of the names of zips that may hold the files instead, such as ``"*.zip"``.
    advice : str
        What to put there, for messages.
    address : str or None
        Of a zip that may be downloaded.
    sha256 : str or None
        See `content_hash`; what a download must have.
    """

    name: str
    folders: tuple[str, ...]
    files: str
    archive: str | None
    advice: str
    address: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Corpus:
    """The files of a corpus; nothing but their names and sizes is in memory.

    Parameters
    ----------
    path : Path
        A folder or a zip.
    sizes : dict of str to int
        Bytes of each file, by its path below ``path``.
    """

    path: Path
    sizes: dict[str, int]

    @contextmanager
    def open(self) -> Iterator[Callable[[str], bytes]]:
        """A function that reads a file by its path below ``path``, for as long as the context lasts."""
        if self.path.is_dir():
            yield lambda name: self._checked(name, lambda: (self.path / name).read_bytes())
            return
        with _open_zip(self.path) as archive:
            yield lambda name: self._checked(name, lambda: archive.read(name))

    def _checked(self, name: str, read: Callable[[], bytes]) -> bytes:
        if self.sizes[name] > MAX_FILE_SIZE:
            raise DatasetError(
                f"{self.path}: '{name}' has {self.sizes[name]} bytes, expected an utterance of at most {MAX_FILE_SIZE}"
            )
        try:
            return read()
        # RuntimeError: a password is needed, or (NotImplementedError) an unknown compression
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise DatasetError(f"{self.path}: '{name}' can't be read ({error})") from error


def find_corpus(source: CorpusSource, data: str | os.PathLike | None = None) -> Corpus:
    """Find a corpus, or download it.

    Looked for in ``data`` (and nowhere else, if given; it may also be the zip itself), in the folder that the
    environment variable HM2BP_DATA names, and in the cache; in each of them first in the source's subfolders.

    Raises
    ------
    DatasetNotFoundError
        If it is not there and can't be downloaded; the message says what to put where.
    DatasetError
        If a zip is damaged.
    """
    if data is not None:
        return _find_below(Path(data).expanduser(), source) or _not_found(source, f"{source.name}(data='{data}')")
    environment = os.environ.get(ENVIRONMENT_VARIABLE)
    if environment and not Path(environment).expanduser().is_dir():
        raise DatasetNotFoundError(f"the environment variable {ENVIRONMENT_VARIABLE} names '{environment}', no folder")
    cache = Path(pooch.os_cache("hm2bp_brian")) / source.name
    return (
        (environment and _find_below(Path(environment).expanduser(), source))
        or _find_below(cache, source)
        or (source.address and _download(source, cache))
        or _not_found(source, "nothing on this machine")
    )


def content_hash(corpus: Corpus) -> str:
    """sha256 of the files' names, without folders, and contents, sorted by name: however they are packed."""
    digest = hashlib.sha256()
    with corpus.open() as read:
        for path in sorted(corpus.sizes, key=_base_name):
            digest.update(_base_name(path).encode() + hashlib.sha256(read(path)).digest())
    return digest.hexdigest()


def _find_below(root: Path, source: CorpusSource) -> Corpus | None:
    if root.is_file():
        return _in_zip(root, source)
    for place in [*(root / folder for folder in source.folders), root]:
        if sizes := {name: (place / name).stat().st_size for name in _walk(place) if _is_part(name, source)}:
            return Corpus(place, sizes)
        archives = sorted(place.glob(source.archive)) if source.archive else []
        if corpus := next(filter(None, (_in_zip(path, source) for path in archives)), None):
            return corpus
    return None


def _in_zip(path: Path, source: CorpusSource) -> Corpus | None:
    with _open_zip(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
    sizes = {member.filename: member.file_size for member in members if _is_part(member.filename, source)}
    return Corpus(path, sizes) if sizes else None


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DatasetError(f"{path}: can't be read as a zip ({error})") from error


def _walk(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield (Path(parent) / name).relative_to(folder).as_posix()


def _is_part(name: str, source: CorpusSource) -> bool:
    # the files of macOS that begin with a dot are named like those they belong to
    return re.fullmatch(source.files, name, re.IGNORECASE) is not None and not _base_name(name).startswith(".")


def _base_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _not_found(source: CorpusSource, culprit: str) -> NoReturn:
    places = ", ".join(f"{folder}/" for folder in source.folders)
    raise DatasetNotFoundError(
        f"{culprit}: the files of {source.name} are not there. Put {source.advice} into a folder, or into one of its "
        f"subfolders {places}, and pass the folder as {source.name}(data=folder) or name it in the environment "
        f"variable {ENVIRONMENT_VARIABLE}."
    )


def _download(source: CorpusSource, cache: Path) -> Corpus:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # a folder of its own, so that an interrupted download never leaves a file under its final name
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            arrived = Path(temporary) / f"{source.name}.zip"
            pooch.HTTPDownloader(progressbar=True)(source.address, str(arrived), None)
            _check_download(arrived, source)
            return _in_zip(arrived.replace(cache / arrived.name), source)
    except (DatasetError, OSError) as error:  # requests' errors are OSErrors
        _not_found(source, f"{source.address}: {error}")


def _check_download(arrived: Path, source: CorpusSource) -> None:
    try:
        corpus = _in_zip(arrived, source)
        if corpus is None:
            raise DatasetError("the downloaded zip holds no file of this corpus")
        if (found := content_hash(corpus)) != source.sha256:
            raise DatasetError(f"expected files with the sha256 {source.sha256}, found {found}")
    except DatasetError as error:
        rejected = arrived.parents[1] / f"{arrived.name}.rejected"
        arrived.replace(rejected)
        raise DatasetError(f"{error} (kept as {rejected})") from error

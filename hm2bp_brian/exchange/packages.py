"""Loading the packages that only an exchange with another tool needs."""

from __future__ import annotations

import importlib
from types import ModuleType

from hm2bp_brian.errors import MissingPackageError


def load_package(name: str, extra: str, needed_by: str) -> ModuleType:
    """Import an optional package.

    Parameters
    ----------
    name : str
        As in an import statement.
    extra : str
        The extra of this package that installs it.
    needed_by : str
        What the user called, for the error message.

    Raises
    ------
    MissingPackageError
        If it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            f"{needed_by} needs {name}, which is not installed: pip install hm2bp_brian[{extra}]"
        ) from error

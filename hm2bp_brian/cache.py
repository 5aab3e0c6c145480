"""The one folder in which this package keeps what it can make or download again."""

from __future__ import annotations

import os
from pathlib import Path

import pooch

ENVIRONMENT_VARIABLE = "HM2BP_CACHE"


def cache_folder() -> Path:
    """The folder that the environment variable HM2BP_CACHE names, else the user's cache folder; it need not exist.

    It holds downloaded data sets, encoded spikes and compiled kernels, each below a folder of their own.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if not named:
        return Path(pooch.os_cache("hm2bp_brian"))
    # absolute, so that a later change of the working folder does not move the cache
    return Path(os.path.abspath(os.path.expanduser(named)))

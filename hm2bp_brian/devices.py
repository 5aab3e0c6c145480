"""Brian2's devices: choosing one by name, and using another one for a while without a trace."""

from __future__ import annotations

import importlib
import threading
from contextlib import contextmanager
from functools import wraps

from brian2 import Network, get_device, prefs

from hm2bp_brian.errors import ConfigurationError, UnknownNameError

DEVICES = ("runtime", "cpp_standalone", "cuda_standalone")

# by its name, as the package brian2.devices has an object of the same name as this module
_brian = importlib.import_module("brian2.devices.device")

# Brian2 has one active device, one set of preferences, one register of names and one cache of code in a process, and no
# lock: whoever makes or runs Brian2 objects holds this one, so that several threads may use this package.
brian_lock = threading.RLock()


def holding_brian(function):
    """Let a function that makes or runs Brian2 objects hold ``brian_lock``."""

    @wraps(function)
    def locked(*arguments, **keywords):
        with brian_lock:
            return function(*arguments, **keywords)

    return locked


def is_runtime(device=None) -> bool:
    """Whether Brian2 objects of a device, by default the active one, run at once, not in a program yet to be built."""
    return isinstance(device or get_device(), _brian.RuntimeDevice)


@contextmanager
def using_device(device):
    """Make a device the active one for a while.

    Brian2's own ``set_device`` and ``reset_device`` would copy the default clock's step into both devices, and so write
    a line into the program that a user's script is about to build. Other threads that would use Brian2 wait meanwhile.
    """
    with brian_lock:
        before = _brian.active_device
        _brian.active_device = device
        try:
            yield device
        finally:
            _brian.active_device = before


def runtime_device():
    """Use the runtime device for a while, for Brian2 objects that must run now, whatever device a script has set.

    Also a decorator.
    """
    return using_device(_brian.runtime_device)


@contextmanager
def preferences(values: dict):
    """Set preferences of Brian2 for a while; other threads that would use Brian2 wait meanwhile."""
    with brian_lock:
        before = {name: prefs[name] for name in values}
        try:
            for name, value in values.items():
                prefs[name] = value
            yield
        finally:
            for name, value in before.items():
                prefs[name] = value


def named_device(name: str):
    """Brian2's device of a name, to be used by engine "brian2" within ``using_device``.

    Parameters
    ----------
    name : "runtime", "cpp_standalone" or "cuda_standalone"

    Raises
    ------
    UnknownNameError
        If there is no such device.
    ConfigurationError
        If the device needs a package that is not installed.
    """
    if name not in DEVICES:
        raise UnknownNameError("device", name, DEVICES)
    if name == "cuda_standalone":
        try:
            importlib.import_module("brian2cuda")
        except ImportError as error:
            raise ConfigurationError(
                f"device 'cuda_standalone' needs brian2cuda ({error}): with Python >= 3.12, install the extra 'cuda' "
                'of this package (pip install "hm2bp_brian[cuda]"); device cpp_standalone works without a GPU'
            ) from error
    return _brian.all_devices[name]


def check_device(objects_device, network: Network) -> None:
    """Raise ConfigurationError if the active device is not the one that a network's objects were made for."""
    active = get_device()
    if active is not objects_device:
        raise ConfigurationError(
            f"the objects of the Brian2 network '{network.name}' were made for {type(objects_device).__name__}, but "
            f"the device is now {type(active).__name__}; call set_device before making the network's objects, "
            "Trainer or engine"
        )

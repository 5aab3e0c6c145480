"""Choosing an engine by name."""

from __future__ import annotations

import os

import numpy as np

from hm2bp_brian.checks import check_count
from hm2bp_brian.engines.reference import ReferenceEngine
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.model.borders import check_batch
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


def _fused(network: SpikingNetwork, dtype: str, threads: int | None):
    # imported when asked for: engine "brian2" works without a compiler
    from hm2bp_brian.engines.fused.engine import FusedEngine

    return FusedEngine(network, dtype, threads or available_cores())


def _fused_on_gpu(network: SpikingNetwork, dtype: str, threads: int | None):
    # imported when asked for: only this one needs CuPy
    from hm2bp_brian.engines.cuda.card import find_card
    from hm2bp_brian.engines.cuda.engine import CudaEngine

    return CudaEngine(network, dtype, threads or available_cores(), find_card())


def _reference(network: SpikingNetwork, dtype: str, threads: int | None):
    if threads not in (None, 1):
        raise ConfigurationError(
            f"engine 'brian2' runs on one core, found threads={threads}; leave it out, or on device cpp_standalone set "
            "prefs.devices.cpp_standalone.openmp_threads instead"
        )
    return ReferenceEngine(network, dtype)


ENGINES = {"brian2": _reference, "fused": _fused}
DEVICES = ("cpu", "cuda")  # of engine "fused"


def available_cores() -> int:
    """Cores that this process may use.

    The environment variable OMP_NUM_THREADS is a bound: joblib and Dask set it in their worker processes, which share
    the cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    bound = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(bound)) if bound.isdecimal() and int(bound) else cores


def make_engine(
    network: SpikingNetwork,
    engine="fused",
    dtype="float32",
    threads: int | None = None,
    device: str | None = None,
):
    """Make the engine of a network.

    Parameters
    ----------
    network : SpikingNetwork
    engine : "fused", "brian2" or an engine
        "brian2" uses the device that has been set in Brian2: runtime, cpp_standalone or cuda_standalone. An object that
        follows `hm2bp_brian.engines.protocol.Engine` is returned as it is.
    dtype : "float32" or "float64"
    threads : int, optional
        All available cores if not given; engine "brian2" runs on one.
    device : "cpu" or "cuda", optional
        Of engine "fused": the processor, if not given, or a GPU, by CuPy (extra ``gpu``).

    Raises
    ------
    UnknownNameError, ConfigurationError, MissingPackageError
    """
    if device not in (None, *DEVICES):
        raise UnknownNameError("device", device, DEVICES)
    if device is not None and engine != "fused":
        raise ConfigurationError(
            f"device='{device}' goes with engine 'fused', found {engine!r}; engine 'brian2' runs on the device that is "
            "set in Brian2"
        )
    if not isinstance(engine, str):
        return engine
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    dtype = np.dtype(dtype).name
    if dtype not in ("float32", "float64"):
        raise ConfigurationError(f"dtype must be 'float32' or 'float64', found '{dtype}'")
    if threads is not None:
        check_count("threads", threads)
    network.check()
    return (_fused_on_gpu if device == "cuda" else ENGINES[engine])(network, dtype, threads)


def simulate(
    network: SpikingNetwork,
    batch: SpikeBatch,
    engine="fused",
    dtype="float32",
    threads: int | None = None,
    device: str | None = None,
) -> SpikeRecord:
    """Present a batch of spikes to a network.

    Parameters
    ----------
    network : SpikingNetwork
    batch : SpikeBatch
        Of the network's ``input_shape`` and number of steps.
    engine, dtype, threads, device
        See ``make_engine``.

    Returns
    -------
    SpikeRecord
        Spikes of the input and of every layer.

    Raises
    ------
    SpikeError, ShapeError
        If the batch is none, or does not fit the network.

    Examples
    --------
    >>> from brian2 import ms
    >>> layers = [hb.Dense(5, threshold=1), hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((4,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> spikes = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((3, 50, 4)) < 0.3)
    >>> hb.simulate(network, spikes, engine="brian2").counts(0).shape
    (3, 5)
    """
    check_batch(network, batch)
    return make_engine(network, engine, dtype, threads, device).forward(network.parameters, batch).record

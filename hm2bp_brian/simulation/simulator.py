"""The protocol that both engines follow, and choosing one by name."""

from __future__ import annotations

import os
from typing import Protocol

import numpy as np

from hm2bp_brian.devices import is_runtime
from hm2bp_brian.errors import ConfigurationError, ShapeError, UnknownNameError
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch, SpikeRecord, check_batch

ENGINES = ("brian2", "fused")


class Simulator(Protocol):
    """An engine for one network: forward, backward, input encoding, all on plain arrays.

    ``backward_layer`` is documented at ``learning.gradients.adjoint_layer``, ``layer_spsp`` at
    ``learning.spsp.layer_spsp``, ``encode`` at ``encoding.poisson.bernoulli_spikes``, what ``updater`` does at
    ``learning.updates.NumpyUpdater``.
    """

    name: str
    dtype: np.dtype
    threads: int
    updater: object

    def run(self, weights, batch: SpikeBatch) -> SpikeRecord: ...

    def backward_layer(
        self, connection, pre, post, weights, linear_map, v_th, delta, factor, v_th_pre, silent_delta_ratio
    ): ...

    def layer_spsp(self, pre, post, linear_map) -> np.ndarray: ...

    def encode(self, thresholds, keys, n_steps, shape) -> SpikeBatch: ...


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_simulator(network: SpikingNetwork, engine: str = "fused", dtype="float32", threads: int | None = None):
    """Make the engine of a network.

    Parameters
    ----------
    network : SpikingNetwork
    engine : "fused" or "brian2"
        "brian2" uses the device that has been set in Brian2: runtime, cpp_standalone or cuda_standalone.
    dtype : "float32" or "float64"
    threads : int, optional
        All available cores if not given; engine "brian2" runs on one.

    Raises
    ------
    UnknownNameError, ConfigurationError
    """
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    dtype = np.dtype(dtype).name
    if dtype not in ("float32", "float64"):
        raise ConfigurationError(f"dtype must be 'float32' or 'float64', found '{dtype}'")
    if threads is not None and (not isinstance(threads, int | np.integer) or threads < 1):
        raise ConfigurationError(f"threads must be a positive integer, found {threads!r}")
    if engine == "fused":
        from hm2bp_brian.simulation.fused.engine import FusedSimulator

        return FusedSimulator(network, dtype, threads or available_cores())
    if threads not in (None, 1):
        raise ConfigurationError(
            f"engine 'brian2' runs on one core, found threads={threads}; leave it out, or on device cpp_standalone set "
            "prefs.devices.cpp_standalone.openmp_threads instead"
        )
    if is_runtime():
        from hm2bp_brian.simulation.brian import BrianSimulator

        return BrianSimulator(network, dtype)
    from hm2bp_brian.simulation.standalone import StandaloneSimulator

    return StandaloneSimulator(network, dtype)


def simulate(
    network: SpikingNetwork, batch: SpikeBatch, engine: str = "fused", dtype="float32", threads: int | None = None
) -> SpikeRecord:
    """Present a batch of spikes to a network.

    Parameters
    ----------
    network : SpikingNetwork
    batch : SpikeBatch
        Of the network's ``input_shape`` and number of steps.
    engine, dtype, threads
        See ``make_simulator``.

    Returns
    -------
    SpikeRecord
        Spikes of the input and of every layer.

    Raises
    ------
    SpikeError
        If ``batch`` is no SpikeBatch.
    ShapeError
        If the batch does not fit the network.
    """
    check_batch("batch", batch)
    if batch.shape != network.input_shape or batch.n_steps != network.n_steps:
        raise ShapeError(
            f"the network expects input of shape {network.input_shape} in {network.n_steps} steps, found shape "
            f"{batch.shape} in {batch.n_steps} steps"
        )
    return make_simulator(network, engine, dtype, threads).run(network.weights, batch)

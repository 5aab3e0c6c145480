"""What fits a network: input spikes, weights, records. Every engine checks them here before it begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hm2bp_brian.errors import ConfigurationError, NumericalError, ShapeError, SpikeError
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


def check_batch(network, batch: SpikeBatch) -> None:
    """Raise SpikeError, ShapeError unless these are input spikes for the network."""
    if not isinstance(batch, SpikeBatch):
        raise SpikeError(
            f"expected input spikes as a SpikeBatch, found {type(batch).__name__}; SpikeBatch.from_dense makes one of "
            "a boolean array (batch, time, *neurons), the encoders of hm2bp_brian.encoding make one of images"
        )
    if batch.shape != network.input_shape or batch.n_steps != network.n_steps:
        raise ShapeError(
            f"the network expects input of shape {network.input_shape} in {network.n_steps} steps, found shape "
            f"{batch.shape} in {batch.n_steps} steps"
        )


def checked_parameters(network, parameters: Sequence[np.ndarray], dtype: np.dtype) -> tuple[np.ndarray, ...]:
    """The parameters, each C-contiguous and of the dtype; those that are so already are not copied.

    Raises
    ------
    ShapeError
        If there is not one array for each of the network's, of the same shape.
    NumericalError
        If there is NaN or infinity.
    """
    own = network.parameters
    if len(parameters) != len(own):
        raise ShapeError(f"expected weights of {len(own)} layers, found {len(parameters)} arrays")
    checked = tuple(np.ascontiguousarray(array, dtype=dtype) for array in parameters)
    for number, (array, shape) in enumerate(zip(checked, (array.shape for array in own), strict=True)):
        if array.shape != shape:
            raise ShapeError(f"{network.parameter_name(number)} must have shape {shape}, found {array.shape}")
        with np.errstate(over="ignore", invalid="ignore"):
            # the sum first: it is fast, and not finite where a weight is not
            suspicious = not np.isfinite(array.sum())
        if suspicious and not np.isfinite(array).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise NumericalError(
                f"{network.parameter_name(number)} must be finite, found {array[where]} at index {where}"
            )
    return checked


def check_without_delays(network, layer: int) -> None:
    """Raise ConfigurationError unless spikes reach a layer of a chain without delays, as S-PSPs of layers assume."""
    if network.chain[layer].delays.longest:
        raise ConfigurationError(
            f"layer {layer} receives its spikes after delays, and S-PSPs of single pairs are given for layers without; "
            "gradients know the delays"
        )


def check_record(network, record: SpikeRecord) -> None:
    """Raise ShapeError unless the record's layers and time axis are the network's."""
    expected = (network.n_steps, tuple(network.input_shape), *map(tuple, network.shapes))
    found = (record.n_steps, record.input.shape, *(layer.shape for layer in record.layers))
    if expected != found:
        raise ShapeError(
            "the record is not of this network: expected (steps, input shape, layer shapes ...) = "
            f"{expected}, found {found}"
        )

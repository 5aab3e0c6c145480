"""The weights of a network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from brian2.units.fundamentalunits import Dimension

from hm2bp_brian.checks import as_tuple, is_integer
from hm2bp_brian.errors import NumericalError, ShapeError
from hm2bp_brian.model.units import to_array


class Weights(Sequence):
    """The weights of a network, one array a layer; each way in is checked.

    A sequence of fixed length whose arrays can be replaced.

    Quantities are converted to the base unit of the layer's synaptic variable, in which plain arrays are given.

    Raises
    ------
    ShapeError
        If an array has another shape than the layer's weights, or the number of arrays differs.
    NumericalError
        If there is NaN or infinity.
    UnitError
        If quantities have another unit than the layer's synaptic variable.
    ConfigurationError
        If there is anything but real numbers.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], dimensions: Sequence[Dimension], arrays: Iterable):
        self._shapes = list(shapes)
        self._dimensions = list(dimensions)
        arrays = list(as_tuple(arrays))
        if len(arrays) != len(self._shapes):
            raise ShapeError(f"expected weights of {len(self._shapes)} layers, found {len(arrays)} arrays")
        self._arrays = [self._checked(layer, array) for layer, array in enumerate(arrays)]

    def __len__(self) -> int:
        return len(self._arrays)

    def __getitem__(self, layer):
        return self._arrays[layer]

    def __setitem__(self, layer: int, array):
        if not is_integer(layer):
            raise ShapeError("set the weights of one layer at a time, or assign the whole list to network.weights")
        if not -len(self) <= layer < len(self):
            raise ShapeError(f"the network has weights of layers 0..{len(self) - 1}, found layer {layer}")
        self._arrays[layer] = self._checked(layer % len(self), array)

    def __repr__(self) -> str:
        return f"Weights({', '.join(f'{array.dtype} {array.shape}' for array in self)})"

    def _checked(self, layer: int, array) -> np.ndarray:
        array = to_array(f"weights of layer {layer}", array, self._dimensions[layer])
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float32)
        if array.shape != self._shapes[layer]:
            raise ShapeError(f"weights of layer {layer} must have shape {self._shapes[layer]}, found {array.shape}")
        finite = np.isfinite(array)
        if not finite.all():
            where = tuple(int(i) for i in np.argwhere(~finite)[0])
            raise NumericalError(f"weights of layer {layer} must be finite, found {array[where]} at index {where}")
        return np.ascontiguousarray(array)

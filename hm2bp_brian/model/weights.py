"""What a network keeps for its projections: weights, and delays that are learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension

from hm2bp_brian.checks import as_tuple, is_integer
from hm2bp_brian.errors import ConfigurationError, NumericalError, ShapeError, UnknownNameError
from hm2bp_brian.model.initial_weights import check_signs
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.model.units import to_array


class Weights(Sequence):
    """Arrays of a network's projections, one for each; every way in is checked.

    A sequence of fixed length whose arrays can be replaced, by number or by the projection's name.

    Quantities are converted to the base unit of the array's dimension, in which plain arrays are given.

    Parameters
    ----------
    projections : sequence of Projection
    arrays : iterable of arrays
    labels : sequence of str
        As what messages name the projections.

    Raises
    ------
    ShapeError
        If an array has another shape, or the number of arrays differs.
    NumericalError
        If there is NaN or infinity.
    UnitError
        If quantities have another unit.
    ConfigurationError
        If there is anything but real numbers.
    UnknownNameError
        If there is no projection of a name.
    """

    what = "weights"

    def __init__(self, projections: Sequence[Projection], arrays: Iterable, labels: Sequence[str]):
        self._projections = list(projections)
        self._labels = list(labels)
        arrays = list(as_tuple(arrays))
        if len(arrays) != len(self._projections):
            raise ShapeError(f"expected {self.what} of {len(self._projections)} layers, found {len(arrays)} arrays")
        self._arrays = [self._checked(number, array) for number, array in enumerate(arrays)]

    def __len__(self) -> int:
        return len(self._arrays)

    def __getitem__(self, key):
        return self._arrays[self._number(key) if isinstance(key, str) else key]

    def __setitem__(self, key, array):
        if isinstance(key, str):
            key = self._number(key)
        if not is_integer(key):
            raise ShapeError("set the weights of one layer at a time, or assign the whole list to network.weights")
        if not -len(self) <= key < len(self):
            raise ShapeError(f"the network has weights of layers 0..{len(self) - 1}, found layer {key}")
        self._arrays[key] = self._checked(key % len(self), array)

    def _number(self, name: str) -> int:
        names = [projection.name for projection in self._projections]
        if name not in names:
            raise UnknownNameError("projection", name, names)
        return names.index(name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{array.dtype} {array.shape}' for array in self)})"

    def _checked(self, number: int, array) -> np.ndarray:
        projection, what = self._projections[number], f"{self.what} of {self._labels[number]}"
        shape = self._shape(projection)
        array = to_array(what, array, self._dimension(projection))
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float32)
        if array.shape != shape:
            raise ShapeError(f"{what} must have shape {shape}, found {array.shape}")
        finite = np.isfinite(array)
        if not finite.all():
            where = tuple(int(i) for i in np.argwhere(~finite)[0])
            raise NumericalError(f"{what} must be finite, found {array[where]} at index {where}")
        self._check_range(what, array, projection)
        return np.ascontiguousarray(array)

    @staticmethod
    def _shape(projection: Projection) -> tuple[int, ...]:
        return projection.connection.weight_shape

    @staticmethod
    def _dimension(projection: Projection) -> Dimension:
        return projection.weight_dimension

    @staticmethod
    def _check_range(what: str, array: np.ndarray, projection: Projection) -> None:
        check_signs(what, array, projection.sign_of_weights, projection.weight_dimension)


class LearnedDelays(Weights):
    """Delays that are learned, in steps: one array for each projection that has some, in the shape of its weights."""

    what = "delays"

    @staticmethod
    def _dimension(projection: Projection) -> Dimension:
        return DIMENSIONLESS

    @staticmethod
    def _check_range(what: str, array: np.ndarray, projection: Projection) -> None:
        low, high = projection.delays.limits
        if array.min() < low or array.max() > high:
            raise ConfigurationError(
                f"{what} must lie in {low:g}..{high:g} steps, found {array.min():g}..{array.max():g}"
            )

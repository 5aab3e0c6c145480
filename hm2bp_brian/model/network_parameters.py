"""What training changes in a network: weights, learned delays, learned variables of neurons."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.checks import as_tuple
from hm2bp_brian.model.delays import DELAY_SCALE, to_steps
from hm2bp_brian.model.learned_variables import LearnedNeurons
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.model.weights import LearnedDelays, Weights


class NetworkParameters(LearnedNeurons):
    """The part of a SpikingNetwork that has the arrays that training changes; see there."""

    def _changed(self, new: Projection | None = None, weights: np.ndarray | None = None) -> None:
        arrays, delays = list(self._weights), list(self._delays)
        if new is not None:
            arrays.append(weights)
            delays += [new.delays.steps] if new.delays.learned else []
        super()._changed()
        self.weights, self.delays = arrays, delays
        known = list(self._neuron_values)
        self.neuron_values = [*known, *(v.draw(self.generator) for v in self.learned_variables[len(known) :])]

    @property
    def weights(self) -> Weights:
        """Weights, one array a projection, in the base unit of the variable that they are added to.

        All to all: ``(n_pre, n_post)``; sparse: ``(n_connections,)``; convolution: ``(k, k, c_in, c_out)``; pooling,
        whose weights are fixed: ``(0,)``. In a chain there is one a layer. ``network.weights["name"]`` is that of a
        projection.
        """
        return self._weights

    @weights.setter
    def weights(self, arrays):
        self._weights = Weights(self.weighted, arrays, self._labels(self.weighted))

    def _labels(self, projections) -> list[str]:
        return [
            f"layer {self.neural.index(p.target)}" if self.is_chain and not p.recurrent else f"'{p.name}'"
            for p in projections
        ]

    @property
    def delays(self) -> LearnedDelays:
        """Delays that are learned, in steps: one array for each projection that has some."""
        return self._delays

    @delays.setter
    def delays(self, arrays):
        self._delays = LearnedDelays(self._late, arrays, self._labels(self._late))

    @property
    def _late(self) -> list[Projection]:
        """The projections whose delays are learned."""
        return [projection for projection in self.weighted if projection.delays.learned]

    @property
    def parameters(self) -> list[np.ndarray]:
        """All arrays that training changes: the weights, the learned delays, the learned variables of neurons."""
        return [*self.weights, *self.delays, *self.neuron_values]

    @parameters.setter
    def parameters(self, arrays):
        arrays, n_weights = as_tuple(arrays), len(self.weighted)
        first = n_weights + len(self._late)
        self.weights, self.delays, self.neuron_values = arrays[:n_weights], arrays[n_weights:first], arrays[first:]

    @property
    def learns(self) -> bool:
        """Whether training changes anything: the weights of a projection, delays, or variables of neurons."""
        return any(p.plastic for p in self.weighted) or bool(self._late or self.learned_variables)

    @property
    def scales(self) -> list[float]:
        """What multiplies the learning rate of each parameter."""
        ranges = [variable.range.high - variable.range.low for variable in self.learned_variables]
        return [1.0] * len(self.weights) + [DELAY_SCALE] * len(self.delays) + ranges

    def parameter_name(self, number: int) -> str:
        """What a parameter is, for messages."""
        weights = [f"weights of {label}" for label in self._labels(self.weighted)]
        delays = [f"delays of {label}" for label in self._labels(self._late)]
        return [*weights, *delays, *(variable.label for variable in self.learned_variables)][number]

    def learned_weights(self, parameters) -> list[np.ndarray]:
        """Of these parameters those that are weights, with an empty array in place of fixed ones."""
        pairs = zip(self.weighted, parameters, strict=False)
        return [array if projection.plastic else np.zeros(0) for projection, array in pairs]

    def delays_of(self, projection: Projection, parameters):
        """Delays of a projection in whole steps, with these parameters: one number or an array like the weights."""
        if not projection.delays.learned:
            return projection.delays.steps
        return to_steps(parameters[self.delay_number(projection)])

    def delay_number(self, projection: Projection) -> int:
        """Which of the parameters are the learned delays of a projection."""
        return len(self.weighted) + self._late.index(projection)

    def weights_of(self, projection: Projection, parameters) -> np.ndarray | float:
        """Weights of a projection, with these parameters: an array, or the one that all its connections have."""
        if projection.weight is not None:
            return projection.weight
        return parameters[self.weighted.index(projection)]

    def constrain(self, parameters) -> None:
        """Bring parameters, in place, to where they must be: weights to their signs, others to their limits."""
        for projection, array in zip(self.weighted, parameters, strict=False):
            sign = projection.sign_of_weights
            if sign is not None:
                np.multiply(array, array * np.asarray(sign, like=array) > 0, out=array)  # may lie on a GPU
        limits = [projection.delays.limits for projection in self._late]
        limits += [variable.limits for variable in self.learned_variables]
        for limit, array in zip(limits, parameters[len(self.weighted) :], strict=True):
            np.clip(array, *limit, out=array)

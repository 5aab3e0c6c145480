"""The kernels of one layer: a population with one projection to it, a tile of neurons at a time."""

from __future__ import annotations

import ctypes
import math
from functools import cached_property

import numpy as np

from hm2bp_brian.brian.probing import LinearMap
from hm2bp_brian.engines.fused import arguments, spike_kernels
from hm2bp_brian.engines.fused.calls import call, check_state, pointer
from hm2bp_brian.engines.fused.codegen import generate
from hm2bp_brian.engines.fused.compiler import load_together
from hm2bp_brian.engines.fused.sources import adjoint_source, neuron_source
from hm2bp_brian.learning.backward import Walk
from hm2bp_brian.learning.thresholds import distance_as_learned
from hm2bp_brian.model.graph import Component
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.populations import Population
from hm2bp_brian.spikes import SpikeBatch


class LayerKernels:
    """Forward and backward pass of a component that is a single population with one plain projection to it.

    Parameters
    ----------
    network : SpikingNetwork
    component : Component
    dtype : numpy dtype
    threads : int
    """

    kind = ""

    def __init__(self, network: SpikingNetwork, component: Component, dtype: np.dtype, threads: int):
        (self.population,), (self.projection,) = component.populations, component.inputs
        self.component = component
        self.network = network
        self.layer = network.neural.index(self.population)
        self.label = network.labels[self.layer]
        self.weights_number = network.weighted.index(self.projection)
        self.connection = self.projection.connection
        self.lateral = network.lateral(self.layer)
        self.dt = network.dt
        self.dtype = dtype
        self.threads = threads
        neuron = self.population.neuron
        self.code = generate(neuron, self.population.size, self.population.threshold, network.dt, dtype)
        self._forward_library, self._backward_library = self._libraries(neuron)

    def _libraries(self, neuron: NeuronModel) -> list[ctypes.CDLL]:
        """Of the forward and of the backward pass, which is one for all affine neurons with as many variables."""
        forward = neuron_source(self.code, self.dtype, [f"{self.kind}_forward.hpp"])
        backward = adjoint_source(self.code, self.dtype, [f"{self.kind}_backward.hpp"])
        what = f"{self.kind} kernels in {self.dtype} for"
        back_through = repr(neuron) if self.code.along_trajectory else "affine neurons"
        return load_together((forward, f"{what} {neuron!r}"), (backward, f"{what} the way back through {back_through}"))

    def cast(self, array: np.ndarray) -> np.ndarray:
        """The array as the kernels take it; no copy if it is so already."""
        return np.ascontiguousarray(array, dtype=self.dtype)

    def forward(self, parameters, trains: dict[str, SpikeBatch]) -> None:
        """Add the population's spikes to ``trains``; NumericalError if a state becomes NaN or infinite."""
        weights, pre = self.cast(parameters[self.weights_number]), trains[self.projection.source.name]
        failure = np.empty(2, dtype=np.int64)
        arrays, _kept = self._arrays(parameters)
        fields = self._presentation(pre, arrays) | {"weights": self._pointer_to(weights), "failure": pointer(failure)}
        (neurons, offsets), by_neuron = self._forward(fields, pre.n_samples, pre.n_steps, failure)
        shape = self.population.shape
        trains[self.population.name] = SpikeBatch.from_sorted(
            neurons, offsets, pre.n_samples, pre.n_steps, shape, by_neuron
        )

    def _arrays(self, parameters) -> tuple[ctypes.Array, list[np.ndarray]]:
        """What the neurons load: see ``NeuronCode.pointers``."""
        return self.code.pointers(self.network.learned_values(self.population, parameters))

    def _presentation(self, pre: SpikeBatch, arrays: ctypes.Array) -> dict:
        """Fields of ``arguments.Forward``."""
        return {
            "pre_neurons": pointer(pre.neurons),
            "pre_offsets": pointer(pre.offsets),
            "n_samples": pre.n_samples,
            "n_steps": pre.n_steps,
            "arrays": ctypes.addressof(arrays),
            "constants": pointer(self.code.constants),
            "dt": self.dt,
            "refractory_steps": min(self.code.refractory_steps, pre.n_steps),
            "threads": self.threads,
        }

    def _call(self, library: ctypes.CDLL, function: str, structure: ctypes.Structure) -> None:
        task = (
            f"{function} of {self.label}, {self.connection.input_shape} -> {self.connection.output_shape} "
            f"neurons, with {structure.n_samples} samples of {structure.n_steps} steps in {self.dtype} on "
            f"{self.threads} threads"
        )
        call(getattr(library, function), ctypes.byref(structure), task=task)

    def backward(self, walk: Walk) -> None:
        """The same as ``learning.component.NumpyKernels.backward_component``."""
        dynamics, name = self._dynamics(), self.population.name
        source, weights = self.projection.source, walk.parameters[self.weights_number]
        pre, post, delta = walk.trains[source.name], walk.trains[name], walk.deltas[name]
        gradient = np.empty(weights.shape, dtype=self.dtype)
        delta_pre = None
        if source.neuron is not None:
            delta_pre = np.empty((pre.n_samples, pre.n_neurons), dtype=self.dtype)
        weights, delta, factor = (self.cast(array) for array in (weights, delta, walk.factor(name)))
        far = self.cast(distance_as_learned(self.network, self.population, walk.parameters))
        nu_pre = None if source.neuron is None else self.cast(walk.nu[source.name])
        nu = None if self.population.neuron.nu_is_distance else np.tile(far, (post.n_samples, 1))
        variables = self.network.learned_of(self.population)
        learned = places_of(variables, dynamics)
        start_gradient = np.empty((len(variables), self.population.n_independent), dtype=self.dtype)
        forward, _kept = self._again(pre, walk)
        fields = self._trains(pre, post, dynamics) | {
            "forward": forward and ctypes.addressof(forward),
            "n_learned": len(variables),
            "learned": pointer(learned),
            "start_gradient": pointer(start_gradient),
            "weights": self._pointer_to(weights),
            "distance": pointer(far),
            "nu_pre": pointer(nu_pre),
            "delta": pointer(delta),
            "factor": pointer(factor),
            "rules": arguments.Rules(*vars(walk.rules).values()),
            "gradient": pointer(gradient),
            "delta_pre": pointer(delta_pre),
            "nu": pointer(nu),
        }
        self._backward(fields)
        if nu is not None:
            walk.deltas[name] = walk.deltas[name] / nu
        walk.gradients[self.weights_number] = gradient if self.projection.plastic else np.zeros_like(gradient)
        if delta_pre is not None:
            walk.add_delta(source.name, delta_pre)
        for variable, sums in zip(variables, start_gradient, strict=True):
            walk.gradients[variable.number] = variable.fold(sums)

    def _dynamics(self):
        """What happens to the neurons in a step and at a spike; NoSpspError if that has no derivative."""
        return self.network.dynamics(self.layer)

    def _again(self, pre: SpikeBatch, walk: Walk):
        """What kernels need to run the neurons again as they fired, and what it points to; None where none do."""
        if self.population.neuron.is_affine:
            return None, None
        arrays, kept = self._arrays(walk.parameters)
        return arguments.Forward(**self._presentation(pre, arrays)), (arrays, kept)

    @cached_property
    def _matrices(self) -> dict[str, np.ndarray]:
        return kernel_matrices(self._dynamics(), self.dtype)

    def _trains(self, pre: SpikeBatch, post: SpikeBatch, dynamics) -> dict:
        """Fields of ``arguments.LayerTrains``; whoever calls keeps all arrays alive (a batch keeps its trains)."""
        (pre_steps, pre_trains), (post_steps, post_trains) = pre.by_neuron, post.by_neuron
        return {
            "pre_steps": pointer(pre_steps),
            "pre_trains": pointer(pre_trains),
            "post_steps": pointer(post_steps),
            "post_trains": pointer(post_trains),
            "n_samples": pre.n_samples,
            "n_steps": pre.n_steps,
            **{name: pointer(matrix) for name, matrix in self._matrices.items()},
            "refractory_steps": min(dynamics.refractory_steps, pre.n_steps),
            "threads": self.threads,
        }

    def _pointer_to(self, weights: np.ndarray):
        return pointer(weights if weights.size else None)


class DenseKernels(LayerKernels):
    """``kernels/dense_forward.hpp`` and ``dense_backward.hpp``."""

    kind = "dense"

    def __init__(self, network: SpikingNetwork, component: Component, dtype: np.dtype, threads: int):
        super().__init__(network, component, dtype, threads)
        n_pre, n_post = self.connection.weight_shape
        self._sizes = {"n_pre": n_pre, "n_post": n_post}
        self._inhibition = -self.lateral.weight if self.lateral else 0.0

    def _forward(self, fields, n_samples, n_steps, failure):
        n_neurons = self._sizes["n_post"]
        n_tiles = -(-n_neurons // 64)
        bits = np.empty((n_tiles, n_samples, n_steps), dtype=np.uint64)
        counts = np.empty((n_tiles, n_samples), dtype=np.int64)
        fields |= {"lateral_inhibition": self._inhibition, "bits": pointer(bits), "counts": pointer(counts)}
        self._call(self._forward_library, "dense_forward", arguments.DenseForward(**fields, **self._sizes))
        check_state(self.label, *failure)
        return spike_kernels.lists_from_bits(bits.transpose(1, 2, 0), counts.sum(axis=0), n_neurons, self.threads)

    def _backward(self, fields) -> None:
        self._call(
            self._backward_library,
            "dense_backward",
            arguments.DenseBackward(**fields, **self._sizes, lateral_inhibition=self._inhibition),
        )

    def own_spsp(self, population: Population, trains: SpikeBatch) -> np.ndarray:
        """The same as ``learning.component.NumpyKernels.own_spsp``."""
        pre = post = trains
        linear_map = self.network.linear_map(self.layer)
        spsp = np.empty((pre.n_samples, pre.n_neurons, post.n_neurons), dtype=self.dtype)
        fields = self._trains(pre, post, linear_map)
        sizes = {"n_pre": pre.n_neurons, "n_post": post.n_neurons}
        self._call(self._backward_library, "dense_spsp", arguments.DenseSpsp(**fields, **sizes, spsp=pointer(spsp)))
        return spsp


class WindowsKernels(LayerKernels):
    """``kernels/windows_forward.hpp`` and ``windows_backward.hpp``."""

    kind = "windows"

    def __init__(self, network: SpikingNetwork, component: Component, dtype: np.dtype, threads: int):
        super().__init__(network, component, dtype, threads)
        c = self.connection
        self._windows = arguments.Windows(*c.input_shape, *c.output_shape, c.size, c.stride, c.padding)

    def _forward(self, fields, n_samples, n_steps, failure):
        offsets = np.zeros(n_samples * n_steps + 1, dtype=np.int64)
        spikes = ctypes.c_void_p()
        fields |= {"counts": pointer(offsets[1:]), "spikes": ctypes.addressof(spikes)}
        self._call(self._forward_library, "windows_forward", arguments.WindowsForward(**fields, windows=self._windows))
        n_neurons = math.prod(self.connection.output_shape)
        lists = spike_kernels.taken_lists(self._forward_library, spikes, offsets, n_samples, n_neurons, self.threads)
        check_state(self.label, *failure)
        return lists

    def _backward(self, fields) -> None:
        self._call(
            self._backward_library, "windows_backward", arguments.WindowsBackward(**fields, windows=self._windows)
        )


def variable_order(dynamics) -> np.ndarray:
    """The order in which the kernels have the state's variables: see `kernel_matrices`."""
    n_variables = dynamics.readout.shape[1]
    if not isinstance(dynamics, LinearMap):
        return np.arange(n_variables)
    read = (dynamics.readout != 0).any(axis=0)
    return np.lexsort((~read, np.arange(n_variables) == dynamics.synaptic))


def places_of(variables, dynamics) -> np.ndarray:
    """Where the kernels have learned variables of the state, int32."""
    order = variable_order(dynamics).tolist()
    numbers = [v.population.neuron.evolving_variables.index(v.name) for v in variables]
    return np.array([order.index(number) for number in numbers], dtype=np.int32)


def kernel_matrices(dynamics, dtype: np.dtype) -> dict[str, np.ndarray]:
    """A linear map's arrays, the variable that the threshold reads first, the one that spikes add to last.

    Along a trajectory matrices are those of each step, and only what a spike reads and takes back is known.
    """
    order = variable_order(dynamics)
    arrays = {name: getattr(dynamics, name)[:, order] for name in ("readout", "taken_back")}
    if isinstance(dynamics, LinearMap):
        arrays |= {name: getattr(dynamics, name)[:, order][:, :, order] for name in ("active", "refractory", "reset")}
    return {name: np.ascontiguousarray(array, dtype=dtype) for name, array in arrays.items()}

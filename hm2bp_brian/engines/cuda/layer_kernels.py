"""The kernels of one layer on a card: a population with one projection to it."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np

from hm2bp_brian.engines.cuda import arguments
from hm2bp_brian.engines.cuda.card import BLOCK, LARGEST_BLOCK, LARGEST_GRID, Card, launch, pointer, slices
from hm2bp_brian.engines.cuda.dynamics import CardDynamics
from hm2bp_brian.engines.cuda.sources import layer_source
from hm2bp_brian.engines.cuda.spikes import CardSpikes, Lists, SpikeKernels, eights, words
from hm2bp_brian.engines.fused.codegen import generate
from hm2bp_brian.learning.backward import Walk
from hm2bp_brian.learning.thresholds import distance
from hm2bp_brian.model.connections import AllPairs, Windows
from hm2bp_brian.model.graph import Component
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch

LANES = 32  # neurons whose S-PSPs a block finds, as in ``kernels/backward.cuh``
DENSE_BLOCKS = 264  # of a dense layer: two for each multiprocessor of an H100
# What decides the order of sums, as the samples of a part do: threads that add up gradients, warps that share the rows
# of a neuron's T-PSP, bytes of q of a neuron at a time. The last fits into what any card's blocks share.
GRADIENT_THREADS = 2**17
SPSP_WARPS = 8
SEGMENT_BYTES = 1792


class LayerKernels:
    """Forward and backward pass of a component that is a single population with one plain projection to it.

    Parameters
    ----------
    network : SpikingNetwork
    component : Component
    dtype : numpy dtype
    card : Card
    spikes : SpikeKernels
    """

    def __init__(
        self, network: SpikingNetwork, component: Component, dtype: np.dtype, card: Card, spikes: SpikeKernels
    ):
        (self.population,), (self.projection,) = component.populations, component.inputs
        self.component, self.network, self.dtype, self.card, self.spikes = component, network, dtype, card, spikes
        self.layer = network.neural.index(self.population)
        self.labels = (network.labels[self.layer],)
        self.weights_number = network.weighted.index(self.projection)
        self.window = window(self.projection.connection)
        neuron, size = self.population.neuron, self.population.size
        self.code = generate(neuron, size, self.population.threshold, network.dt, dtype)
        self._kernel = card.compile(layer_source(self.code, dtype), f"the kernels in {dtype} for {neuron!r}")
        self._arrays = [card.put(array) for array in self.code.arrays]
        self._addresses = card.addresses(self._arrays)
        self._constants = card.put(self.code.constants)
        self._inhibition = -component.lateral[0].weight if component.lateral else 0.0
        self.fan_in = self.window.size**2 * (1 if self.window.pooling else self.window.c_in)
        self.n_weights = 0 if self.window.pooling else self.fan_in * self.window.c_out

    def forward(self, parameters, trains: dict[str, SpikeBatch]):
        """Add the population's spikes to ``trains``.

        Returns
        -------
        int32 array (n_samples,)
            On the card: the first step with a state that is NaN or infinite, the number of steps where there is none.
        """
        weights = self.card.put(parameters[self.weights_number], self.dtype)
        pre = self.spikes.on_card(trains[self.projection.source.name])
        n_samples, n_steps = pre.n_samples, pre.n_steps
        post = self.card.empty((n_samples, words(n_steps), self.population.size), np.uint32)
        failure = self.card.full(n_samples, n_steps, np.int32)
        tile = self._tile
        bytes_a_step = 16 * eights(pre.n_neurons) if tile else 4 * words(pre.n_neurons)
        for part in slices(n_samples, n_steps * bytes_a_step):
            structure = arguments.Presentation(
                *(self.window, len(failure[part]), n_steps, words(n_steps), words(pre.n_neurons)),
                post=pointer(post[part]),
                weights=pointer(weights) if self.n_weights else None,
                arrays=pointer(self._addresses),
                constants=pointer(self._constants),
                dt=self.network.dt,
                refractory_steps=min(self.code.refractory_steps, n_steps),
                lateral_inhibition=self._inhibition,
                failure=pointer(failure[part]),
                tile=tile,
            )
            present = self._present_dense if tile else self._present
            present(structure, pre.trains[part])
        trains[self.population.name] = CardSpikes.of(self.spikes, post, n_steps, self.population.shape)
        return failure

    @cached_property
    def _tile(self) -> int:
        """Neurons of a block of kernel ``forward_dense``; 0 if their weights do not fit into what it shares."""
        tile = self._whole_warps if self._inhibition else LANES
        fits = self._shared_of_dense(tile) <= self.card.shared_bytes
        return tile if fits and isinstance(self.projection.connection, AllPairs) else 0

    def _shared_of_dense(self, tile: int) -> int:
        return self.dtype.itemsize * (self.projection.source.size + 1) * tile

    @property
    def _whole_warps(self) -> int:
        return LANES * -(-self.population.size // LANES)

    def _present(self, structure: arguments.Presentation, before) -> None:
        before = self.spikes.by_step(before, structure.n_steps)
        structure.pre = pointer(before)
        block = self._whole_warps if self._inhibition else BLOCK
        launch(self._kernel("forward"), structure, self.population.size, structure.n_samples, block=block)

    def _present_dense(self, structure: arguments.Presentation, before) -> None:
        lists, tile, n_samples = self.spikes.lists_of_steps(before, structure.n_steps), structure.tile, len(before)
        for field, value in lists.fields.items():
            setattr(structure, field, value)
        n_tiles = -(-self.population.size // tile)
        n_chunks = min(n_samples, max(1, DENSE_BLOCKS // n_tiles))
        at_once = 1 if self._inhibition else min(LARGEST_BLOCK // tile, -(-n_samples // n_chunks))
        kernel, block, shared = self._kernel("forward_dense"), tile * at_once, self._shared_of_dense(tile)
        launch(kernel, structure, n_tiles * block, n_chunks, block=block, shared=shared)

    def backward(self, walk: Walk) -> None:
        """The same as ``learning.component.NumpyKernels.backward_component``; what it adds lies on the card."""
        source, name = self.projection.source, self.population.name
        pre, post = self.spikes.on_card(walk.trains[source.name]), self.spikes.on_card(walk.trains[name])
        weights = self.card.put(walk.parameters[self.weights_number], self.dtype)
        delta, factor = (self.card.put(array, self.dtype) for array in (walk.deltas[name], walk.factor(name)))
        gradient = self.card.full(weights.shape, 0, self.dtype)
        has_delta_before = source.neuron is not None
        delta_pre = self.card.empty((pre.n_samples, pre.n_neurons), self.dtype) if has_delta_before else None
        nu_pre = self.card.put(walk.nu[source.name], self.dtype) if has_delta_before else None
        own_nu, learns = self._own_nu, self.n_weights and self.projection.plastic
        common = {
            "weights": pointer(weights) if self.n_weights else None,
            "distance": pointer(self._distance),
            "nu_pre": pointer(nu_pre),
            "rules": arguments.Rules(*vars(walk.rules).values()),
            "gradient": pointer(gradient),
        }
        for part in self._slices(pre):
            shape = len(delta[part]), self.fan_in, self.population.size
            arrays = {"delta": delta[part], "factor": factor[part], "spsp": self.card.empty(shape, self.dtype)}
            if own_nu or learns:
                arrays["coefficient"] = self.card.empty(delta[part].shape, self.dtype)
            scratch = self._spsp(pre, post, part, self.window, arrays, common)
            if learns:
                self._add_gradient(scratch)
            if has_delta_before:
                scratch.structure.delta_pre = pointer(delta_pre[part])
                self._launch("delta_before", scratch, pre.n_neurons, scratch.structure.n_samples)
        if own_nu:
            walk.deltas[name] = delta
        walk.gradients[self.weights_number] = gradient
        if has_delta_before:
            if source.name in walk.deltas:  # of a rate that is out of its band
                walk.deltas[source.name] = self.card.put(walk.deltas[source.name], self.dtype)
            walk.add_delta(source.name, delta_pre)

    def own_spsp(self, population, trains: SpikeBatch) -> np.ndarray:
        """The same as ``learning.component.NumpyKernels.own_spsp``."""
        trains = self.spikes.on_card(trains)
        n = trains.n_neurons
        among = arguments.Window(1, 1, n, 1, 1, n, 1, 1, 0, 0)
        spsp = self.card.full((trains.n_samples, n, n), 0, self.dtype)
        every = self.card.full((trains.n_samples, n), 1, self.dtype)
        for part in self._slices(trains):
            self._spsp(trains, trains, part, among, {"delta": every[part], "spsp": spsp[part]}, {})
        return self.card.get(spsp)

    def _spsp(self, pre, post, part: slice, connections, arrays: dict, fields: dict) -> _Scratch:
        """Let the kernel find the S-PSPs of some samples, and what follows for their neurons."""
        (n_samples, _, n_post), n_steps, segment = arrays["spsp"].shape, pre.n_steps, self._segment(pre.n_steps)
        arrays |= {"pre": pre.trains[part], "post": post.trains[part]}
        arrays |= {"pre_counts": pre.card_counts[part], "post_counts": post.card_counts[part]}
        lists = self.spikes.lists_of_trains(arrays["pre"], n_steps, segment)
        structure = arguments.Backward(
            *(connections, n_samples, n_steps, words(n_steps)),
            refractory_steps=min(self.network.linear_map(self.layer).refractory_steps, n_steps),
            segment=segment,
            **lists.fields,
            **self._dynamics.fields,
            **{name: pointer(array) for name, array in arrays.items()},
            **fields,
        )
        n_kept = max(SPSP_WARPS, len(self.population.neuron.evolving_variables))
        n_tiles, shared = -(-n_post // LANES), self.dtype.itemsize * LANES * (segment + 1 + n_kept)
        block = LANES * SPSP_WARPS
        launch(self._kernel("spsp"), structure, n_tiles * block, n_samples, block=block, shared=shared)
        return _Scratch(structure, arrays, lists)

    def _segment(self, n_steps: int) -> int:
        """Steps whose q is kept at a time."""
        return min(LANES * words(n_steps), SEGMENT_BYTES // self.dtype.itemsize)

    def _add_gradient(self, scratch: _Scratch) -> None:
        structure, n_positions = scratch.structure, self.window.rows * self.window.columns
        n_parts = max(1, min(GRADIENT_THREADS // self.n_weights, structure.n_samples * n_positions, LARGEST_GRID))
        partial = self.card.empty((n_parts, self.n_weights), self.dtype)
        structure.n_parts, structure.partial = n_parts, pointer(partial)
        self._launch("partial_gradient", scratch, self.n_weights, n_parts)
        self._launch("add_gradient", scratch, self.n_weights)

    def _launch(self, name: str, scratch: _Scratch, *threads: int) -> None:
        launch(self._kernel(name), scratch.structure, *threads)

    def _slices(self, pre: SpikeBatch):
        spsp = self.dtype.itemsize * self.population.size * max(self.fan_in, self.population.size)
        segment = self._segment(pre.n_steps)
        lists = 16 * pre.n_neurons * -(-pre.n_steps // segment) * eights(segment)
        return slices(pre.n_samples, spsp + lists)

    # made when the way back is asked for, as neurons that can't be trained run, too
    @cached_property
    def _own_nu(self) -> bool:
        return not self.population.neuron.nu_is_distance

    @cached_property
    def _distance(self):
        return self.card.put(distance(self.population, self.network.dt), self.dtype)

    @cached_property
    def _dynamics(self) -> CardDynamics:
        return CardDynamics(self.network.linear_map(self.layer), self.dtype, self.card)


@dataclasses.dataclass
class _Scratch:
    """What kernels are given, and the arrays in it, kept until they have been launched."""

    structure: arguments.Backward
    arrays: dict
    lists: Lists


def window(connection: AllPairs | Windows) -> arguments.Window:
    """A layer's connections as the kernels take them."""
    if isinstance(connection, AllPairs):
        return arguments.Window(1, 1, connection.n_pre, 1, 1, connection.n_post, 1, 1, 0, 0)
    c = connection
    return arguments.Window(*c.input_shape, *c.output_shape, c.size, c.stride, c.padding, not c.shared_kernel)

"""The reference engine: a real Brian2 network, one copy, to which samples are presented one after the other."""

from __future__ import annotations

import warnings

import numpy as np
from brian2 import (
    BrianObject,
    Equations,
    Network,
    NeuronGroup,
    Quantity,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    second,
)
from brian2.equations.equations import FLOAT, PARAMETER, SingleEquation

from hm2bp_brian.encoding.poisson import bernoulli_spikes
from hm2bp_brian.errors import ShapeError
from hm2bp_brian.learning.gradients import NumpyAdjoint
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.spikes import SpikeBatch, SpikeRecord


class BrianNetwork:
    """A spiking network as Brian2 objects.

    Attributes
    ----------
    network : brian2.Network
        Holds all objects; add your own monitors with ``network.add``.
    objects : dict
        ``input`` (SpikeGeneratorGroup); for each layer l ``layer_l`` (NeuronGroup), ``synapses_l`` (Synapses with
        variable ``weight``), ``lateral_l`` if it has lateral inhibition, and ``spikes_l`` (SpikeMonitor).
        ``built["layer_0"]`` is short for ``built.objects["layer_0"]``.
    """

    def __init__(self, spiking_network: SpikingNetwork, dtype, codeobj_class=None):
        self.spiking_network = spiking_network
        self.dtype = np.dtype(dtype)
        self.objects: dict[str, BrianObject] = {}
        self._dt = spiking_network.dt * second
        self._synapses = [connection.synapses() for connection in spiking_network.connections]
        no_spikes = np.zeros(0, dtype=int)
        n_inputs = int(np.prod(spiking_network.input_shape))
        self.objects["input"] = SpikeGeneratorGroup(
            n_inputs, no_spikes, no_spikes * second, dt=self._dt, name="input", codeobj_class=codeobj_class
        )
        for layer in range(len(spiking_network.layers)):
            self._add_layer(layer, codeobj_class)
        self.network = Network(*self.objects.values())
        self.set_weights(spiking_network.weights)

    def __getitem__(self, name: str) -> BrianObject:
        return self.objects[name]

    def _add_layer(self, layer: int, codeobj_class) -> None:
        model, spec = self.spiking_network.neurons[layer], self.spiking_network.layers[layer]
        common = {"dtype": self.dtype, "codeobj_class": codeobj_class, "dt": self._dt}
        group = model.brian_group(
            self.spiking_network.size(layer), self.spiking_network.thresholds[layer], name=f"layer_{layer}", **common
        )
        self._reset_between_samples(group, model, codeobj_class)
        pre = self.objects["input" if layer == 0 else f"layer_{layer - 1}"]
        weight_equation = SingleEquation(PARAMETER, "weight", dimensions=model.weight_dimension, var_type=FLOAT)
        synapses = Synapses(
            pre,
            group,
            Equations([weight_equation]),
            on_pre=f"{model.synaptic_variable}_post += weight",
            name=f"synapses_{layer}",
            **common,
        )
        i, j, _ = self._synapses[layer]
        synapses.connect(i=i, j=j)
        self.objects |= {f"layer_{layer}": group, f"synapses_{layer}": synapses}
        if spec.lateral_inhibition:
            lateral = Synapses(
                group,
                group,
                on_pre=f"{model.synaptic_variable}_post += -w0",
                namespace={"w0": Quantity(spec.lateral_inhibition, dim=model.weight_dimension)},
                name=f"lateral_{layer}",
                **common,
            )
            lateral.connect(condition="i != j", namespace={})
            lateral.pre.order = 1  # after the feed-forward spikes, so that sums are rounded as in the fused engine
            self.objects[f"lateral_{layer}"] = lateral
        self.objects[f"spikes_{layer}"] = SpikeMonitor(group, name=f"spikes_{layer}", codeobj_class=codeobj_class)

    def _reset_between_samples(self, group: NeuronGroup, model: NeuronModel, codeobj_class) -> None:
        # not_refractory first: variables marked (unless refractory) can't be written before
        lines = ["not_refractory = True", "lastspike = -1e4*second"] if model.refractory else []
        for name in model.changing_variables:
            zero = f"zero_{name}"
            group.namespace[zero] = Quantity(0.0, dim=model.dimension_of(name))
            lines.append(f"{name} = {zero}")
        group.run_regularly(
            "\n".join(lines),
            dt=self.spiking_network.n_steps * self._dt,
            when="start",
            name=f"{group.name}_presentation",
            codeobj_class=codeobj_class,
        )

    def set_weights(self, weights) -> None:
        """Write one array a layer into the Synapses, in the base unit of the synaptic variable."""
        for layer, array in enumerate(weights):
            _, _, index = self._synapses[layer]
            values = np.ones(1) if index is None else np.asarray(array, dtype=self.dtype).ravel()[index]
            synapses = self[f"synapses_{layer}"]
            synapses.variables["weight"].set_value(np.broadcast_to(values, len(synapses)).astype(self.dtype))

    def set_input(self, batch: SpikeBatch) -> None:
        """Let the input group fire the spikes of a batch, its samples one after the other, from the present time on.

        Raises
        ------
        ShapeError
            If the batch does not fit the network.
        """
        expected = self.spiking_network
        if batch.shape != expected.input_shape or batch.n_steps != expected.n_steps:
            raise ShapeError(
                f"the network expects input of shape {expected.input_shape} in {expected.n_steps} steps, found shape "
                f"{batch.shape} in {batch.n_steps} steps"
            )
        steps = batch.samples * batch.n_steps + batch.steps
        self["input"].set_spikes(batch.neurons, steps * self._dt + self.network.t, sorted=True)

    def run(self, batch: SpikeBatch) -> SpikeRecord:
        """Present a batch and read the spike monitors.

        Every presentation starts from zero. Call it once, or put the network back (``network.restore``) before another.

        Raises
        ------
        KeyboardInterrupt
            If the run was stopped before its end: Brian2 itself returns early and says nothing.
        """
        self.set_input(batch)
        start = self.network.t
        n_steps = batch.n_samples * batch.n_steps
        with warnings.catch_warnings():
            # Brian2 compares float32 states with 1e50
            warnings.filterwarnings("ignore", "overflow encountered in cast", RuntimeWarning)
            self.network.run(n_steps * self._dt, namespace={})
        done = round(float((self.network.t - start) / self._dt))
        if done != n_steps:
            raise KeyboardInterrupt(
                f"Brian2's run was stopped after {done} of {n_steps} steps; its spikes are not used"
            )
        layers = [self._read_spikes(layer, batch, start) for layer in range(len(self.spiking_network.layers))]
        return SpikeRecord(batch, layers)

    def _read_spikes(self, layer: int, batch: SpikeBatch, start) -> SpikeBatch:
        monitor = self[f"spikes_{layer}"]
        steps = np.rint((monitor.t - start) / self._dt).astype(int)
        new = steps >= 0
        return SpikeBatch.from_events(
            steps[new] // batch.n_steps,
            steps[new] % batch.n_steps,
            np.asarray(monitor.i)[new],
            n_samples=batch.n_samples,
            n_steps=batch.n_steps,
            shape=self.spiking_network.shapes[layer],
        )


def build_brian_network(network: SpikingNetwork, dtype="float64") -> BrianNetwork:
    """Build a network's Brian2 objects, to look at with your own monitors and tools.

    Parameters
    ----------
    network : SpikingNetwork
    dtype : "float32" or "float64"

    Returns
    -------
    BrianNetwork

    Examples
    --------
    >>> built = build_brian_network(network)                       # doctest: +SKIP
    >>> trace = StateMonitor(built["layer_0"], "u", record=[0])    # doctest: +SKIP
    >>> built.network.add(trace)                                   # doctest: +SKIP
    >>> record = built.run(batch)                                  # doctest: +SKIP
    """
    return BrianNetwork(network, dtype)


class BrianSimulator(NumpyAdjoint):
    """Engine "brian2": Brian2 runs the network, numpy computes gradients. Built once, one ``run`` a batch."""

    name = "brian2"
    threads = 1
    encode = staticmethod(bernoulli_spikes)

    def __init__(self, network: SpikingNetwork, dtype: str):
        self.dtype = np.dtype(dtype)
        self._built = BrianNetwork(network, dtype)
        self._built.network.store("untouched")

    def run(self, weights, batch: SpikeBatch) -> SpikeRecord:
        """Present a batch with the given weights; see ``BrianNetwork.run``."""
        self._built.network.restore("untouched")
        self._built.set_weights(weights)
        return self._built.run(batch)

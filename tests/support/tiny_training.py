"""A task that takes milliseconds: three classes of 4 x 4 images, a network of 8 and 3 neurons, an engine in numpy."""

from __future__ import annotations

import numpy as np
from brian2 import ms

from hm2bp_brian.datasets import ImageDataset
from hm2bp_brian.encoding import BernoulliEncoder
from hm2bp_brian.engines.protocol import HostTape
from hm2bp_brian.engines.updates import NumpyUpdater
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.component import NumpyKernels
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.training.trainer import Trainer

LOSS = SpikeCountLoss(desired=8, undesired=1, margin=1)
LAYERS = (
    Dense(8, threshold=1.0, initializer=Uniform(1.5)),
    Dense(3, threshold=1.0, lateral_inhibition=0.1, initializer=Uniform(1.5)),
)


def tiny_dataset(n: int = 30, seed: int = 0) -> ImageDataset:
    """Class k has a bright row k; the rest is noise."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    images = generator.integers(0, 60, size=(n, 4, 4, 1))
    images[np.arange(n), labels] += 180
    return ImageDataset(images.astype(np.uint8), labels, 3, "tiny")


def tiny_network(seed: int = 1, layers=LAYERS, shape=(4, 4, 1)) -> SpikingNetwork:
    return SpikingNetwork(shape, layers, LIF(16 * ms, 4 * ms, 2 * ms), dt=1 * ms, duration=40 * ms, seed=seed)


class NumpyEngine(NumpyKernels):
    """The Euler steps of LIF neurons written down once more, in Brian2's order, all samples at once."""

    name = "numpy"
    threads = 1
    updater = NumpyUpdater

    def __init__(self, network, dtype="float64"):
        super().__init__(network)
        self.dtype = np.dtype(dtype)
        self.runs = 0
        self.fail_at = None

    def encoder(self, encoder):
        return encoder

    def backward(self, tape, errors, rules):
        return backward(self.network, tape.parameters, tape.record, errors, rules)

    def forward(self, weights, batch):
        self.runs += 1
        if self.runs == self.fail_at:
            raise KeyboardInterrupt
        layers, spikes = [], batch.dense().reshape(batch.n_samples, batch.n_steps, -1)
        for number, w in enumerate(weights):
            spikes = self._layer(number, w, spikes)
            layers.append(SpikeBatch.from_dense(spikes))
        return HostTape(weights, SpikeRecord(batch, tuple(layers)))

    def _layer(self, number, w, pre):
        neuron, dt = self.network.neurons[number], self.network.dt
        w0, v_th = self.network.layers[number].lateral_inhibition, self.network.thresholds[number]
        u, current = np.zeros((2, len(pre), w.shape[1]))
        blocked = np.zeros(u.shape, dtype=int)
        post = np.zeros((*pre.shape[:2], w.shape[1]), dtype=bool)
        for t in range(pre.shape[1]):
            free = blocked == 0
            u = np.where(free, u + dt * (current / neuron.tau_s - u / neuron.tau_m), u)
            current = current - dt * current / neuron.tau_s
            fired = post[:, t] = free & (u > v_th)
            current = current + pre[:, t] @ w - w0 * (fired.sum(axis=1, keepdims=True) - fired)
            u = np.where(fired, 0.0, u)
            blocked = np.where(fired, neuron.refractory_steps(dt), np.maximum(blocked - 1, 0))
        return post


def make_trainer(network=None, **settings) -> Trainer:
    """A trainer on the engine above."""
    network = tiny_network() if network is None else network
    settings = {
        "loss": LOSS,
        "encoder": BernoulliEncoder(2.0),
        "dtype": "float64",
        "engine": NumpyEngine(network),
    } | settings
    return Trainer(network, **settings)


def assert_same_state(state, other):
    """Equality of two results of ``TrainingState.arrays``, but for the seconds that epochs took."""
    assert state.keys() == other.keys()
    for name in state:
        if name == "history/table":
            seconds = list(state["history/columns"]).index("seconds")
            np.testing.assert_array_equal(np.delete(state[name], seconds, 1), np.delete(other[name], seconds, 1))
        else:
            np.testing.assert_array_equal(state[name], other[name], err_msg=name)

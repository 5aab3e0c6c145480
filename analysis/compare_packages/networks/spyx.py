"""spyx: `CuBaLIF` neurons; a training step, with its scan over time, is compiled by XLA."""

import math

import jax.numpy as jnp
import numpy as np
import optax
import spyx
from flax import nnx
from spyx import nn as snn
from task import LEARNING_RATE, TAU_M, TAU_S, THRESHOLD

MADE_OF = ("spyx", "jax")


class Network:
    def __init__(self, task):
        rngs = nnx.Rngs(0)
        decays = {"alpha": math.exp(-1 / TAU_S), "beta": math.exp(-1 / TAU_M)}
        layers = []
        for weights in task.weights:
            dense = nnx.Linear(*weights.shape, use_bias=False, rngs=rngs)
            dense.kernel[...] = jnp.asarray(weights)
            layers += [dense, snn.CuBaLIF(weights.shape[1:], **decays, threshold=THRESHOLD, rngs=rngs)]
        self.model = snn.Sequential(*layers)
        # the neurons' decays are parameters too, which no other package trains here
        self.trained = nnx.All(nnx.Param, nnx.PathContains("kernel"))
        self.optimizer = nnx.Optimizer(self.model, optax.adam(LEARNING_RATE), wrt=self.trained)
        self.loss = spyx.fn.integral_crossentropy(smoothing=0.0, time_axis=0)
        self.step = nnx.jit(self._step)

    def _step(self, model, optimizer, spikes, labels):
        def loss(model):
            return self.loss(snn.run(model, spikes)[0], labels)

        value, gradient = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, self.trained))(model)
        optimizer.update(model, gradient)
        return value

    def prepare(self, batch):
        return jnp.asarray(batch.dense()), jnp.asarray(batch.labels)

    def train_batch(self, spikes, labels) -> float:
        return float(self.step(self.model, self.optimizer, spikes, labels))

    def hidden_spikes(self, spikes) -> float:
        return float(snn.run(snn.Sequential(*self.model.layers[:2]), spikes)[0].sum()) / spikes.shape[1]

    def arrays(self):
        return [np.array(layer.kernel[...]) for layer in self.model.layers[::2]]

"""This package: the fused engine, HM2-BP."""

import numpy as np
from brian2 import ms
from task import LEARNING_RATE, TAU_M, TAU_S, THRESHOLD

import hm2bp_brian as hb

MADE_OF = ("hm2bp_brian", "brian2")
GAIN = 1 / TAU_S


class Network:
    def __init__(self, task):
        network = hb.SpikingNetwork(
            len(task.weights[0]),
            [hb.Dense(weights.shape[1], threshold=THRESHOLD) for weights in task.weights],
            hb.LIF(tau_m=TAU_M * ms, tau_s=TAU_S * ms),
            dt=1 * ms,
            duration=task.n_steps * ms,
        )
        network.weights = [weights / GAIN for weights in task.weights]
        self.trainer = hb.Trainer(network, hb.CrossEntropyLoss(scale=1.0), hb.Adam(LEARNING_RATE / GAIN))

    def prepare(self, batch):
        spikes = hb.SpikeBatch(batch.neurons, batch.offsets, len(batch.labels), batch.n_steps, (batch.n_inputs,))
        return spikes, batch.labels

    def _forward(self, spikes):
        return self.trainer.engine.forward(self.trainer.state.parameters, spikes)

    def train_batch(self, spikes, labels) -> float:
        tape = self._forward(spikes)
        loss = self.trainer.loss.values(tape.counts, labels).mean()
        gradient = self.trainer.gradient(tape, labels, np.arange(len(labels)))
        self.trainer.update(gradient, self.trainer.optimizer.learning_rate)
        return float(loss)

    def hidden_spikes(self, spikes) -> float:
        return self._forward(spikes).n_spikes[1] / spikes.n_samples

    def arrays(self):
        return [weights.copy() for weights in self.trainer.state.parameters]

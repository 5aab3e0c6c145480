"""What the networks of the packages on PyTorch share: two dense layers, Adam, cross-entropy of the counts."""

from __future__ import annotations

import torch
from task import LEARNING_RATE
from torch import nn


class TorchNetwork(nn.Module):
    """Subclasses have ``forward``: from input spikes (time, batch, inputs) to those of the hidden and output neurons.

    ``gain`` is the part of the current that the package's neuron adds to its potential in a step.
    """

    gain = 1.0

    def __init__(self, task):
        super().__init__()
        self.dense = nn.ModuleList(nn.Linear(*weights.shape, bias=False) for weights in task.weights)
        for layer, weights in zip(self.dense, task.weights, strict=True):
            layer.weight = nn.Parameter(torch.from_numpy(weights.T / self.gain).contiguous())
        self.optimizer = torch.optim.Adam(self.dense.parameters(), LEARNING_RATE / self.gain)

    def prepare(self, batch):
        return torch.from_numpy(batch.dense()), torch.from_numpy(batch.labels)

    def train_batch(self, spikes, labels) -> float:
        self.optimizer.zero_grad()
        _, output = self(spikes)
        loss = nn.functional.cross_entropy(output.sum(0), labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def hidden_spikes(self, spikes) -> float:
        with torch.no_grad():
            return self(spikes)[0].sum().item() / spikes.shape[1]

    def arrays(self):
        return [layer.weight.detach().numpy().copy() for layer in self.dense]

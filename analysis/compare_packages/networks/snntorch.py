"""snnTorch: `Synaptic` neurons, step by step as in its tutorials; the weights are applied to all steps at once."""

import math

import snntorch
import torch
from networks.torch_network import TorchNetwork
from task import TAU_M, TAU_S, THRESHOLD
from torch import nn

MADE_OF = ("snntorch", "torch")


class Network(TorchNetwork):
    def __init__(self, task):
        super().__init__(task)
        decays = {"alpha": math.exp(-1 / TAU_S), "beta": math.exp(-1 / TAU_M)}
        self.neurons = nn.ModuleList(snntorch.Synaptic(**decays, threshold=THRESHOLD) for _ in self.dense)

    def forward(self, spikes):
        records = [spikes]
        for dense, neurons in zip(self.dense, self.neurons, strict=True):
            synaptic, membrane = neurons.reset_mem()
            record = []
            for current in dense(records[-1]):
                spike, synaptic, membrane = neurons(current, synaptic, membrane)
                record.append(spike)
            records.append(torch.stack(record))
        return records[1:]

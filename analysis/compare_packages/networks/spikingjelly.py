"""SpikingJelly: neurons and weights take all steps at once (step mode "m"), after a filter in place of synapses."""

import torch
from networks.torch_network import TorchNetwork
from spikingjelly.activation_based import functional, neuron
from spikingjelly.activation_based.layer import SynapseFilter
from task import TAU_M, TAU_S, THRESHOLD
from torch import nn

MADE_OF = ("spikingjelly", "torch")


class Network(TorchNetwork):
    def __init__(self, task):
        super().__init__(task)
        # step by step: in mode "m" its backward pass takes a time that grows as the square of the number of steps
        self.filters = nn.ModuleList(SynapseFilter(tau=TAU_S, learnable=False, step_mode="s") for _ in self.dense)
        neurons = {"tau": TAU_M, "decay_input": False, "v_threshold": THRESHOLD, "step_mode": "m"}
        self.neurons = nn.ModuleList(neuron.LIFNode(**neurons) for _ in self.dense)

    def forward(self, spikes):
        functional.reset_net(self)
        records = [spikes]
        for synapses, dense, neurons in zip(self.filters, self.dense, self.neurons, strict=True):
            filtered = torch.stack([synapses(step) for step in records[-1]])
            records.append(neurons(dense(filtered)))
        return records[1:]

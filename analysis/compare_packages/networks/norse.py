"""Norse: `LIF` layers, whose step is compiled by torch.compile as its release 1.1 advises."""

import torch
from networks.torch_network import TorchNetwork
from norse.torch import LIF, LIFParameters
from task import TAU_M, TAU_S, THRESHOLD
from torch import nn

MADE_OF = ("norse", "torch")
DT = 0.001  # seconds


class Network(TorchNetwork):
    gain = 1 / TAU_M

    def __init__(self, task):
        super().__init__(task)
        parameters = LIFParameters(
            tau_syn_inv=torch.tensor(1 / (TAU_S * DT)),
            tau_mem_inv=torch.tensor(1 / (TAU_M * DT)),
            v_th=torch.tensor(THRESHOLD),
        )
        self.neurons = nn.ModuleList(LIF(parameters, dt=DT) for _ in self.dense)
        for layer in self.neurons:
            # the step, not the loop over steps, which the compiler would unroll
            layer.activation = torch.compile(layer.activation)

    def forward(self, spikes):
        hidden, _ = self.neurons[0](self.dense[0](spikes))
        output, _ = self.neurons[1](self.dense[1](hidden))
        return hidden, output

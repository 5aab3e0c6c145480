"""Norse: `LIFCell` neurons, step by step, the step compiled by torch.compile as release 1.1 advises."""

import torch
from networks.torch_network import TorchNetwork
from norse.torch import LIFCell, LIFParameters
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
        # cells, as the backward pass of a layer with time takes one that grows as the square of the number of steps
        self.neurons = nn.ModuleList(torch.compile(LIFCell(parameters, dt=DT)) for _ in self.dense)

    def forward(self, spikes):
        records = [spikes]
        for dense, neurons in zip(self.dense, self.neurons, strict=True):
            state, record = None, []
            for current in dense(records[-1]):
                spike, state = neurons(current, state)
                record.append(spike)
            records.append(torch.stack(record))
        return records[1:]

"""SpikingJelly: all steps of a layer at once (step mode "m"), its synapses' filter before the weights."""

from networks.torch_network import TorchNetwork
from spikingjelly.activation_based import functional, neuron
from spikingjelly.activation_based.layer import SynapseFilter
from task import TAU_M, TAU_S, THRESHOLD
from torch import nn

MADE_OF = ("spikingjelly", "torch")


class Network(TorchNetwork):
    def __init__(self, task):
        super().__init__(task)
        self.layers = nn.ModuleList(
            nn.Sequential(
                SynapseFilter(tau=TAU_S, learnable=False),
                dense,
                neuron.LIFNode(tau=TAU_M, decay_input=False, v_threshold=THRESHOLD),
            )
            for dense in self.dense
        )
        functional.set_step_mode(self, "m")

    def forward(self, spikes):
        functional.reset_net(self)
        hidden = self.layers[0](spikes)
        return hidden, self.layers[1](hidden)

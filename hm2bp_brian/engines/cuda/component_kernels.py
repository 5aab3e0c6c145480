"""Which kernels run a component on a card."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.engines.cuda.card import LARGEST_BLOCK, Card
from hm2bp_brian.engines.cuda.graph_kernels import GraphKernels
from hm2bp_brian.engines.cuda.layer_kernels import LayerKernels
from hm2bp_brian.engines.cuda.spikes import SpikeKernels
from hm2bp_brian.model.connections import Pairs
from hm2bp_brian.model.graph import Component
from hm2bp_brian.model.network import SpikingNetwork


def make_kernels(
    network: SpikingNetwork, component: Component, dtype: np.dtype, card: Card, spikes: SpikeKernels
) -> LayerKernels | GraphKernels:
    """The fastest kernels for a component."""
    kernels = LayerKernels if _is_layer(component) else GraphKernels
    return kernels(network, component, dtype, card, spikes)


def _is_layer(component: Component) -> bool:
    """Whether it is a population of plain neurons with one plain projection to it."""
    neuron = component.populations[0].neuron
    if not neuron.is_affine or neuron.learned:
        return False
    if component.loops or len(component.inputs) != 1 or not component.inputs[0].plain:
        return False
    too_large = component.lateral and component.populations[0].size > LARGEST_BLOCK
    return not (too_large or isinstance(component.inputs[0].connection, Pairs))

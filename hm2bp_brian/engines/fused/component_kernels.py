"""Which kernels run a component."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.engines.fused.graph_kernels import GraphKernels
from hm2bp_brian.engines.fused.layer_kernels import DenseKernels, WindowsKernels
from hm2bp_brian.model.connections import AllPairs, Windows
from hm2bp_brian.model.graph import Component
from hm2bp_brian.model.network import SpikingNetwork


def make_kernels(network: SpikingNetwork, component: Component, dtype: np.dtype, threads: int):
    """The fastest kernels for a component."""
    if len(component.inputs) == 1 and not component.loops and component.inputs[0].plain:
        connection = component.inputs[0].connection
        if isinstance(connection, AllPairs):
            return DenseKernels(network, component, dtype, threads)
        if isinstance(connection, Windows) and not component.lateral:
            return WindowsKernels(network, component, dtype, threads)
    return GraphKernels(network, component, dtype, threads)

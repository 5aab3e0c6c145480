"""Neurons made of other neurons: without their noise, or many layers of them as one."""

from __future__ import annotations

import copy
import re

import numpy as np
from brian2 import Quantity
from brian2.units.fundamentalunits import get_dimensions
from brian2.utils.stringtools import get_identifiers

from hm2bp_brian.model.learned import parsed_anew
from hm2bp_brian.model.neurons import NeuronModel

SIZE_AND_INDEX = re.compile(r"\b([iN])\b")
NOISE = re.compile(r"\bxi(_\w+)?\b")


def without_noise(neuron: NeuronModel) -> NeuronModel:
    """The same neuron with ``xi`` at its mean, 0."""
    if not neuron.parsed.is_stochastic:
        return neuron
    quiet = copy.copy(neuron)
    quiet.equations = NOISE.sub("(0*second**-0.5)", neuron.equations)
    quiet.parsed = parsed_anew(neuron, quiet.equations)
    quiet.forget()
    quiet.method = "euler"  # methods for noise take no equations without; a fixed point is one for all
    return quiet


def copies(neuron: NeuronModel, n_neurons: int, n_copies: int) -> NeuronModel:
    """The model of ``n_copies`` layers of ``n_neurons`` such neurons as one layer, one after the other."""
    many = copy.copy(neuron)
    for text in ("equations", "threshold", "reset"):  # where i and N are those of one layer
        setattr(many, text, SIZE_AND_INDEX.sub(r"\1_of_layer", getattr(neuron, text)))
    many.parsed = parsed_anew(neuron, many.equations)
    used = get_identifiers("\n".join([many.equations, many.threshold, many.reset]))
    of_layer = {"i_of_layer": np.arange(n_neurons, dtype=float), "N_of_layer": n_neurons}
    parameters = neuron.parameters | {name: value for name, value in of_layer.items() if name in used}
    many.parameters = {
        name: Quantity(np.tile(np.asarray(value), n_copies), dim=get_dimensions(value)) if np.ndim(value) else value
        for name, value in parameters.items()
    }
    many.initial = {name: np.tile(v, n_copies) if np.ndim(v) else v for name, v in neuron.initial.items()}
    many.forget()
    return many

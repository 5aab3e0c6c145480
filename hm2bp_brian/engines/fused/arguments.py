"""What crosses into the kernels of a layer: the structures of ``kernels/arguments.hpp``, field by field."""

from __future__ import annotations

import ctypes
from dataclasses import fields

from hm2bp_brian.learning import rules

RULES = [field.name for field in fields(rules.Rules)]
DEFINE_RULES = f"#define RULES double {', '.join(RULES)};"


def fields_of(of_type, names: str) -> list:
    return [(name, of_type) for name in names.split()]


def pointers(names: str) -> list:
    return fields_of(ctypes.c_void_p, names)


def _integers(names: str) -> list:
    return fields_of(ctypes.c_int64, names)


def _floats(names: str) -> list:
    return fields_of(ctypes.c_double, names)


class Windows(ctypes.Structure):
    """``struct Windows`` of ``kernels/windows.hpp``."""

    _fields_ = _integers("height width c_in rows columns c_out size stride padding")


class Forward(ctypes.Structure):
    """A layer's whole presentation."""

    _fields_ = [
        *pointers("pre_neurons pre_offsets"),
        *_integers("n_samples n_steps"),
        *pointers("weights arrays constants"),
        *_floats("dt"),
        *_integers("refractory_steps"),
        *pointers("failure"),
        *_integers("threads"),
    ]


class DenseForward(Forward):
    """A dense layer's presentation."""

    _fields_ = [*_integers("n_pre n_post"), *_floats("lateral_inhibition"), *pointers("bits counts")]


class WindowsForward(Forward):
    """A convolution or pooling layer's presentation."""

    _fields_ = [("windows", Windows), *pointers("counts spikes")]


class LayerTrains(ctypes.Structure):
    """The spikes before and in a layer, and what a step, a spike and the threshold do to its neurons."""

    _fields_ = [
        *pointers("pre_steps pre_trains post_steps post_trains"),
        *_integers("n_samples n_steps"),
        *pointers("active refractory reset readout taken_back distance"),
        *_integers("refractory_steps threads"),
        *pointers("forward"),
    ]


class DenseSpsp(LayerTrains):
    """A dense layer's S-PSPs."""

    _fields_ = [*_integers("n_pre n_post"), *pointers("spsp")]


class Rules(ctypes.Structure):
    """Constants of the backward pass, as in `hm2bp_brian.learning.rules`."""

    _fields_ = _floats(" ".join(RULES))


class Backward(LayerTrains):
    """HM2-BP through a layer."""

    _fields_ = [
        *pointers("weights nu_pre delta factor"),
        ("rules", Rules),
        *pointers("gradient delta_pre nu"),
        *_integers("n_learned"),
        *pointers("learned start_gradient"),
    ]


class DenseBackward(Backward):
    """HM2-BP through a dense layer."""

    _fields_ = [*_integers("n_pre n_post"), *_floats("lateral_inhibition")]


class WindowsBackward(Backward):
    """HM2-BP through a convolution or pooling layer."""

    _fields_ = [("windows", Windows)]


class PopulationCalls(ctypes.Structure):
    """The functions of ``kernels/population.hpp``, compiled with a population's neurons."""

    _fields_ = pointers("make receptor free start update reset finite make_adjoint free_adjoint adjoint")


class GraphPopulation(ctypes.Structure):
    """A population of a component that is run as a graph."""

    _fields_ = [
        ("calls", PopulationCalls),
        *_integers("n_neurons n_receptors"),
        *pointers("receptors forward counts spikes trains nu"),
        *_integers("own_nu"),
        *pointers("delta factor"),
        *_integers("along_trajectory n_variables n_learned"),
        *pointers("learned start_gradient"),
    ]


class GraphProjection(ctypes.Structure):
    """A projection to such a population."""

    _fields_ = [
        *_integers("source target receptor n_pre n_post"),
        *pointers("neurons offsets steps trains starts partners"),
        *_integers("by_target"),
        *pointers("weights delays"),
        *_integers("delay longest_delay lateral"),
        *pointers("nu_pre gradient delay_gradient delta_pre"),
    ]


class GraphForward(ctypes.Structure):
    """A component's presentation."""

    _fields_ = [
        *_integers("n_samples n_steps n_populations n_projections threads"),
        *pointers("populations projections failure"),
    ]


class GraphBackward(ctypes.Structure):
    """HM2-BP through a component."""

    _fields_ = [
        *_integers("n_samples n_steps n_populations n_projections threads"),
        *pointers("populations projections"),
        ("rules", Rules),
        *pointers("n_cut"),
    ]


STRUCTURES = (
    *(Windows, Forward, DenseForward, WindowsForward),
    *(LayerTrains, DenseSpsp, Rules, Backward, DenseBackward, WindowsBackward),
    *(PopulationCalls, GraphPopulation, GraphProjection, GraphForward, GraphBackward),
)

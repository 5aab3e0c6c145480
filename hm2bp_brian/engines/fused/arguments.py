"""What crosses into the kernels of a layer: the structures of ``kernels/arguments.hpp``, field by field."""

from __future__ import annotations

import ctypes
from dataclasses import fields

from hm2bp_brian.learning import rules

RULES = [field.name for field in fields(rules.Rules)]
DEFINE_RULES = f"#define RULES double {', '.join(RULES)};"


def _fields(of_type, names: str) -> list:
    return [(name, of_type) for name in names.split()]


def _pointers(names: str) -> list:
    return _fields(ctypes.c_void_p, names)


def _integers(names: str) -> list:
    return _fields(ctypes.c_int64, names)


def _floats(names: str) -> list:
    return _fields(ctypes.c_double, names)


class Windows(ctypes.Structure):
    """``struct Windows`` of ``kernels/windows.hpp``."""

    _fields_ = _integers("height width c_in rows columns c_out size stride padding")


class Forward(ctypes.Structure):
    """A layer's whole presentation."""

    _fields_ = [
        *_pointers("pre_neurons pre_offsets"),
        *_integers("n_samples n_steps"),
        *_pointers("weights arrays constants"),
        *_floats("dt"),
        *_integers("refractory_steps"),
        *_pointers("failure"),
        *_integers("threads"),
    ]


class DenseForward(Forward):
    """A dense layer's presentation."""

    _fields_ = [*_integers("n_pre n_post"), *_floats("lateral_inhibition"), *_pointers("bits counts")]


class WindowsForward(Forward):
    """A convolution or pooling layer's presentation."""

    _fields_ = [("windows", Windows), *_pointers("counts spikes")]


class LayerTrains(ctypes.Structure):
    """The spikes before and in a layer, and what a step, a spike and the threshold do to its neurons."""

    _fields_ = [
        *_pointers("pre_steps pre_trains post_steps post_trains"),
        *_integers("n_samples n_steps"),
        *_pointers("active refractory reset readout"),
        *_integers("refractory_steps threads"),
    ]


class DenseSpsp(LayerTrains):
    """A dense layer's S-PSPs."""

    _fields_ = [*_integers("n_pre n_post"), *_pointers("spsp")]


class Rules(ctypes.Structure):
    """Constants of the backward pass, as in `hm2bp_brian.learning.rules`."""

    _fields_ = _floats(" ".join(RULES))


class Backward(LayerTrains):
    """HM2-BP through a layer."""

    _fields_ = [
        *_pointers("weights"),
        *_floats("v_th v_th_pre"),
        *_pointers("delta factor"),
        ("rules", Rules),
        *_pointers("gradient delta_pre"),
    ]


class DenseBackward(Backward):
    """HM2-BP through a dense layer."""

    _fields_ = _integers("n_pre n_post")


class WindowsBackward(Backward):
    """HM2-BP through a convolution or pooling layer."""

    _fields_ = [("windows", Windows)]


STRUCTURES = (
    *(Windows, Forward, DenseForward, WindowsForward),
    *(LayerTrains, DenseSpsp, Rules, Backward, DenseBackward, WindowsBackward),
)

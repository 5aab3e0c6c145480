"""What kernels on a GPU are given: the structures of ``kernels/*.cuh``, field by field."""

from __future__ import annotations

import ctypes

from hm2bp_brian.engines.fused.arguments import Rules, fields_of, pointers


def _integers(names: str) -> list:
    return fields_of(ctypes.c_int32, names)


class Window(ctypes.Structure):
    """Connections of a layer; a dense layer is a map of one position whose window is all that is before."""

    _fields_ = _integers("height width c_in rows columns c_out size stride padding pooling")


class Spikes(ctypes.Structure):
    """Spikes of a population as bits, and what they are made of."""

    _fields_ = [
        *_integers("n_samples n_neurons n_steps n_words n_neuron_words"),
        *pointers("trains by_step counts thresholds keys neurons offsets"),
    ]


class Presentation(ctypes.Structure):
    """A layer's whole presentation."""

    _fields_ = [
        ("window", Window),
        *_integers("n_samples n_steps n_words n_pre_words"),
        *pointers("pre post weights arrays constants"),
        ("dt", ctypes.c_double),
        ("refractory_steps", ctypes.c_int64),
        ("lateral_inhibition", ctypes.c_double),
        *pointers("failure"),
    ]


class Backward(ctypes.Structure):
    """HM2-BP through a layer."""

    _fields_ = [
        ("window", Window),
        *_integers("n_samples n_steps n_words n_parts"),
        *pointers("pre post pre_counts post_counts active refractory reset readout taken_back"),
        *fields_of(ctypes.c_int64, "uniform refractory_steps"),
        *pointers("weights distance nu_pre delta factor"),
        ("rules", Rules),
        *pointers("q spsp coefficient partial gradient delta_pre"),
    ]


class Update(ctypes.Structure):
    """Updates of an array of weights."""

    _fields_ = [
        *fields_of(ctypes.c_int64, "size n_threads"),
        *fields_of(ctypes.c_double, "beta_1 beta_2 step_size epsilon limit fraction"),
        *pointers("w m v average g squares length"),
    ]


STRUCTURES = (Window, Spikes, Presentation, Backward, Update)

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
        *pointers("trains by_step counts thresholds pixels keys neurons offsets lists lengths"),
        *_integers("capacity segment"),
    ]


class Images(ctypes.Structure):
    """Images, and what is to happen to them."""

    _fields_ = [
        *_integers("n_images height width n_channels"),
        ("elastic", ctypes.c_float),
        *pointers("before after mirrored shifts maps fields noise"),
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
        *pointers("failure lists lengths"),
        *_integers("capacity tile"),
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
        *pointers("q start spsp lists lengths"),
        *_integers("capacity segment"),
        *pointers("coefficient partial gradient delta_pre"),
    ]


class GraphPopulation(ctypes.Structure):
    """One population of a component, while it runs."""

    _fields_ = [
        *_integers("n_neurons n_words bytes_a_neuron"),
        *pointers("trains states infinite_at arrays constants"),
        ("dt", ctypes.c_double),
        ("refractory_steps", ctypes.c_int64),
    ]


class GraphProjection(ctypes.Structure):
    """A projection to one of them."""

    _fields_ = [
        *_integers("target receptor n_pre n_words"),
        *pointers("trains starts sources delays weights"),
    ]


class GraphPresentation(ctypes.Structure):
    """A component's whole presentation."""

    _fields_ = [
        *_integers("n_steps n_populations n_projections"),
        *pointers("populations projections failure"),
    ]


class Along(ctypes.Structure):
    """The adjoint of a population along its trajectories."""

    _fields_ = [
        ("population", GraphPopulation),
        *_integers("which n_steps n_projections n_receptors"),
        *pointers("projections receptors wanted counts distance readout taken_back"),
        ("uniform", ctypes.c_int64),
        *pointers("states q start"),
        *_integers("n_samples"),
    ]


class Connections(ctypes.Structure):
    """HM2-BP through a list of connections."""

    _fields_ = [
        *_integers("n_samples n_steps n_words n_pre n_post"),
        *pointers("wanted pre pre_counts post_counts"),
        ("n_connections", ctypes.c_int64),
        *pointers(
            "starts sources targets delays weights starts_of_source of_source q spsp slope tpsp delta coefficient"
        ),
        *pointers("gradient delay_gradient flow"),
        *fields_of(ctypes.c_double, "silent_spsp silent_ratio"),
    ]


class Update(ctypes.Structure):
    """Updates of an array of weights."""

    _fields_ = [
        *fields_of(ctypes.c_int64, "size n_threads"),
        *fields_of(ctypes.c_double, "beta_1 beta_2 step_size epsilon limit fraction"),
        *pointers("w m v average g squares length"),
    ]


STRUCTURES = (
    *(Window, Spikes, Images, Presentation, Backward, Update),
    *(GraphPopulation, GraphProjection, GraphPresentation, Along, Connections),
)

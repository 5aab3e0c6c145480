"""Pictures: data and, if wanted, matplotlib axes in, artists out. Nothing global is changed."""

from hm2bp_brian.plotting.accuracy import accuracy_over_time
from hm2bp_brian.plotting.attribution import attribution
from hm2bp_brian.plotting.axes import CLASS_COLOURS, COLOURS, png
from hm2bp_brian.plotting.confusion import confusion_matrix
from hm2bp_brian.plotting.firing import firing_rates
from hm2bp_brian.plotting.intervals import cv_histogram, isi_histogram
from hm2bp_brian.plotting.learning import layer_norms, learning_curve, learning_curves
from hm2bp_brian.plotting.network import network
from hm2bp_brian.plotting.neuron import neuron
from hm2bp_brian.plotting.output_counts import output_counts
from hm2bp_brian.plotting.population_rate import population_rate
from hm2bp_brian.plotting.raster import raster
from hm2bp_brian.plotting.spsp_map import spsp_map
from hm2bp_brian.plotting.state_traces import state_traces
from hm2bp_brian.plotting.weights import kernels, receptive_fields

__all__ = [
    "CLASS_COLOURS",
    "COLOURS",
    "accuracy_over_time",
    "attribution",
    "confusion_matrix",
    "cv_histogram",
    "firing_rates",
    "isi_histogram",
    "kernels",
    "layer_norms",
    "learning_curve",
    "learning_curves",
    "network",
    "neuron",
    "output_counts",
    "png",
    "population_rate",
    "raster",
    "receptive_fields",
    "spsp_map",
    "state_traces",
]

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from brian2 import ms
from tiny_training import make_trainer, tiny_dataset

from hm2bp_brian import LIF, Dense, Gradients, SpikeCountLoss, SpikingNetwork, plotting
from hm2bp_brian.brian.state_traces import record_state_traces
from hm2bp_brian.errors import ShapeError
from hm2bp_brian.learning.attribution import spike_attribution

from .small import make_history

GRADIENTS = Gradients((np.ones((2, 2)),), 1.0, (np.ones((1, 2)),))
LABELS = np.array([0, 1])
LOSS = SpikeCountLoss(3, 1, 0)

FUNCTIONS = {
    "accuracy_over_time": lambda network, record, **ax: plotting.accuracy_over_time(
        make_trainer().evaluator, tiny_dataset(9), **ax
    ),
    "attribution": lambda network, record, **ax: plotting.attribution(network, record, 0, 1, -1, **ax),
    "confusion_matrix": lambda network, record, **ax: plotting.confusion_matrix(LABELS, LABELS, 2, **ax),
    "cv_histogram": lambda network, record, **ax: plotting.cv_histogram(network, record, 0, **ax),
    "firing_rates": lambda network, record, **ax: plotting.firing_rates(network, record, 0, **ax),
    "isi_histogram": lambda network, record, **ax: plotting.isi_histogram(network, record, "input", **ax),
    "layer_norms": lambda network, record, **ax: plotting.layer_norms({1: GRADIENTS}, **ax),
    "learning_curve": lambda network, record, **ax: plotting.learning_curve(make_history(2), **ax),
    "learning_curves": lambda network, record, **ax: plotting.learning_curves({"a": [make_history(2)] * 2}, **ax),
    "output_counts": lambda network, record, **ax: plotting.output_counts(record, LABELS, LOSS, **ax),
    "population_rate": lambda network, record, **ax: plotting.population_rate(network, record, 1, **ax),
    "raster": lambda network, record, **ax: plotting.raster(network, record, **ax),
    "receptive_fields": lambda network, record, **ax: plotting.receptive_fields(network, **ax),
    "spsp_map": lambda network, record, **ax: plotting.spsp_map(network, record, 0, 0, **ax),
    "state_traces": lambda network, record, **ax: plotting.state_traces(
        record_state_traces(network, record.input, 0, [0]), **ax
    ),
}


def test_every_public_function_is_tried_here():
    # kernels needs a convolution, neuron four axes, and a drawn network has no axes: they have tests of their own
    others = {"kernels", "network", "neuron"}
    assert set(plotting.__all__) - set(FUNCTIONS) == {"CLASS_COLOURS", "COLOURS", "png"} | others


@pytest.mark.parametrize("name", FUNCTIONS)
def test_without_axes_a_function_makes_one_figure_with_labelled_axes(network, record, name):
    assert FUNCTIONS[name](network, record) is not None
    assert len(plt.get_fignums()) == 1
    ax = plt.gcf().axes[0]
    assert ax.get_xlabel()


@pytest.mark.parametrize(
    "name", ["attribution", "cv_histogram", "firing_rates", "isi_histogram", "population_rate", "raster", "spsp_map"]
)
def test_a_record_of_another_network_is_refused(record, name):
    other = SpikingNetwork(7, [Dense(3, 1.0), Dense(2, 1.0)], LIF(9 * ms, 3 * ms), dt=1 * ms, duration=9 * ms)
    with pytest.raises(ShapeError, match="the record is not of this network"):
        FUNCTIONS[name](other, record)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_given_axes_no_figure_is_made_and_it_can_be_saved(network, record, name):
    content = plotting.png(lambda ax: FUNCTIONS[name](network, record, ax=ax), dpi=50)
    assert plt.get_fignums() == []
    pixels = plt.imread(io.BytesIO(content))
    assert pixels.min() < 0.5 < pixels.max()


def test_png_of_several_axes():
    shapes = []
    content = plotting.png(lambda axes: shapes.append(axes.shape), (4.0, 2.0), 50, rows=1, columns=2)
    assert shapes == [(1, 2)]
    assert plt.imread(io.BytesIO(content)).shape[:2] == (100, 200)


def test_the_records_neuron_has_a_spike_to_attribute(network, record):
    assert record.counts(0)[0, 1] and spike_attribution(network, record, 0, 1, -1).any()

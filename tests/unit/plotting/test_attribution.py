import matplotlib
import numpy as np
import pytest
from brian2 import ms, mV
from matplotlib.colors import to_rgb

from hm2bp_brian import LIF, Conv2D, Dense, Learned, SpikeBatch, SpikeRecord, SpikingNetwork, Uniform, neurons, plotting
from hm2bp_brian.errors import SpikeError
from hm2bp_brian.learning.attribution import spike_attribution
from hm2bp_brian.learning.spsp import kernel

STEP, SPIKE = 3, 6


def one_input_spike_each(input_shape, weights, threshold=0.1):
    """All inputs fire at step 3; neuron 1 of the layer at step 6; exact integration."""
    neuron = LIF(10 * ms, 3 * ms, method="exact")
    network = SpikingNetwork(input_shape, [Dense(2, threshold)], neuron, dt=1 * ms, duration=10 * ms)
    network.weights[0] = np.stack([np.zeros(len(weights)), weights], axis=1)
    inputs, outputs = np.zeros((1, 10, *input_shape), dtype=bool), np.zeros((1, 10, 2), dtype=bool)
    inputs[0, STEP], outputs[0, SPIKE, 1] = True, True
    return network, SpikeRecord(SpikeBatch.from_dense(inputs), [SpikeBatch.from_dense(outputs)])


POTENTIAL = float(kernel(7e-3, (SPIKE - STEP) * 1e-3, 10e-3, 3e-3))


def test_a_map_is_drawn_as_an_image_summed_over_channels(ax):
    weights = np.arange(1.0, 13.0) * np.array([1, -1] * 6)
    network, record = one_input_spike_each((2, 3, 2), weights)
    image = plotting.attribution(network, record, 0, 1, ax=ax)
    expected = [[1 - 2, 3 - 4, 5 - 6], [7 - 8, 9 - 10, 11 - 12]]
    np.testing.assert_allclose(image.get_array(), POTENTIAL * np.array(expected))
    assert image.get_clim() == pytest.approx((-POTENTIAL, POTENTIAL))
    assert "spike at 6 ms" in ax.get_title()
    assert f"inputs sum to {-6 * POTENTIAL:.2f}" in ax.get_title()
    assert "threshold" in ax.get_title() and "0.1" in ax.get_title()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column", "row")
    assert image.colorbar.ax.get_ylabel() == "contribution (1),\nsum over 2 channels"


def test_other_populations_are_bars_strongest_first(ax):
    network, record = one_input_spike_each((4,), np.array([1.0, -3.0, 0.5, 2.0]))
    bars = plotting.attribution(network, record, 0, 1, spike=-1, ax=ax)
    np.testing.assert_allclose([bar.get_height() for bar in bars], POTENTIAL * np.array([-3, 2, 1, 0.5]))
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "3", "0", "2"]
    colours = [to_rgb(bar.get_facecolor()[:3]) for bar in bars]
    # the colours of the map: orange drove the spike, purple held it back
    assert colours == [to_rgb("#542788"), *3 * [to_rgb("#E08214")]]
    scale = matplotlib.colormaps["PuOr_r"]
    assert scale(0.9)[0] > scale(0.9)[2] and scale(0.1)[0] < scale(0.1)[2]
    assert ax.get_xlabel() == "presynaptic neuron"


def test_of_many_neurons_the_strongest_are_drawn(ax):
    weights = np.random.default_rng(0).normal(size=40)
    network, record = one_input_spike_each((40,), weights)
    bars = plotting.attribution(network, record, 0, 1, ax=ax)
    strongest = sorted(np.abs(weights), reverse=True)[:24]
    np.testing.assert_allclose([abs(bar.get_height()) for bar in bars], POTENTIAL * np.array(strongest), rtol=1e-6)
    assert ax.get_xlabel() == "presynaptic neuron, 24 strongest of 40"


def test_there_is_no_bar_for_a_neuron_that_put_nothing_in(ax):
    network, record = one_input_spike_each((4,), np.array([0.0, -3.0, 0.0, 2.0]))
    bars = plotting.attribution(network, record, 0, 1, ax=ax)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "3"] and len(bars) == 2
    assert ax.get_xlabel() == "presynaptic neuron, 2 strongest of 4"


def test_contributions_in_millivolt_count_from_rest(ax):
    layer = Dense(1, threshold=-50 * mV, initializer=Uniform(1 * mV))
    network = SpikingNetwork(2, [layer], neurons.ALIF(), dt=1 * ms, duration=10 * ms)
    network.weights[0] = np.array([[0.03], [0.01]])  # volt
    inputs, outputs = np.zeros((1, 10, 2), dtype=bool), np.zeros((1, 10, 1), dtype=bool)
    inputs[0, STEP], outputs[0, SPIKE, 0] = True, True
    record = SpikeRecord(SpikeBatch.from_dense(inputs), [SpikeBatch.from_dense(outputs)])
    values = spike_attribution(network, record, 0, 0)
    first, second = plotting.attribution(network, record, 0, 0, ax=ax)
    assert (first.get_height(), second.get_height()) == pytest.approx(1e3 * values)
    assert ax.get_ylabel() == "contribution (mV)"
    # ALIF rests at -70 mV
    assert ax.get_title().endswith(rf"inputs sum to {1e3 * values.sum():.2f} mV, threshold $\nu$ = 20 mV")


def test_the_threshold_is_that_which_the_neuron_has_learned(ax):
    network, record = one_input_spike_each((4,), np.ones(4), threshold=Learned(0.5, 1.5))
    network.neuron_values[0][1] = 0.625
    plotting.attribution(network, record, 0, 1, ax=ax)
    assert ax.get_title().endswith(r"threshold $\nu$ = 0.625")


def test_a_neuron_of_a_map_is_told_by_row_column_and_channel(ax):
    network = SpikingNetwork((3, 3, 1), [Conv2D(2, 2, threshold=1)], LIF(10 * ms, 3 * ms), dt=1 * ms, duration=2 * ms)
    dense = np.zeros((1, 2, 2, 2, 2), dtype=bool)
    dense[0, 1, 1, 0, 1] = True
    record = SpikeRecord(SpikeBatch.from_dense(np.zeros((1, 2, 3, 3, 1), dtype=bool)), [SpikeBatch.from_dense(dense)])
    plotting.attribution(network, record, 0, 5, ax=ax)
    assert ax.get_title().startswith("layer 0, neuron 5 (row 1, column 0, channel 1): spike at 1 ms")


def test_a_spike_that_is_not_there(ax):
    network, record = one_input_spike_each((4,), np.ones(4))
    with pytest.raises(SpikeError, match="neuron 1 of layer 0 has 1 spikes in sample 0, found spike 1"):
        plotting.attribution(network, record, 0, 1, spike=1, ax=ax)

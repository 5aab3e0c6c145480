import matplotlib.pyplot as plt
import numpy as np
import pytest

from hm2bp_brian import SpikeBatch, SpikeRecord, plotting
from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError
from hm2bp_brian.learning.spsp import spsp

from .small import make_network


def test_spsp_map_of_an_image_has_the_pixels_places(network, record, ax):
    image = plotting.spsp_map(network, record, layer=0, neuron=3, sample=1, ax=ax)
    expected = spsp(network, record, 0)[1, 3]
    assert expected.max() > 0
    picture = image.get_array()
    assert picture.shape == (2, 3)
    for row, column in np.ndindex(2, 3):
        assert picture[row, column] == pytest.approx(expected[3 * row + column])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column", "row")
    count = record.layers[0].dense()[1, :, 3].sum()
    assert ax.get_title() == f"layer 0, neuron 3\nS-PSP, sum over its {count} spikes"
    assert image.colorbar.ax.get_ylabel() == "S-PSP $e_{i|j}$ (1)"
    assert image.get_clim()[0] == 0
    assert all(float(tick).is_integer() for tick in [*ax.get_xticks(), *ax.get_yticks()])


def test_spsp_map_of_a_map_is_summed_over_channels(record, ax):
    network = make_network((1, 3, 2))
    inputs = SpikeBatch.from_dense(record.input.dense().reshape(2, -1, 1, 3, 2))
    same_spikes = SpikeRecord(inputs, record.layers)
    image = plotting.spsp_map(network, same_spikes, layer=0, neuron=3, ax=ax)
    expected = spsp(network, same_spikes, 0)[0, 3]
    np.testing.assert_allclose(image.get_array(), [expected[::2] + expected[1::2]])
    assert image.colorbar.ax.get_ylabel().endswith("sum over 2 channels")


def test_spsp_map_of_other_populations_is_a_line_a_neuron(network, record, ax):
    lines = plotting.spsp_map(network, record, layer=1, neuron=0, ax=ax)
    expected = spsp(network, record, 1)[0, 0]
    assert expected.max() > 0
    for neuron, ((x, bottom), (also_x, top)) in enumerate(lines.get_segments()):
        assert (x, also_x, bottom) == (neuron, neuron, 0)
        assert top == pytest.approx(expected[neuron])
    assert len(lines.get_segments()) == 5
    assert (ax.get_xlabel(), ax.get_ylim()[0]) == ("presynaptic neuron j", 0)


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ({"neuron": 5}, ConfigurationError, r"neurons 0\.\.4, found neuron 5"),
        ({"neuron": -1}, ConfigurationError, r"neurons 0\.\.4, found neuron -1"),
        ({"layer": 2}, ConfigurationError, r"layers 0\.\.1, found layer 2"),
        ({"sample": 2}, SpikeError, r"0\.\.1, found sample 2"),
    ],
)
def test_spsp_map_of_what_is_not_there(network, record, where, error, message):
    with pytest.raises(error, match=message):
        plotting.spsp_map(network, record, **({"layer": 0, "neuron": 0} | where))
    assert plt.get_fignums() == []


def test_spsp_map_of_another_networks_record(record):
    with pytest.raises(ShapeError, match="not of this network"):
        plotting.spsp_map(make_network((6, 1, 1)), record, 0, 0)

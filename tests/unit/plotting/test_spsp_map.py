import matplotlib.pyplot as plt
import numpy as np
import pytest

from hm2bp_brian import plotting
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
    assert ax.get_title() == f"S-PSP of neuron 3 in layer 0 ({count} spikes)"
    assert "e_{i|j}" in image.colorbar.ax.get_ylabel()


def test_spsp_map_of_other_populations_is_a_grid_with_blank_rest(network, record, ax):
    image = plotting.spsp_map(network, record, layer=1, neuron=0, ax=ax)
    picture = np.ma.masked_invalid(image.get_array())
    assert picture.shape == (2, 3)
    np.testing.assert_allclose(picture.compressed(), spsp(network, record, 1)[0, 0])
    np.testing.assert_array_equal(np.ma.getmaskarray(picture), [[False, False, False], [False, False, True]])
    assert ax.get_xlabel() == "presynaptic neuron, row by row"


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ({"neuron": 5}, ConfigurationError, r"neurons 0\.\.4, found neuron 5"),
        ({"neuron": -1}, ConfigurationError, r"neurons 0\.\.4, found neuron -1"),
        ({"layer": 2}, ConfigurationError, r"layers 0\.\.1, found layer 2"),
        ({"sample": 2}, SpikeError, r"0\.\.1, found 2"),
    ],
)
def test_spsp_map_of_what_is_not_there(network, record, where, error, message):
    with pytest.raises(error, match=message):
        plotting.spsp_map(network, record, **({"layer": 0, "neuron": 0} | where))
    assert plt.get_fignums() == []


def test_spsp_map_of_another_networks_record(record):
    with pytest.raises(ShapeError, match="not of this network"):
        plotting.spsp_map(make_network((6, 1, 1)), record, 0, 0)

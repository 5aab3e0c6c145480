"""Whole figures against pictures in tests/data/plotting; text is left out, as fonts differ between machines.

After a wanted change, look at the new pictures and copy them there from the folder that the failure names.
"""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images
from matplotlib.testing.decorators import remove_ticks_and_titles

from hm2bp_brian import plotting

from .small import make_history, make_network, make_record

BASELINES = Path(__file__).parents[2] / "data" / "plotting"
TOLERANCE = 2.0  # root mean square over pixels 0..255: more than rounding, less than marks in another colour


def draw_raster(axes):
    plotting.raster(make_network(), make_record(), [0, 1], labels=[0, 1], ax=axes[0])
    plotting.raster(make_network(), make_record(), ax=axes[1])


def draw_maps(axes):
    network, record = make_network(), make_record()
    network.weights[0] = np.linspace(-1, 1, 30).reshape(6, 5)
    plotting.attribution(network, record, 0, 1, -1, ax=axes[0])
    plotting.spsp_map(network, record, 1, 0, ax=axes[1])


def draw_curves(axes):
    groups = {"a": [make_history(4, accuracy) for accuracy in (0.7, 0.8)], "b": [make_history(6, 0.9)]}
    plotting.learning_curves(groups, ax=axes[0])
    plotting.learning_curve(make_history(5), ax=axes[1])


@pytest.mark.parametrize("draw", [draw_raster, draw_maps, draw_curves], ids=["raster", "maps", "curves"])
def test_figure_looks_as_it_did(draw, tmp_path):
    name = draw.__name__.removeprefix("draw_")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=(5, 2), dpi=60)
        axes = figure.subplots(1, 2)
        draw(axes)
        for ax in figure.axes:  # those of colour bars too
            ax.set(xlabel="", ylabel="")
            if ax.get_legend():
                ax.get_legend().remove()
        remove_ticks_and_titles(figure)
        figure.savefig(tmp_path / f"{name}.png")
    difference = compare_images(BASELINES / f"{name}.png", tmp_path / f"{name}.png", TOLERANCE)
    assert difference is None, difference

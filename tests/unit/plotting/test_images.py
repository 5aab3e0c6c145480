"""Whole figures against pictures in tests/data/plotting; text is left out, as fonts differ between machines.

After a wanted change, ``python -m tests.unit.plotting.test_images`` draws them anew: look at them before you commit.
"""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images

from hm2bp_brian import plotting

from .small import make_history, make_network, make_record

BASELINES = Path(__file__).parents[2] / "data" / "plotting"
# Root mean square over pixels 0..255. More than rounding, less than marks in another colour; versions of matplotlib put
# the edges of cells a pixel apart, which is less than one cell in another colour.
TOLERANCES = {"raster": 2.0, "maps": 12.0, "curves": 2.0}


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


FIGURES = {"raster": draw_raster, "maps": draw_maps, "curves": draw_curves}


def save(name, folder):
    """Draw a figure into a folder, whatever matplotlib's settings are, and return the file's path."""
    path = folder / f"{name}.png"
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=(5, 2), dpi=60)
        axes = figure.subplots(1, 2)
        FIGURES[name](axes)
        for ax in figure.findobj(Axes):  # those of colour bars too
            ax.set(xlabel="", ylabel="", title="")
            ax.tick_params(which="both", labelbottom=False, labeltop=False, labelleft=False, labelright=False)
            if ax.get_legend():
                ax.get_legend().remove()
        figure.savefig(path)
    return path


@pytest.mark.parametrize("name", FIGURES)
def test_figure_looks_as_it_did(name, tmp_path):
    difference = compare_images(BASELINES / f"{name}.png", save(name, tmp_path), TOLERANCES[name])
    assert difference is None, difference


if __name__ == "__main__":
    for name in FIGURES:
        print(save(name, BASELINES))

"""The drawing of a network."""

import numpy as np
import pytest
from brian2 import ms
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

import hm2bp_brian as hb
from hm2bp_brian import plotting
from hm2bp_brian.plotting.network import MIXED, NEGATIVE, POSITIVE


@pytest.fixture(scope="module")
def ei():
    made = hb.SpikingNetwork(dt=1 * ms, duration=50 * ms, seed=3)
    lif = hb.LIF(20 * ms, 5 * ms)
    made.input("image", (28, 28, 1))
    made.input("cue", 12)
    made.population("excitatory", 320, neuron=lif, threshold=1, sign="excitatory")
    made.population("inhibitory", 80, neuron=lif, threshold=1, sign="inhibitory")
    made.population("digit", 10, neuron=lif, threshold=1, readout=True, lateral_inhibition=0.5, bias=0.1)
    for pair in ("image excitatory", "cue inhibitory", "excitatory inhibitory", "inhibitory excitatory"):
        made.connect(*pair.split(), hb.Sparse(p=0.1))
    made.connect("excitatory", "excitatory", hb.Sparse(p=0.1))
    made.connect("excitatory", "digit")
    made.connect("image", "digit", hb.Sparse(p=0.1), weights=-0.1)
    return made


def drawn(network, size):
    figure = Figure(figsize=size, layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    artists = plotting.network(network, ax)
    figure.canvas.draw()
    return figure, ax, artists


@pytest.mark.parametrize("size", [(3.35, 2.4), (7, 3.5), (7, 7)], ids=str)
def test_no_text_is_cut_and_each_lies_in_its_box(ei, size):
    figure, ax, artists = drawn(ei, size)
    whole = figure.bbox
    legend = ax.get_legend().get_window_extent()
    for text in [*ax.texts, *ax.get_legend().get_texts()]:
        box = text.get_window_extent()
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
        assert text.get_fontsize() > 4
    for text in ax.texts:
        box, patch = text.get_window_extent(), artists[text.get_text().split("\n")[0]].get_window_extent()
        assert patch.x0 <= box.x0 and box.x1 <= patch.x1 and patch.y0 <= box.y0 and box.y1 <= patch.y1
        assert not patch.overlaps(legend)
    for artist in artists.values():
        extent = artist.get_window_extent()
        assert whole.x0 <= extent.x0 and extent.x1 <= whole.x1 and whole.y0 <= extent.y0 and extent.y1 <= whole.y1


def test_boxes_tell_sizes_and_roles(ei):
    _, ax, artists = drawn(ei, (7, 3.5))
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["image\n784\ninput", "cue\n12\ninput", "excitatory\n320", "inhibitory\n80", "digit\n10\nreadout"]
    area = {name: artists[name].get_width() * artists[name].get_height() for name in ("image", "cue")}
    assert area["image"] > 1.5 * area["cue"]
    assert "clock" not in artists and "bias_digit" not in artists
    assert artists["image"].get_linestyle() == "--" and artists["digit"].get_linestyle() == "-"
    assert artists["digit"].get_linewidth() == 2 * artists["excitatory"].get_linewidth()
    columns = [artists[name].get_x() for name in ("image", "excitatory", "inhibitory", "digit")]
    assert np.all(np.diff(columns) > 0)


def test_arrows_tell_signs_and_numbers(ei):
    _, ax, artists = drawn(ei, (7, 3.5))
    arrows = {name: artist for name, artist in artists.items() if isinstance(artist, FancyArrowPatch)}
    assert set(arrows) == {p.name for p in ei.projections} - {"bias_digit"}
    colours = {
        "image_to_excitatory": MIXED,
        "image_to_digit": NEGATIVE,
        "excitatory_to_inhibitory": POSITIVE,
        "inhibitory_to_excitatory": NEGATIVE,
        "excitatory_to_excitatory": POSITIVE,
        "lateral_digit": NEGATIVE,
    }
    assert {name: arrows[name].get_edgecolor() for name in colours} == {k: to_rgba(v) for k, v in colours.items()}
    n_connections = {p.name: len(p.connection.synapses()[0]) for p in ei.projections}
    widths = sorted((arrow.get_linewidth(), n_connections[name]) for name, arrow in arrows.items())
    assert [n for _, n in widths] == sorted(n_connections[name] for name in arrows)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["weights > 0", "weights < 0", "both"]


def test_loops_rise_above_their_box_and_arrows_go_from_box_to_box(ei):
    _, _, artists = drawn(ei, (7, 3.5))
    loop, box = artists["excitatory_to_excitatory"].get_window_extent(), artists["excitatory"].get_window_extent()
    assert box.x0 < loop.x0 and loop.x1 < box.x1 and loop.y1 > box.y1 + 5
    arrow, target = artists["excitatory_to_inhibitory"].get_window_extent(), artists["inhibitory"].get_window_extent()
    assert arrow.x0 == pytest.approx(box.x1, abs=2) and arrow.x1 == pytest.approx(target.x0, abs=4)


def test_a_chain_and_axes_of_its_own(network):
    artists = plotting.network(network)
    assert list(artists)[: 1 + len(network.layers)] == [p.name for p in network.populations]
    assert next(iter(artists.values())).figure.get_size_inches().tolist() == [7.0, 3.5]

"""Every plot fits one and two columns of a journal: no text is cut, and none lies on another."""

import itertools

import numpy as np
import pytest
from brian2 import ms, mV
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from hm2bp_brian import LIF, Conv2D, Dense, SpikingNetwork, Uniform, neurons, plotting

from .small import make_history
from .test_axes import FUNCTIONS

WIDTHS = (3.35, 7.0)


def cnn():
    """Kernels of two input channels."""
    layers = [Conv2D(6, 4, threshold=1), Dense(2, threshold=1)]
    return SpikingNetwork((9, 9, 2), layers, LIF(10 * ms, 3 * ms), dt=1 * ms, duration=5 * ms)


def in_millivolt():
    layer = Dense(12, threshold=-50 * mV, initializer=Uniform(0.5 * mV))
    return SpikingNetwork((5, 6, 3), [layer, layer], neurons.ALIF(), dt=1 * ms, duration=5 * ms)


def histories(n_epochs):
    rows = make_history(n_epochs)
    for number, row in enumerate(rows.rows):
        row["holdout_accuracy"] = row["validation_accuracy"] = 0.5 + 0.01 * number
    return rows


DRAWN = {
    **FUNCTIONS,
    "kernels": lambda network, record, ax: plotting.kernels(cnn(), 0, ax),
    "network": lambda network, record, ax: plotting.network(network, ax),
    "receptive_fields of a map in mV": lambda network, record, ax: plotting.receptive_fields(in_millivolt(), 0, ax=ax),
    "receptive_fields of a layer in mV": lambda network, record, ax: plotting.receptive_fields(
        in_millivolt(), 1, ax=ax
    ),
    "raster of two samples": lambda network, record, ax: plotting.raster(network, record, [0, 1], ax, labels=[0, 1]),
    "learning_curve of one epoch": lambda network, record, ax: plotting.learning_curve(histories(1), ax=ax),
    "learning_curve with all columns": lambda network, record, ax: plotting.learning_curve(histories(30), ax=ax),
    "confusion_matrix of ten classes": lambda network, record, ax: plotting.confusion_matrix(
        np.repeat(np.arange(10), 1100), np.repeat(np.roll(np.arange(110) // 11, 1), 100), 10, ax
    ),
}


@pytest.fixture
def drawn(monkeypatch):
    """The texts that have been drawn: figures have others, such as labels of ticks beyond the limits."""
    found, draw = [], Text.draw

    def remember(text, renderer):
        if text.get_visible() and text.get_text().strip():
            found.append(text)
        draw(text, renderer)

    monkeypatch.setattr(Text, "draw", remember)
    return found


def check(figure, drawn):
    figure.canvas.draw()  # once, as who saves a figure does
    found = [(text.get_text(), text.get_window_extent()) for text in drawn]
    assert len(found) > 3
    whole = figure.bbox
    for said, box in found:
        inside = whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
        assert inside, f"{said!r} is cut: {box} in {whole}"
    for (one, first), (other, second) in itertools.combinations(found, 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert min(width, height) < 1.0, f"{one!r} lies on {other!r}"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", DRAWN)
def test_no_text_is_cut_or_covered(network, record, drawn, name, width):
    figure = Figure((width, 0.72 * width), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    DRAWN[name](network, record, ax=figure.subplots())
    check(figure, drawn)


@pytest.mark.parametrize(("width", "shape"), [(3.35, (2, 2)), (7.0, (1, 4))])
def test_a_neuron_in_one_and_two_columns(drawn, width, shape):
    figure = Figure((width, 0.9 * width * shape[0] / shape[1]), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    plotting.neuron(neurons.ALIF(), -50 * mV, dt=1 * ms, duration=100 * ms, axes=figure.subplots(*shape))
    check(figure, drawn)

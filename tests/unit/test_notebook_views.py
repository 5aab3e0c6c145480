"""What notebooks show: tables with the right numbers, and pictures with the right number of marks."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from graph_of_all_kinds import graph_of_all_kinds
from tiny_training import make_trainer, tiny_dataset, tiny_network

import hm2bp_brian as hb
from hm2bp_brian.rendering import MOST_SPIKES, curve_picture, graph_picture, raster_picture
from hm2bp_brian.training.history import History


def cells(html):
    root = ElementTree.fromstring(html)  # well-formed
    return [[cell.text or "" for cell in row.iter("td")] for row in root.iter("tr")]


def paths(svg):
    return re.findall(r'<path d="(.*?)"', svg)


def test_a_batch_shows_its_numbers_and_first_sample():
    dense = np.zeros((2, 10, 4), dtype=bool)
    dense[0, 3, 1] = dense[0, 5, 2] = dense[1, 0, 0] = True
    html = hb.SpikeBatch.from_dense(dense)._repr_html_()
    assert ["samples", "2"] in cells(html) and ["spikes", "3"] in cells(html)
    assert ["spikes a neuron and sample", "0.375"] in cells(html)
    assert paths(html)[0].count("M") == 2


def test_a_record_shows_all_populations():
    network = tiny_network()
    record = make_trainer(network).record(tiny_dataset(3), range(2))
    table = cells(record._repr_html_())
    assert [row[0] for row in table] == ["population", "input", "0", "1"]
    assert float(table[2][2]) == pytest.approx(record.counts(0).mean(), rel=5e-3)
    spikes = [layer.sample(0).n_spikes for layer in (record.input, *record.layers)]
    assert paths(record._repr_html_())[0].count("M") == sum(spikes)


def test_a_network_shows_populations_and_arcs():
    chain = tiny_network()
    assert ["0 Dense", "(8,)", "128", "1.0"] in cells(chain._repr_html_())
    assert len(paths(chain._repr_html_())) == 3  # two projections, and lateral inhibition
    graph = graph_of_all_kinds()
    html = graph._repr_html_()
    assert len(paths(html)) == len(graph.projections)
    assert re.findall(r"<text .*>(\w+)</text>", html) == [p.name for p in graph.populations]


def test_a_history_and_a_trainer_show_the_accuracy():
    history = History([{"epoch": n, "train_accuracy": n / 10, "train_loss": 1.0} for n in range(1, 13)])
    table = cells(history._repr_html_())
    assert table[0][:3] == ["epoch", "train_loss", "train_accuracy"]
    assert len(table) == 11 and table[-1][:3] == ["12", "1", "1.2"]
    (curve, _) = paths(history._repr_html_())
    assert curve.count("L") == 11 and curve.startswith("M13.3 110.0L") and curve.endswith(" 0.0")
    trainer = make_trainer()
    assert ["epoch", "0"] in cells(trainer._repr_html_())
    assert len(paths(trainer._repr_html_())) == 1  # the frame


def test_pictures_stay_small_and_say_what_they_are():
    steps = np.arange(10 * MOST_SPIKES) % 100
    picture = raster_picture(steps, steps, 100, 100)
    assert 0.9 * MOST_SPIKES < paths(picture)[0].count("M") <= MOST_SPIKES
    assert 'aria-label="spikes, time to the right"' in picture
    assert "&lt;b&gt;" in graph_picture(["<b>"], [])
    assert "nan" not in curve_picture("accuracy", [0.5, float("nan"), 0.7])

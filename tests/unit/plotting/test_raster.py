import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from hm2bp_brian import SpikeBatch, SpikeRecord, plotting
from hm2bp_brian.errors import ConfigurationError, LabelError, SpikeError

from .small import N_STEPS


@pytest.mark.parametrize("sample", [0, 1])
def test_raster_has_a_mark_at_each_spike_of_the_sample(network, record, ax, sample):
    artists = plotting.raster(network, record, sample, ax=ax)
    assert len(artists) == 3
    populations = [record.input, *record.layers]
    for band, (marks, population) in enumerate(zip(artists, populations, strict=True)):
        times, heights = np.asarray(marks.get_offsets()).T
        dense = population.dense()[sample].reshape(N_STEPS, -1)
        steps, neurons = np.nonzero(dense)
        assert len(times) == dense.sum() > 0
        found = set(zip(np.round(times / 0.5).astype(int), np.round(heights, 9), strict=True))
        expected = {
            (step, round(band + 0.05 + 0.9 * (neuron + 0.5) / dense.shape[1], 9))
            for step, neuron in zip(steps, neurons, strict=True)
        }
        assert found == expected
        assert ((band < heights) & (heights < band + 1)).all()
    assert len({tuple(marks.get_facecolor()[0]) for marks in artists}) == 3


def test_raster_names_populations_and_shows_the_whole_presentation(network, record, ax):
    plotting.raster(network, record, ax=ax)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["input\n(6)", "layer 0\n(5)", "layer 1\n(2)"]
    assert ax.get_xlim() == (0, 4)
    assert ax.get_ylim() == (0, 3)
    assert ax.get_xlabel() == "time (ms)"


@pytest.mark.parametrize(("height", "numbers"), [(4.0, "0123401"), (1.0, "01")])
def test_raster_numbers_neurons_where_there_is_room(network, record, height, numbers):
    ax = Figure(figsize=(4, height)).subplots()
    marks = plotting.raster(network, record, layers=[0, 1], ax=ax)
    ticks = zip(ax.get_yticks(minor=True), ax.get_yticklabels(minor=True), strict=True)
    assert "".join(label.get_text() for _, label in ticks) == numbers
    places = {height for band in marks for _, height in np.round(band.get_offsets(), 9)}
    assert places & set(np.round(ax.get_yticks(minor=True), 9))
    lengths = [band.get_sizes()[0] for band in marks]
    assert lengths[0] <= lengths[1]  # five neurons are closer together than two


def test_raster_of_a_silent_population(network, record, ax):
    silent = SpikeBatch.from_dense(np.zeros((2, N_STEPS, 2), dtype=bool))
    artists = plotting.raster(network, SpikeRecord(record.input, (record.layers[0], silent)), ax=ax)
    assert len(artists[2].get_offsets()) == 0


def test_raster_of_a_sample_that_is_not_there(network, record):
    with pytest.raises(SpikeError, match=r"0\.\.1, found 2"):
        plotting.raster(network, record, sample=2)
    assert plt.get_fignums() == []


def test_raster_of_chosen_layers_and_samples_coloured_by_class(network, record, ax):
    (layer_1, inputs) = plotting.raster(network, record, [1, 0], ax=ax, layers=[1, "input"], labels=[1, 0])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["layer 1\n(2)", "input\n(6)"]
    assert ax.get_xlim() == (0, 8)
    for marks, population in ((layer_1, record.layers[1]), (inputs, record.input)):
        times = np.asarray(marks.get_offsets())[:, 0]
        colours = marks.get_facecolor()
        # sample 1, of class 0, comes first; 4 ms later sample 0, of class 1
        expected = [0.5 * np.nonzero(population.dense()[1].reshape(N_STEPS, -1))[0]]
        expected.append(4 + 0.5 * np.nonzero(population.dense()[0].reshape(N_STEPS, -1))[0])
        np.testing.assert_allclose(times, np.concatenate(expected))
        for time, colour in zip(times, colours, strict=True):
            assert tuple(colour) == to_rgba(plotting.CLASS_COLOURS[0 if time < 4 else 1])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1"]


def test_each_of_several_samples_has_a_panel_in_which_time_begins_at_zero(network, record, ax):
    plotting.raster(network, record, [1, 0], ax=ax)
    (above,) = ax.child_axes
    assert [label.get_text() for label in above.get_xticklabels()] == ["1", "0"]
    assert above.get_xticks().tolist() == [2, 6] and above.get_xlabel() == "sample"
    times = dict(zip(ax.get_xticks(), [label.get_text() for label in ax.get_xticklabels()], strict=True))
    assert times[0] == times[4] == "0" and times[1] == times[5] == "1" and 8 not in times
    borders = [line.get_xdata()[0] for line in ax.get_lines() if line.get_xdata()[0] == line.get_xdata()[1]]
    assert borders == [4]
    assert ax.get_xlabel() == "time (ms)"


@pytest.mark.parametrize("layer", [2, -1, "output"])
def test_raster_of_a_layer_that_is_not_there(network, record, ax, layer):
    with pytest.raises(ConfigurationError, match=r"layers 0\.\.1, found layer"):
        plotting.raster(network, record, layers=[layer], ax=ax)


def test_raster_needs_a_label_for_every_sample(network, record, ax):
    with pytest.raises(LabelError, match=r"shape \(2,\)"):
        plotting.raster(network, record, labels=[0], ax=ax)


@pytest.mark.parametrize("sample", [1.7, [True, False], "0", -1, 2, [], [[0]]])
def test_samples_that_are_none_are_refused(network, record, sample):
    with pytest.raises(SpikeError, match="sample must"):
        plotting.raster(network, record, sample)


@pytest.mark.parametrize("layer", [1.0, True, -1, "inputs"])
def test_layers_that_are_none_are_refused(network, record, layer):
    with pytest.raises(ConfigurationError, match=r"layers 0\.\.1, found layer"):
        plotting.raster(network, record, layers=[layer])

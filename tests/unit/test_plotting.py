import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from brian2 import ms
from matplotlib.figure import Figure

from hm2bp_brian import LIF, Dense, SpikeBatch, SpikeRecord, SpikingNetwork, plotting
from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError
from hm2bp_brian.learning.spsp import spsp
from hm2bp_brian.training.history import History

N_STEPS = 8
SHAPES = ((2, 3, 1), (5,), (2,))


@pytest.fixture(autouse=True)
def nothing_global_changes():
    before = matplotlib.rcParams.copy()
    yield
    assert matplotlib.rcParams == before
    plt.close("all")


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture(scope="module")
def network():
    return make_network()


def make_network(input_shape=SHAPES[0]):
    return SpikingNetwork(
        input_shape,
        [Dense(5, threshold=1), Dense(2, threshold=1)],
        LIF(tau_m=10 * ms, tau_s=3 * ms, refractory=1.5 * ms),
        dt=0.5 * ms,
        duration=4 * ms,
    )


@pytest.fixture(scope="module")
def record():
    """Two samples with spikes at random: nothing here needs them to be the network's own."""
    generator = np.random.default_rng(5)
    trains = [SpikeBatch.from_dense(generator.random((2, N_STEPS, *shape)) < 0.3) for shape in SHAPES]
    return SpikeRecord(trains[0], trains[1:])


def make_history(n_epochs, test_accuracy=0.9):
    rows = [
        {"epoch": n, "train_loss": 1.0, "train_accuracy": 1 - 0.5 / n, "test_accuracy": test_accuracy, "seconds": 1.0}
        for n in range(1, n_epochs + 1)
    ]
    return History(rows)


def test_learning_curve_draws_percent_against_epochs(ax):
    training, test = plotting.learning_curve(make_history(3, test_accuracy=0.25), ax=ax)
    np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(training.get_ydata(), [50, 75, 100 - 50 / 3])
    np.testing.assert_allclose(test.get_ydata(), [25, 25, 25])
    assert (training.get_label(), test.get_label()) == ("training", "test")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "test"]
    assert training.get_color() != test.get_color()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "accuracy (%)")
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_learning_curve_leaves_out_what_was_not_measured(ax):
    (training,) = plotting.learning_curve(make_history(2, test_accuracy=float("nan")), ax=ax)
    assert training.get_label() == "training"


def test_learning_curve_leaves_a_gap_where_one_epoch_was_not_measured(ax):
    history = make_history(3)
    history.rows[1]["test_accuracy"] = float("nan")
    _, test = plotting.learning_curve(history, ax=ax)
    np.testing.assert_allclose(test.get_ydata(), [90, np.nan, 90])


def test_learning_curve_of_no_epoch_is_empty(ax):
    assert plotting.learning_curve(History(), ax=ax) == []
    assert ax.get_legend() is None


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


def test_raster_of_a_silent_population(network, record, ax):
    silent = SpikeBatch.from_dense(np.zeros((2, N_STEPS, 2), dtype=bool))
    artists = plotting.raster(network, SpikeRecord(record.input, (record.layers[0], silent)), ax=ax)
    assert len(artists[2].get_offsets()) == 0


def test_raster_of_a_sample_that_is_not_there(network, record):
    with pytest.raises(SpikeError, match=r"0\.\.1, found 2"):
        plotting.raster(network, record, sample=2)
    assert plt.get_fignums() == []


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


def test_without_axes_each_function_makes_a_figure(network, record):
    plotting.learning_curve(make_history(2))
    plotting.raster(network, record)
    plotting.spsp_map(network, record, 0, 0)
    assert len(plt.get_fignums()) == 3


def test_given_axes_no_figure_is_made(network, record, ax):
    plotting.learning_curve(make_history(2), ax=ax)
    plotting.raster(network, record, ax=ax)
    plotting.spsp_map(network, record, 0, 0, ax=ax)
    assert plt.get_fignums() == []


def test_figures_can_be_saved(network, record, tmp_path):
    for name, draw in {
        "learning_curve": lambda ax: plotting.learning_curve(make_history(1), ax=ax),
        "raster": lambda ax: plotting.raster(network, record, ax=ax),
        "spsp_map": lambda ax: plotting.spsp_map(network, record, 1, 1, ax=ax),
    }.items():
        figure = Figure(layout="constrained")
        draw(figure.subplots())
        figure.savefig(tmp_path / f"{name}.png")
        pixels = plt.imread(tmp_path / f"{name}.png")
        assert pixels.min() < 0.5 < pixels.max()

import numpy as np
import pytest
from brian2 import ms

from hm2bp_brian import LIF, Dense, SpikeBatch, SpikeRecord, SpikingNetwork, plotting
from hm2bp_brian.errors import ConfigurationError, UnitError


def record_of(trains, n_steps=20):
    """One layer whose neurons have the given trains in one sample; the network of such a layer."""
    dense = np.zeros((1, n_steps, len(trains)), dtype=bool)
    for neuron, steps in enumerate(trains):
        dense[0, steps, neuron] = True
    spikes = SpikeBatch.from_dense(dense)
    network = SpikingNetwork(
        len(trains),
        [Dense(len(trains), threshold=1.0)],
        LIF(10 * ms, 3 * ms, refractory=2 * ms),
        dt=0.5 * ms,
        duration=0.5 * n_steps * ms,
    )
    return network, SpikeRecord(spikes, [spikes])


def test_population_rate_counts_spikes_in_bins(network, record, ax):
    patch = plotting.population_rate(network, record, 0, bin_width=1.5 * ms, ax=ax)
    rates, edges, _ = patch.get_data()
    np.testing.assert_allclose(edges, [0, 1.5, 3, 4])
    dense = record.layers[0].dense()  # 2 samples, 8 steps of 0.5 ms, 5 neurons
    expected = [dense[:, a:b].sum() / (2 * 5 * 0.5e-3 * (b - a)) for a, b in ((0, 3), (3, 6), (6, 8))]
    np.testing.assert_allclose(rates, expected)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "mean rate (Hz)")
    assert ax.get_legend().get_texts()[0].get_text() == "layer 0"
    assert ax.get_ylim()[0] == 0


def test_population_rates_of_several_layers_fit_into_the_same_axes(ax):
    network, record = record_of([[0, 3, 6, 10], [5]])
    silent = SpikeBatch.from_dense(np.zeros((1, 20, 2), dtype=bool))
    record = SpikeRecord(silent, record.layers)
    for layer in ("input", 0):
        patch = plotting.population_rate(network, record, layer, bin_width=1.5 * ms, ax=ax)
    low, high = ax.get_ylim()
    assert low == 0 and high > patch.get_data().values.max() > 0
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["input", "layer 0"]


def test_population_rate_of_impossible_bins(network, record, ax):
    with pytest.raises(ConfigurationError, match="at least dt = 0.5 ms, found 0.1 ms"):
        plotting.population_rate(network, record, 0, bin_width=0.1 * ms, ax=ax)
    with pytest.raises(UnitError):
        plotting.population_rate(network, record, 0, bin_width=5, ax=ax)


def test_isi_histogram_counts_intervals_within_trains(ax):
    network, record = record_of([[0, 3, 6, 10], [5], [], [1, 4]])
    counts, edges, _ = plotting.isi_histogram(network, record, 0, ax=ax).get_data()
    centres = (edges[1:] + edges[:-1]) / 2
    assert dict(zip(centres, counts, strict=True)) == {0.5: 0, 1.0: 0, 1.5: 3, 2.0: 1}
    assert ax.get_title() == "layer 0: 4 intervals, mean 1.6 ms"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("interspike interval (ms)", "number of intervals")


def test_isi_histogram_holds_the_longest_interval_too(ax):
    network, record = record_of([[0, 137]], n_steps=200)
    counts, edges, _ = plotting.isi_histogram(network, record, 0, ax=ax).get_data()
    assert counts.sum() == 1 and edges[-1] > 137 * 0.5


def test_cv_histogram_counts_trains(ax):
    # intervals 3, 3: CV 0; 1, 3: sd 1, mean 2, CV 0.5; one interval: none
    network, record = record_of([[0, 3, 6], [0, 1, 4], [1, 4]])
    counts, edges, _ = plotting.cv_histogram(network, record, 0, ax=ax).get_data()
    assert counts.sum() == 2
    assert counts[0] == 1
    assert counts[(edges[:-1] <= 0.5 + 1e-9) & (edges[1:] > 0.5 + 1e-9)] == 1
    assert ax.get_title() == "layer 0: 2 trains, mean 0.25"


@pytest.mark.parametrize("draw", [plotting.isi_histogram, plotting.cv_histogram])
def test_histograms_of_silence_are_empty(ax, draw):
    network, record = record_of([[]])
    assert draw(network, record, 0, ax=ax).get_data().values.sum() == 0
    assert ", none" in ax.get_title()


def test_firing_rates_mark_silent_and_saturated_neurons(ax):
    # refractory 2 ms at dt 0.5 ms: three whole steps after a spike's own, 5 spikes in 20 steps at most
    network, record = record_of([[0, 4, 8, 12, 16], [], [], [2, 9], [3]])
    firing, silent, saturated = plotting.firing_rates(network, record, 0, ax=ax)
    assert [bar.get_height() for bar in silent] == [2]
    assert silent[0].get_x() + silent[0].get_width() == pytest.approx(0)

    def rates(bars):
        return {(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars for _ in range(int(bar.get_height()))}

    ((low, high),) = rates(saturated)
    assert low < 500 <= high + 1e-6  # 5 spikes in 10 ms
    assert sum(bar.get_height() for bar in firing) == 2
    for rate in (100, 200):
        assert any(low - 1e-6 <= rate <= high + 1e-6 for low, high in rates(firing))
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["2 firing", "2 silent", "1 saturated"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mean rate (Hz)", "number of neurons")
    assert len({bars[0].get_facecolor() for bars in (firing, silent, saturated)}) == 3
    assert ax.get_yscale() == "linear" and all(float(tick).is_integer() for tick in ax.get_yticks())


def test_firing_rates_of_many_neurons_have_a_logarithmic_axis(ax):
    network, record = record_of([[3]] * 21 + [[3, 9]])
    plotting.firing_rates(network, record, 0, ax=ax)
    assert ax.get_yscale() == "symlog"

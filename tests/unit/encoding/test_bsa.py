"""BSA against another program's spikes and a loop over single numbers."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hm2bp_brian.encoding import BSA
from hm2bp_brian.errors import ConfigurationError, NumericalError, ShapeError

GOLDEN = np.load(Path(__file__).parents[2] / "data" / "speech" / "golden.npz")


def naive(signal, hold, scale, threshold):
    """Steps of the spikes of one channel."""
    kernel = [np.exp(-((i - 12.0) ** 2) / 25) for i in range(24)]
    kernel = [h / sum(kernel) for h in kernel]
    rest = [value * scale for value in signal for _ in range(hold)] + [0.0] * 24
    steps = []
    for i in range(len(signal) * hold):
        with_spike = sum(abs(rest[i + j] - kernel[j]) for j in range(24))
        without = sum(abs(rest[i + j]) for j in range(24))
        if with_spike < without - threshold:
            steps.append(i + 1)
            for j in range(24):
                rest[i + j] -= kernel[j]
    return steps


def test_another_programs_spikes():
    spikes = BSA()(GOLDEN["signals"])
    assert spikes.shape == (3, 91, 5) and spikes.dtype == bool
    assert not spikes[:, 0].any()
    assert np.array_equal(spikes[:, 1:], GOLDEN["spikes"])
    assert GOLDEN["spikes"].sum() > 100


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(0, 3), min_size=1, max_size=6),
    st.integers(1, 12),
    st.sampled_from([0.35, 0.6, 0.93]),
    st.sampled_from([0.5, 1.7]),
)
def test_naive_loop(signal, hold, threshold, scale):
    signals = np.stack([signal, signal[::-1]])[:, :, np.newaxis]
    spikes = BSA(hold=hold, scale=scale, threshold=threshold)(signals)
    for k, values in enumerate((signal, signal[::-1])):
        assert np.flatnonzero(spikes[k, :, 0]).tolist() == naive(values, hold, scale, threshold)


def test_filtered_spikes_give_a_slow_signal_back():
    signal = 0.4 + 0.2 * np.sin(np.arange(60) / 8)
    spikes = BSA(scale=1.0)(signal[np.newaxis, :, np.newaxis])[0, 1:, 0]
    kernel = np.exp(-((np.arange(24) - 12) ** 2) / 25)
    back = np.convolve(spikes, kernel / kernel.sum())[:600]
    assert np.abs(back - np.repeat(signal, 10))[50:-50].mean() < 0.1


def test_nothing_in_nothing_out():
    assert BSA()(np.zeros((2, 0, 3))).shape == (2, 1, 3)
    assert not BSA()(np.zeros((2, 4, 3))).any()


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"hold": 0}, "hold"), ({"hold": 1.5}, "hold"), ({"scale": 0}, "scale"), ({"threshold": 1.1}, "threshold")],
    ids=str,
)
def test_impossible_settings(changes, name):
    with pytest.raises(ConfigurationError, match=name):
        BSA(**changes)


def test_what_is_no_signal():
    with pytest.raises(ShapeError, match=r"\(n_signals, n_frames, n_channels\)"):
        BSA()(np.zeros((3, 4)))
    with pytest.raises(NumericalError, match="not finite"):
        BSA()(np.full((1, 2, 3), np.inf))

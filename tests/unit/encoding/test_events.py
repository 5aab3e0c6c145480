"""Binning and stabilisation, against loops over single events."""

import math

import numpy as np
import pytest
from brian2 import ms, mV, second, us
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hm2bp_brian.encoding import bin_events, nmnist_spikes, paper_channels, stabilise_saccades
from hm2bp_brian.encoding.events import EVENT_DTYPE
from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError, UnitError

SHAPE = (3, 5, 2)


def events_of(rows, dtype=EVENT_DTYPE) -> np.ndarray:
    """From rows (x, y, t, p)."""
    return np.array([tuple(row) for row in rows], dtype=dtype)


def event_rows(width, height, last):
    row = st.tuples(st.integers(0, width - 1), st.integers(0, height - 1), st.integers(0, last), st.booleans())
    return st.lists(row, max_size=60)


def round_half_away(value: float) -> float:
    return math.copysign(math.floor(abs(value) + 0.5), value)


def paper_spikes(x, y, t, p) -> tuple[int, int] | None:
    """Step and channel of one event, as the rules of the paper's converter are written down: 1-based, in ms."""
    x, y, ms_ = x + 1.0, y + 1.0, t / 1000
    if ms_ <= 105:
        x, y = x - 3.5 * ms_ / 105, y - 7 * ms_ / 105
    elif ms_ <= 210:
        x, y = x - (3.5 + 3.5 * (ms_ - 105) / 105), y - (7 - 7 * (ms_ - 105) / 105)
    else:
        x -= 7 - 7 * (ms_ - 210) / 105
    x, y = round_half_away(x), round_half_away(y)
    if not (1 <= x <= 34 and 1 <= y <= 34):
        return None
    return math.ceil(t / 600) + 1, int((x - 1) * 34 + y - 1) + 1156 * int(p)


@given(event_rows(34, 34, 340_000))
def test_nmnist_follows_the_papers_rules(rows):
    expected = {spike for row in rows if (spike := paper_spikes(*row)) is not None}
    steps, neurons = nmnist_spikes(events_of(rows))
    found = list(zip(steps.tolist(), paper_channels(neurons).tolist(), strict=True))
    assert len(found) == len(expected) and set(found) == expected
    bins = list(zip(steps.tolist(), neurons.tolist(), strict=True))
    assert bins == sorted(bins)
    assert steps.dtype == neurons.dtype == np.int32


@pytest.mark.parametrize(
    "t", [0, 15_000, 44_999, 45_000, 105_000, 105_001, 112_500, 210_000, 217_500, 315_000, 336_000]
)
@pytest.mark.parametrize("x", [0, 3, 6, 33])
def test_halves_borders_and_turning_points(t, x):
    # at multiples of 7.5 ms from a turning point a shift is a half: rounding has to agree there
    expected = {spike for y in range(34) if (spike := paper_spikes(x, y, t, True)) is not None}
    steps, neurons = nmnist_spikes(events_of([(x, y, t, True) for y in range(34)]))
    assert set(zip(steps.tolist(), paper_channels(neurons).tolist(), strict=True)) == expected


def test_stabilising_keeps_time_and_polarity_and_does_not_change_its_argument():
    events = events_of([(20, 20, 0, True), (20, 20, 105_000, False), (20, 20, 210_000, True), (0, 0, 210_000, True)])
    before = events.copy()
    assert stabilise_saccades(events).tolist() == [
        (20, 20, 0, True),
        (17, 13, 105_000, False),  # 16.5 is rounded up
        (13, 20, 210_000, True),
    ]
    assert np.array_equal(events, before)


def test_channels_of_the_paper_are_a_permutation():
    channels = paper_channels(np.arange(2312))
    assert sorted(channels) == list(range(2312))
    row, column, polarity = 5, 7, 1
    assert channels[(row * 34 + column) * 2 + polarity] == 1156 + column * 34 + row


@given(event_rows(5, 3, 5000), st.sampled_from([1, 2]), st.sampled_from([1000, 600, 7]))
def test_one_spike_a_bin(rows, channels, width_us):
    dense = np.zeros((5001 // width_us + 1, 3, 5, channels), dtype=bool)
    for x, y, t, p in rows:
        dense[t // width_us, y, x, int(p) if channels == 2 else 0] = True
    steps, neurons = bin_events(events_of(rows), (3, 5, channels), width_us * us)
    assert np.array_equal(np.argwhere(dense.reshape(len(dense), -1)), np.stack([steps, neurons], axis=1))


@pytest.mark.parametrize("width_us", [600, 900])
def test_bins_of_a_fraction_of_a_millisecond_have_exact_borders(width_us):
    # 0.9*ms, multiplied naively, is 900.0000000000001 us
    borders = np.arange(0, width_us * 500, width_us)
    for times in (borders, borders + width_us - 1):
        steps, _ = bin_events(events_of([(0, 0, t, False) for t in times]), SHAPE, width_us / 1000 * ms)
        assert np.array_equal(steps, np.arange(500))


def test_other_orders_and_types_of_fields():
    dtype = [("t", np.uint32), ("p", np.int8), ("y", np.uint8), ("x", np.uint16)]
    steps, neurons = bin_events(np.array([(2000, 1, 2, 4), (0, 0, 1, 3)], dtype), SHAPE, 1 * ms)
    assert steps.tolist() == [0, 2] and neurons.tolist() == [(1 * 5 + 3) * 2, (2 * 5 + 4) * 2 + 1]


def test_one_row_without_y_and_polarity():
    events = np.array([(3, 1500), (699, 10)], [("x", np.int16), ("t", np.int64)])
    steps, neurons = bin_events(events, (1, 700, 1), 1 * ms)
    assert steps.tolist() == [0, 1] and neurons.tolist() == [699, 3]
    for shape, field in (((2, 700, 1), "field y"), ((1, 700, 2), "field p")):
        with pytest.raises(SpikeError, match=f"{field}, found x, t"):
            bin_events(events, shape, 1 * ms)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((5, 0, 0, 0), r"x must be in 0\.\.4, event 1 has 5"),
        ((0, 3, 0, 0), r"y must be in 0\.\.2, event 1 has 3"),
        ((-1, 0, 0, 0), "x must be .* event 1 has -1"),
        ((0, 0, -1, 0), "t must be .* event 1 has -1"),
        ((0, 0, 2**62, 0), "t must be .* event 1 has"),
    ],
)
def test_events_out_of_range_are_named(row, message):
    with pytest.raises(SpikeError, match=f"recording 7: {message}"):
        bin_events(events_of([(0, 0, 0, 0), row]), SHAPE, 1 * ms, "recording 7")


def test_events_off_nmnists_sensor():
    with pytest.raises(SpikeError, match=r"x must be in 0\.\.33, event 0 has 34"):
        nmnist_spikes(events_of([(34, 0, 0, 0)]))


def test_polarity_of_plus_and_minus_one_is_refused():
    dtype = [("x", int), ("y", int), ("t", int), ("p", int)]
    with pytest.raises(SpikeError, match=r"p must be in 0\.\.1, event 0 has -1"):
        bin_events(events_of([(0, 0, 0, -1)], dtype), SHAPE, 1 * ms)


@pytest.mark.parametrize("events", [np.zeros((3, 4)), [1, 2], events_of([(0, 0, 0, 0)]).reshape(1, 1), "events", None])
def test_what_is_no_event_array(events):
    with pytest.raises(SpikeError, match="structured array"):
        bin_events(events, SHAPE, 1 * ms)


def test_times_in_seconds_are_refused():
    events = np.array([(0, 0, 0.5, 0)], [("x", int), ("y", int), ("t", float), ("p", int)])
    with pytest.raises(SpikeError, match="integers as t .t in microseconds., found float64"):
        bin_events(events, SHAPE, 1 * ms)


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3), (0, 5, 2), (3.0, 5, 2), "abc", ("a", "b", "c"), None])
def test_impossible_shapes(shape):
    with pytest.raises(ShapeError, match="shape must be"):
        bin_events(events_of([]), shape, 1 * ms)


@pytest.mark.parametrize(
    ("dt", "error"),
    [(1e-3, UnitError), (1 * mV, UnitError), (0 * ms, ConfigurationError), (-1 * ms, ConfigurationError)]
    + [(1e-12 * second, ConfigurationError), ([1, 2] * ms, ConfigurationError)],
)
def test_impossible_bins(dt, error):
    with pytest.raises(error, match="dt"):
        bin_events(events_of([]), SHAPE, dt)


@given(arrays(EVENT_DTYPE, st.integers(0, 5)))
def test_any_events_are_binned_or_refused(events):
    try:
        steps, neurons = bin_events(events, SHAPE, 1 * ms)
    except SpikeError:
        return
    assert len(steps) == len(neurons) <= len(events)
    assert steps.size == 0 or (steps.min() >= 0 and 0 <= neurons.min() and neurons.max() < 30)


@pytest.mark.parametrize("time", [np.uint8, np.uint16, np.uint32, np.uint64, np.int32, np.int64])
@pytest.mark.parametrize("place", [np.uint8, np.int8, np.uint64])
def test_the_type_of_the_fields_does_not_matter(time, place):
    largest = min(np.iinfo(time).max, 300_000)
    rows = [(5, 6, 0, 1), (10, 11, largest // 2, 0), (20, 12, largest, 1)]
    wanted = np.array(rows, EVENT_DTYPE)
    found = np.array(rows, [("x", place), ("y", place), ("t", time), ("p", place)])
    for convert in (nmnist_spikes, lambda events: bin_events(events, (34, 34, 2), 1 * ms)):
        for expected, array in zip(convert(wanted), convert(found), strict=True):
            assert np.array_equal(expected, array)
    for field in "xytp":
        assert np.array_equal(stabilise_saccades(wanted)[field], stabilise_saccades(found)[field])


def test_channels_that_are_none():
    for wrong in ([2312], [-1], [0.0]):
        with pytest.raises(SpikeError, match="neurons must"):
            paper_channels(wrong)

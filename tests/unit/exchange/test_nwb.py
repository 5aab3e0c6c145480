"""Trials of an NWB file: spikes between onset and onset + duration, of the session's clock."""

import sys
from datetime import UTC, datetime

import numpy as np
import pytest
from brian2 import ms, second

from hm2bp_brian.datasets import SpikeDataset
from hm2bp_brian.errors import ExchangeError, MissingPackageError, UnitError, UnknownNameError

AXIS = {"dt": 1 * ms, "duration": 100 * ms}
ONSETS = (0.5, 1.0, 2.0)


@pytest.fixture
def nwb():
    return make_file()


def make_file(trials=True, units=True):
    pynwb = pytest.importorskip("pynwb", reason="pynwb, extra nwb, is not installed")
    file = pynwb.NWBFile("three trials", "id", datetime(2026, 1, 1, tzinfo=UTC))
    if trials:
        file.add_trial_column("side", "where the stimulus was")
        for onset, side in zip(ONSETS, ("right", "left", "right"), strict=True):
            file.add_trial(start_time=onset, stop_time=onset + 0.1, side=side)
    if units:
        # the second unit is silent in two trials, and fires between them
        file.add_unit(spike_times=[0.1, 0.5, 0.5305, 1.0995, 1.1, 2.05])
        file.add_unit(spike_times=[0.7, 0.8, 1.02])
    return file


def check(data):
    assert np.diff(data.offsets).tolist() == [2, 2, 1] and data.shape == (2,)
    assert data.steps.tolist() == [0, 30, 20, 99, 50] and data.neurons.tolist() == [0, 0, 1, 0, 0]
    assert data.labels.tolist() == [1, 0, 1]


def test_spikes_of_each_trial_count_from_its_onset(nwb, tmp_path):
    import pynwb

    check(SpikeDataset.from_nwb(nwb, "side", **AXIS))
    check(SpikeDataset.from_nwb(nwb, [1, 0, 1], onsets=list(ONSETS) * second, **AXIS))
    with pynwb.NWBHDF5IO(tmp_path / "session.nwb", "w") as io:
        io.write(nwb)
    check(SpikeDataset.from_nwb(tmp_path / "session.nwb", "side", **AXIS))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_trials_shorter_than_the_duration_are_told(nwb):
    nwb.add_trial(start_time=3.0, stop_time=3.02, side="left")
    with pytest.warns(UserWarning) as caught:
        SpikeDataset.from_nwb(nwb, "side", **AXIS)
    found = [(str(w.message), w.filename) for w in caught if w.category is UserWarning]
    assert found[0][0].startswith("1 of 4 trials are shorter than the duration of 100. ms, the shortest 20. ms: what")
    assert "nwb: there are 1 of 4 trials (the first: 3) without spikes" in found[1][0]
    assert [file for _, file in found] == [__file__] * 2


def test_what_the_file_does_not_have_is_named(nwb, monkeypatch):
    with pytest.raises(UnknownNameError, match="column of the NWB file's trials 'sides'. Did you mean 'side'"):
        SpikeDataset.from_nwb(nwb, "sides", **AXIS)
    with pytest.raises(ExchangeError, match="no table of units"):
        SpikeDataset.from_nwb(make_file(units=False), "side", **AXIS)
    with pytest.raises(ExchangeError, match="no table of trials: give onsets"):
        SpikeDataset.from_nwb(make_file(trials=False), [0], **AXIS)
    with pytest.raises(ExchangeError, match="path of an NWB file or a pynwb.NWBFile, found list"):
        SpikeDataset.from_nwb([nwb], "side", **AXIS)
    with pytest.raises(UnitError, match="onsets needs values in second"):
        SpikeDataset.from_nwb(nwb, [0], onsets=[0.5], **AXIS)
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(MissingPackageError, match=r"from_nwb needs pynwb.*pip install hm2bp_brian\[nwb\]"):
        SpikeDataset.from_nwb(nwb, "side", **AXIS)

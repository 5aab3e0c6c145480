"""Neo blocks: a segment a sample, a train a neuron, silent ones too."""

import sys

import numpy as np
import pytest
from brian2 import ms

from hm2bp_brian.datasets import SpikeDataset
from hm2bp_brian.errors import ExchangeError, MissingPackageError, ShapeError, UnitError, UnknownNameError
from tests.unit.exchange.test_spike_table import make_record


def test_each_train_has_the_spikes_of_its_neuron():
    pytest.importorskip("neo", reason="neo, extra neo, is not installed")
    record = make_record()
    block = record.to_neo(dt=0.5 * ms)
    assert len(block.segments) == record.n_samples
    populations = {"input": record.input, 0: record.layers[0], 1: record.layers[1]}
    for sample, segment in enumerate(block.segments):
        trains = {(t.annotations["layer"], t.annotations["neuron"]): t for t in segment.spiketrains}
        assert list(trains) == [(layer, n) for layer, batch in populations.items() for n in range(batch.n_neurons)]
        for (layer, neuron), train in trains.items():
            dense = populations[layer].dense().reshape(record.n_samples, record.n_steps, -1)
            expected = 0.5 * np.flatnonzero(dense[sample, :, neuron])
            np.testing.assert_allclose(train.rescale("ms").magnitude, expected, rtol=1e-12)
            assert float(train.t_start) == 0 and float(train.t_stop.rescale("ms")) == pytest.approx(3.5)


def test_without_neo(monkeypatch):
    monkeypatch.setitem(sys.modules, "neo", None)
    with pytest.raises(MissingPackageError, match=r"to_neo needs neo.*pip install hm2bp_brian\[neo\]"):
        make_record().to_neo(dt=1 * ms)


def test_dt_needs_a_unit():
    pytest.importorskip("neo", reason="neo, extra neo, is not installed")
    with pytest.raises(UnitError, match="dt"):
        make_record().to_neo(dt=1e-3)


def make_segments(neo, begins, annotations=("b", "a", "b")):
    """Segments of two trains; times in milliseconds from the segment's begin."""
    segments = []
    for begin, trial, side in zip(begins, (([1.0, 5.0], []), ([], [2.0]), ([9.5], [0.0])), annotations, strict=True):
        segment = neo.Segment(side=side)
        for times in trial:
            limits = {"t_start": begin, "t_stop": begin + 20}
            segment.spiketrains.append(neo.SpikeTrain(np.array(times) + begin, units="ms", **limits))
        segments.append(segment)
    return segments


def test_segments_are_trials_that_begin_at_their_own_start():
    neo = pytest.importorskip("neo", reason="neo, extra neo, is not installed")
    segments = make_segments(neo, (0.0, 1000.0, -30.0))
    blocks = [neo.Block(), neo.Block()]
    blocks[0].segments += segments[:2]
    blocks[1].segments += segments[2:]
    for given in (segments, blocks, [blocks[0], segments[2]]):
        data = SpikeDataset.from_neo(given, "side", dt=0.5 * ms, duration=20 * ms)
        assert data.labels.tolist() == [1, 0, 1] and data.dt == 0.5 * ms
        assert data.steps.tolist() == [2, 10, 4, 0, 19] and data.neurons.tolist() == [0, 0, 1, 1, 0]
    assert len(SpikeDataset.from_neo(blocks[0], [0, 1], dt=0.5 * ms, duration=20 * ms)) == 2


def test_a_record_goes_to_neo_and_comes_back():
    pytest.importorskip("neo", reason="neo, extra neo, is not installed")
    record = make_record()
    block = record.to_neo(dt=0.5 * ms)
    for segment in block.segments:
        segment.spiketrains = [train for train in segment.spiketrains if train.annotations["layer"] == "input"]
    labels = np.zeros(record.n_samples, int)
    data = SpikeDataset.from_neo(block, labels, dt=0.5 * ms, duration=0.5 * record.n_steps * ms)
    found = data.batch(np.arange(record.n_samples), record.n_steps).dense()
    np.testing.assert_array_equal(found, record.input.dense().reshape(found.shape))


def test_what_neo_does_not_have_is_named(monkeypatch):
    neo = pytest.importorskip("neo", reason="neo, extra neo, is not installed")
    segments, axis = make_segments(neo, (0.0, 0.0, 0.0)), {"dt": 1 * ms, "duration": 20 * ms}
    with pytest.raises(UnknownNameError, match="unknown annotation of segment 0 'sides'. Did you mean 'side'"):
        SpikeDataset.from_neo(segments, "sides", **axis)
    with pytest.raises(ExchangeError, match="expected Neo's Blocks or Segments, found list"):
        SpikeDataset.from_neo([segments], [0], **axis)
    with pytest.raises(ShapeError, match="at least one, found 0 in trial 0"):
        SpikeDataset.from_neo(neo.Segment(), [0], **axis)
    monkeypatch.setitem(sys.modules, "neo", None)
    with pytest.raises(MissingPackageError, match=r"from_neo needs neo.*pip install hm2bp_brian\[neo\]"):
        SpikeDataset.from_neo(segments, [0], **axis)

"""Neo blocks: a segment a sample, a train a neuron, silent ones too."""

import sys

import numpy as np
import pytest
from brian2 import ms

from hm2bp_brian.errors import MissingPackageError, UnitError
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

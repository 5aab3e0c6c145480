"""Tables of spikes: every spike once, in order, whether pandas or a text file holds them."""

import csv
import sys

import numpy as np
import pytest
from brian2 import ms

from hm2bp_brian.errors import ConfigurationError, MissingPackageError, UnitError
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


def make_record(seed=0) -> SpikeRecord:
    generator = np.random.default_rng(seed)
    shapes = [(2, 3, 1), (4,), (2,)]
    batches = [SpikeBatch.from_dense(generator.random((3, 7, *shape)) < 0.3) for shape in shapes]
    return SpikeRecord(batches[0], batches[1:])


def expected_rows(record) -> list[tuple]:
    """Layer, sample, step and neuron of every spike, from the dense arrays."""
    populations = [("input", record.input), *enumerate(record.layers)]
    return [
        (layer, *(int(i) for i in spike))
        for layer, batch in populations
        for spike in np.argwhere(batch.dense().reshape(batch.n_samples, batch.n_steps, -1))
    ]


def test_csv_has_every_spike_and_exact_times(tmp_path):
    record = make_record()
    record.to_csv(tmp_path / "spikes.csv", dt=0.1 * ms)
    with open(tmp_path / "spikes.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["layer", "sample", "step", "neuron", "time"]
    expected = expected_rows(record)
    assert [tuple(row[:4]) for row in rows] == [tuple(map(str, row)) for row in expected]
    assert [float(row[4]) for row in rows] == pytest.approx([step * 1e-4 for _, _, step, _ in expected], rel=1e-12)
    assert [path.name for path in tmp_path.iterdir()] == ["spikes.csv"]


def test_csv_without_dt_has_no_times_and_needs_no_pandas(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    make_record().to_csv(str(tmp_path / "spikes.csv"))
    assert (tmp_path / "spikes.csv").read_text().splitlines()[0] == "layer,sample,step,neuron"


def test_dataframe_has_every_spike():
    pytest.importorskip("pandas", reason="pandas, extra dataframe, is not installed")
    record = make_record()
    table = record.to_dataframe(dt=2 * ms)
    assert list(table.columns) == ["layer", "sample", "step", "neuron", "time"]
    assert list(table[["layer", "sample", "step", "neuron"]].itertuples(index=False, name=None)) == expected_rows(
        record
    )
    np.testing.assert_allclose(table["time"], 2e-3 * table["step"], rtol=1e-12)
    assert (table["layer"] == 1).sum() == record.layers[1].n_spikes
    assert list(table.groupby("layer", observed=False).size().index) == ["input", 0, 1]
    assert "time" not in record.to_dataframe()


def test_layers_without_spikes_make_an_empty_table(tmp_path):
    pytest.importorskip("pandas", reason="pandas, extra dataframe, is not installed")
    silent = SpikeBatch.from_dense(np.zeros((1, 2, 3), dtype=bool))
    record = SpikeRecord(silent, [silent])
    assert len(record.to_dataframe(dt=1 * ms)) == 0
    record.to_csv(tmp_path / "spikes.csv")
    assert (tmp_path / "spikes.csv").read_text() == "layer,sample,step,neuron\n"


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match=r"to_dataframe needs pandas.*pip install hm2bp_brian\[dataframe\]"):
        make_record().to_dataframe()


@pytest.mark.parametrize(("dt", "error"), [(1e-3, UnitError), (0 * ms, ConfigurationError)], ids=["no unit", "zero"])
def test_dt_must_be_a_positive_time(tmp_path, dt, error):
    with pytest.raises(error, match="dt"):
        make_record().to_csv(tmp_path / "spikes.csv", dt=dt)
    assert not list(tmp_path.iterdir())

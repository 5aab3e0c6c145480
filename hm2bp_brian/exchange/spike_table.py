"""A record as a table with one row a spike: pandas or CSV."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.exchange.packages import load_package
from hm2bp_brian.files import write_atomically
from hm2bp_brian.model.units import positive_time
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.tables import csv_table


def to_dataframe(record: SpikeRecord, dt=None):
    """One row a spike as a pandas DataFrame; see ``SpikeRecord.to_dataframe``."""
    pandas = load_package("pandas", "dataframe", "SpikeRecord.to_dataframe")
    names, populations, columns = _columns(record, dt)
    return pandas.DataFrame({"layer": pandas.Categorical.from_codes(populations, names, ordered=True)} | columns)


def to_csv(record: SpikeRecord, path, dt=None) -> None:
    """One row a spike as a CSV file; see ``SpikeRecord.to_csv``."""
    names, populations, columns = _columns(record, dt)
    layers = (names[population] for population in populations)
    rows = zip(layers, *(column.tolist() for column in columns.values()), strict=True)
    write_atomically(path, csv_table(["layer", *columns], rows))


def _columns(record: SpikeRecord, dt) -> tuple[list, np.ndarray, dict[str, np.ndarray]]:
    """Names of the populations, that of each spike as an index into them, and the other columns."""
    batches = [record.input, *record.layers]
    names = ["input", *range(len(record.layers))]
    populations = np.repeat(np.arange(len(batches)), [batch.n_spikes for batch in batches])
    columns = {
        "sample": np.concatenate([batch.samples for batch in batches]),
        "step": np.concatenate([batch.steps for batch in batches]),
        "neuron": np.concatenate([batch.neurons for batch in batches]),
    }
    if dt is not None:
        columns["time"] = columns["step"] * positive_time("dt", dt)
    return names, populations, columns

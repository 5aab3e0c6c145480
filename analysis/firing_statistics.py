"""How the layers of a trained network fire: rates, intervals, silent and saturated neurons.

Run it with ``python analysis/firing_statistics.py RUN``, a folder that ``hm2bp train`` made or a weight file. It
prints a table and keeps it, with a figure, in ``RUN/analysis``.
"""

from __future__ import annotations

from command_line import keep, run_script

from hm2bp_brian import plotting
from hm2bp_brian.experiments.trained import load_trained
from hm2bp_brian.firing_statistics import firing_table

SAMPLES = 200


def main(run_dir, data=None, samples: int = SAMPLES) -> list[dict]:
    """Simulate the first test samples; return and keep the table of `hm2bp_brian.firing_statistics.firing_table`.

    Parameters
    ----------
    run_dir : path
        Folder of a run, or a weight file.
    data : path, optional
        Folder of the data files.
    samples : int

    Raises
    ------
    ConfigurationError, CheckpointError, DatasetNotFoundError
        If the folder, the data or the number of samples can't be used.
    """
    run = load_trained(run_dir, data)
    record = run.record(samples)
    rows = firing_table(run.network, record)

    def draw(axes):
        for layer, (rates, intervals, variation) in enumerate(axes):
            plotting.firing_rates(run.network, record, layer, ax=rates)
            plotting.isi_histogram(run.network, record, layer, ax=intervals)
            plotting.cv_histogram(run.network, record, layer, ax=variation)

    picture = plotting.png(draw, (13.0, 3.2 * len(rows)), rows=len(rows), columns=3)
    keep(run.folder.path, "firing_statistics", rows, picture)
    return rows


if __name__ == "__main__":
    run_script(main, "Rates, intervals, silent and saturated neurons of a trained network.", SAMPLES)

"""How exact S-PSPs are: closed form, simulated by Brian2, and adjoint, against time step and integration method.

The spikes of the trained network's output layer and of the layer before are replayed on ever finer time steps; they
keep their times. The closed form is exact in continuous time, so that what is left is the error of the integration.
Simulated and adjoint S-PSPs integrate the same steps and should agree to rounding.

Run it with ``python analysis/spsp_accuracy.py RUN``, a folder that ``hm2bp train`` made or a weight file. It
prints a table and keeps it in ``RUN/analysis``.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from brian2 import second
from command_line import keep, run_script

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.experiments.trained import load_trained
from hm2bp_brian.learning.spsp import spsp
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

SAMPLES = 1
METHODS = ("euler", "rk2", "rk4", "exact")
REFINEMENTS = (1, 2, 4)


def main(run_dir, data=None, samples: int = SAMPLES) -> list[dict]:
    """Compare the three ways on the output layer, for the first test samples.

    Parameters
    ----------
    run_dir : path
        Folder of a run, or a weight file.
    data : path, optional
        Folder of the data files.
    samples : int
        Brian2 simulates every pair of neurons of every sample: a few are enough.

    Returns
    -------
    list of dict
        One row a method and time step: ``method``, ``dt_ms``, and root mean square differences relative to the root
        mean square of the closed form: ``adjoint_error``, ``simulated_error`` (both against the closed form) and
        ``adjoint_against_simulated``.

    Raises
    ------
    ConfigurationError, CheckpointError, DatasetNotFoundError
        If the folder, the data or the number of samples can't be used, or no output neuron fires twice.
    """
    run = load_trained(run_dir, data)
    record = run.record(samples)
    pre, post = record.presynaptic(len(record.layers) - 1), record.output
    if not pre.n_spikes or post.counts.max() < 2:
        raise ConfigurationError(
            f"the output layer hardly fires in the first {samples} test samples of {run_dir}: there is no S-PSP to "
            "compare. Take more samples, or train longer"
        )
    rows = [compare(run.recipe, pre, post, method, k) for method in METHODS for k in REFINEMENTS]
    keep(run.folder.path, "spsp_accuracy", rows)
    return rows


def compare(recipe, pre: SpikeBatch, post: SpikeBatch, method: str, refinement: int) -> dict:
    """One row of the table: a time step ``refinement`` times finer than the recipe's."""
    dt = recipe.dt_ms / refinement
    neuron = dataclasses.replace(recipe.neuron, method=method).make()
    layer = Dense(post.n_neurons, threshold=1.0)
    duration = recipe.duration_ms * 1e-3 * second
    network = SpikingNetwork(pre.shape, [layer], neuron, dt=dt * 1e-3 * second, duration=duration)
    record = SpikeRecord(refined(pre, refinement), (refined(post, refinement),))
    closed, simulated, adjoint = (spsp(network, record, 0, way) for way in ("closed_form", "traces", "adjoint"))
    scale = np.sqrt(np.mean(closed**2))
    return {
        "method": method,
        "dt_ms": dt,
        "adjoint_error": rms(adjoint - closed) / scale,
        "simulated_error": rms(simulated - closed) / scale,
        "adjoint_against_simulated": rms(adjoint - simulated) / scale,
    }


def refined(spikes: SpikeBatch, refinement: int) -> SpikeBatch:
    """The same spike times on finer time steps."""
    return SpikeBatch.from_events(
        spikes.samples,
        spikes.steps * refinement,
        spikes.neurons,
        n_samples=spikes.n_samples,
        n_steps=spikes.n_steps * refinement,
        shape=spikes.shape,
    )


def rms(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


if __name__ == "__main__":
    run_script(main, "S-PSPs three ways, against time step and integration method.", SAMPLES)

"""How soon the network knows: accuracy against the time for which it has been looking."""

from __future__ import annotations

import numpy as np
from brian2 import second

from hm2bp_brian.plotting.axes import COLOURS, label_axes, make_axes

N_TIMES = 50


def accuracy_over_time(evaluator, dataset, until=None, ax=None):
    """Draw the accuracy that the output spikes before each time would give.

    Parameters
    ----------
    evaluator : Evaluator
        Such as ``trainer.evaluator``.
    dataset : ImageDataset, SpikeDataset, or a pair (X, y)
    until : Quantity (n_times,), optional
        By default 50 times, evenly spaced, of which the last is the end of the presentation.
    ax : matplotlib Axes, optional

    Returns
    -------
    Line2D
        Percent against ms. Before the first output spikes all samples are taken for class 0.

    Raises
    ------
    ConfigurationError, UnitError
        If a time does not lie within the presentation.

    Examples
    --------
    >>> trainer = hb.Trainer(hb.load_pretrained("mnist-mlp"))
    >>> _, test = hb.datasets.mnist()
    >>> line = hb.plotting.accuracy_over_time(trainer.evaluator, test.subset(20))
    """
    network = evaluator.network
    if until is None:
        until = np.arange(1, N_TIMES + 1) * (network.n_steps * network.dt / N_TIMES) * second
    accuracy = evaluator.accuracy(dataset, until=until)
    ax = make_axes(ax)
    (line,) = ax.plot(np.asarray(until) * 1e3, 100 * accuracy, color=COLOURS[0])
    label_axes(ax, "time since the presentation began (ms)", "accuracy (%)")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0, auto=True)
    return line

"""How training went: accuracy, and the size of gradients, against epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hm2bp_brian.checks import check_offers
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.learning.gradient_sum import Gradients
from hm2bp_brian.plotting.axes import COLOURS, label_axes, make_axes, whole_numbers

# column of the histories: name and number of its colour
ACCURACIES = {
    "train_accuracy": ("training, during the epoch", 0),
    "holdout_accuracy": ("held-out samples", 2),
    "test_accuracy": ("test", 1),
    "validation_accuracy": ("validation", 3),
}
NORMS = {
    "delta": r"rms $\delta$ (loss per spike)",
    "gradient": "rms gradient (loss per unit weight)",
}


def learning_curve(history, ax=None):
    """Draw accuracy against epochs: in training, of held-out and of test samples, as far as they were measured.

    Training accuracy is measured while the weights change, and on distorted samples where the recipe distorts them: it
    may well be lower than that of the test after the epoch.

    Parameters
    ----------
    history : History
    ax : matplotlib Axes, optional

    Returns
    -------
    list of Line2D

    Examples
    --------
    >>> from hm2bp_brian.training.history import History
    >>> accuracies = {1: 0.8, 2: 0.9, 3: 0.92}
    >>> history = History([{"epoch": n, "validation_accuracy": a} for n, a in accuracies.items()])
    >>> lines = hb.plotting.learning_curve(history)
    """
    check_offers("history", history, "column", "what Trainer.fit returns")
    ax = make_axes(ax)
    lines = []
    for column, (label, colour) in ACCURACIES.items():
        percent = 100 * history.column(column)
        if np.isfinite(percent).any():
            epochs = history.column("epoch")
            lines += ax.plot(epochs, percent, "o-", color=COLOURS[colour], markersize=4, label=label)
    _label_epochs(ax, "accuracy (%)")
    if lines:
        ax.legend(frameon=False)
    return lines


def learning_curves(groups: Mapping[str, Sequence], column: str | None = None, ax=None):
    """Draw the mean over the runs of each group, and a band of one standard deviation to each side.

    Parameters
    ----------
    groups : mapping of str to sequence of History
        Histories of runs that differ in the seed only, by the name of the group.
    column : str, optional
        An accuracy of the histories, such as "holdout_accuracy". If none is named, that of the test samples, as
        ``hm2bp train`` writes it, or else of what ``fit`` was given as validation.
    ax : matplotlib Axes, optional

    Returns
    -------
    list of (Line2D, PolyCollection or None)
        One pair a group; a group of one run has no band. The standard deviation is that of a sample (n - 1).

    Raises
    ------
    ConfigurationError
        If a group is empty, or its histories differ in length.
    UnknownNameError
        If a history does not have the column.

    Examples
    --------
    >>> from hm2bp_brian.training.history import History
    >>> accuracies = {1: 0.8, 2: 0.9, 3: 0.92}
    >>> history = History([{"epoch": n, "validation_accuracy": a} for n, a in accuracies.items()])
    >>> artists = hb.plotting.learning_curves({"one seed": [history]})
    """
    columns = [history.columns for histories in groups.values() for history in histories if len(history)]
    if column is None:
        tested = not columns or any("test_accuracy" in names for names in columns)
        column = "test_accuracy" if tested else "validation_accuracy"
    for names in columns:
        if column not in names:
            raise UnknownNameError("column of the histories", column, names)
    for name, histories in groups.items():
        lengths = sorted({len(history) for history in histories})
        if len(lengths) != 1:
            raise ConfigurationError(
                f"group '{name}' needs one history or several of equal length, found lengths {lengths}"
            )
    ax = make_axes(ax)
    artists = []
    for number, (name, histories) in enumerate(groups.items()):
        colour = COLOURS[number % len(COLOURS)]
        epochs = histories[0].column("epoch")
        percent = 100 * np.stack([history.column(column) for history in histories])
        mean, band = percent.mean(axis=0), None
        runs = f"{len(histories)} runs, mean ± sd" if len(histories) > 1 else "1 run"
        (line,) = ax.plot(epochs, mean, "o-", color=colour, markersize=3, label=f"{name} ({runs})")
        if len(histories) > 1:
            sd = percent.std(axis=0, ddof=1)
            band = ax.fill_between(epochs, mean - sd, mean + sd, color=colour, alpha=0.25, linewidth=0)
        artists.append((line, band))
    _label_epochs(ax, f"{column.replace('_', ' ')} (%)")
    if artists:
        ax.legend(frameon=False)
    return artists


def layer_norms(by_epoch: Mapping[int, Gradients], quantity: str = "gradient", ax=None):
    """Draw how large the deltas or the gradients of each layer are, on a logarithmic axis, against epochs.

    Histories hold no gradients: compute them of the same samples after each epoch, by a callback or from checkpoints.

    Parameters
    ----------
    by_epoch : mapping of int to Gradients
    quantity : "gradient" or "delta"
    ax : matplotlib Axes, optional

    Returns
    -------
    list of Line2D
        One a layer that has weights ("gradient"), or one a layer ("delta"). Zeros leave gaps.

    Raises
    ------
    UnknownNameError, ConfigurationError
        If there is no such quantity, or no epoch.

    Examples
    --------
    >>> network = hb.load_pretrained("mnist-mlp")
    >>> _, test = hb.datasets.mnist()
    >>> spikes = hb.encoding.BernoulliEncoder().encode(test.images[:3], network.n_steps)
    >>> record = hb.simulate(network, spikes)
    >>> gradients = hb.gradients(network, record, test.labels[:3])
    >>> lines = hb.plotting.layer_norms({1: gradients})
    """
    if quantity not in NORMS:
        raise UnknownNameError("quantity", quantity, NORMS)
    if not by_epoch:
        raise ConfigurationError("layer_norms needs the gradients of at least one epoch, found none")
    epochs = sorted(by_epoch)
    per_epoch = [by_epoch[k].arrays if quantity == "gradient" else by_epoch[k].deltas for k in epochs]
    ax = make_axes(ax)
    lines = []
    for layer, arrays in enumerate(zip(*per_epoch, strict=True)):
        if arrays[0].size == 0:  # pooling learns nothing
            continue
        norms = np.array([np.sqrt(np.mean(np.square(array))) for array in arrays])
        norms[norms == 0] = np.nan
        lines += ax.plot(epochs, norms, "o-", color=COLOURS[layer % len(COLOURS)], markersize=4, label=f"layer {layer}")
    ax.set_yscale("log")
    _label_epochs(ax, NORMS[quantity])
    ax.legend(frameon=False)
    return lines


def _label_epochs(ax, ylabel: str) -> None:
    label_axes(ax, "epoch", ylabel)
    whole_numbers(ax.xaxis)

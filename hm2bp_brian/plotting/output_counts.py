"""Output counts against the counts that are wanted."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.learning.losses import SpikeCountLoss, check_labels
from hm2bp_brian.plotting.axes import COLOURS, label_axes, make_axes, set_title
from hm2bp_brian.spike_record import SpikeRecord


def output_counts(record: SpikeRecord, labels, loss: SpikeCountLoss, ax=None):
    """Draw how often an output neuron fires so many times: that of the sample's class, and all others.

    Parameters
    ----------
    record : SpikeRecord
    labels : int array (n_samples,)
    loss : SpikeCountLoss
        Its wanted counts are drawn as lines, what counts as no error as bands.
    ax : matplotlib Axes, optional

    Returns
    -------
    list of StepPatch
        Fractions of the output neurons of the class, and of the others, with each count.

    Raises
    ------
    LabelError
        If labels are not one a sample, or out of range.

    Examples
    --------
    >>> network = hb.load_pretrained("mnist-mlp")
    >>> _, test = hb.datasets.mnist()
    >>> spikes = hb.encoding.BernoulliEncoder().encode(test.images[:3], network.n_steps)
    >>> record = hb.simulate(network, spikes)
    >>> artists = hb.plotting.output_counts(record, test.labels[:3], hb.SpikeCountLoss())
    """
    counts = record.output.counts
    labels = check_labels(labels, *counts.shape)
    is_class = loss.targets(labels, counts.shape[1]) == loss.desired
    ax = make_axes(ax)
    edges = np.arange(counts.max() + 2) - 0.5
    artists = []
    groups = (("class", is_class, loss.desired, 0), ("others", ~is_class, loss.undesired, 1))
    for name, chosen, wanted, colour in groups:
        colour = COLOURS[colour]
        fractions = np.histogram(counts[chosen], edges)[0] / max(chosen.sum(), 1)
        artists.append(ax.stairs(fractions, edges, color=colour, fill=True, alpha=0.6, label=name))
        ax.axvline(wanted, color=colour, linestyle="--", linewidth=1.0)
        ax.axvspan(wanted - loss.margin, wanted + loss.margin, color=colour, alpha=0.1, linewidth=0)
    label_axes(ax, "spikes of an output neuron", "fraction of neurons and samples")
    ax.set_xlim(-0.5, None)
    set_title(ax, f"{len(counts):,} samples; dashed: wanted counts, shaded: no error")
    ax.legend(frameon=False, loc="upper center")
    return artists

"""Which classes are taken for which."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import LogLocator

from hm2bp_brian.checks import check_count
from hm2bp_brian.learning.losses import check_labels
from hm2bp_brian.plotting.axes import label_image, make_axes, set_title


def confusion_matrix(labels, predictions, n_classes: int, ax=None):
    """Draw how many samples of each class are taken for which, on a logarithmic scale, numbers written in.

    Parameters
    ----------
    labels, predictions : int arrays (n_samples,)
    n_classes : int
    ax : matplotlib Axes, optional

    Returns
    -------
    AxesImage
        Row: class of the sample; column: class it was taken for. Cells with 0 are blank (masked).

    Raises
    ------
    LabelError
        If there are not as many predictions as labels, or one is out of range.

    Examples
    --------
    >>> image = hb.plotting.confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2], n_classes=3)
    """
    n_classes = check_count("n_classes", n_classes)
    labels = check_labels(labels, len(labels), n_classes)
    predictions = check_labels(predictions, len(labels), n_classes)
    counts = np.bincount(labels * n_classes + predictions, minlength=n_classes**2).reshape(n_classes, n_classes)
    ax = make_axes(ax, (5.6, 4.8))
    norm = LogNorm(1, max(counts.max(), 2))
    image = ax.imshow(np.ma.masked_equal(counts, 0), cmap="Blues", norm=norm)
    cell = 72 * min(ax.bbox.size) / ax.figure.dpi / n_classes  # points
    fontsize = min(7.0, 1.4 * cell / len(str(counts.max())))
    for row, column in np.argwhere(counts):
        value = counts[row, column]
        colour = "white" if norm(value) > 0.6 else "black"
        ax.text(column, row, str(value), ha="center", va="center", fontsize=fontsize, color=colour)
    percent = 100 * np.trace(counts) / len(labels)
    set_title(ax, f"{percent:.2f} % of {len(labels):,} samples correct")
    ticks = {"ticks": LogLocator(subs=(1, 2, 5)), "format": "{x:g}"}
    label_image(image, "number of samples", "class", "predicted class", **ticks)
    image.colorbar.minorticks_off()
    for set_ticks in (ax.set_xticks, ax.set_yticks):
        set_ticks(np.arange(n_classes), np.arange(n_classes), fontsize=min(10, 240 / n_classes))
    return image

"""How good the two approximations of HM2-BP are on a trained network.

1. Decoupling: e_{i|j} is proportional to o_i o_j, so that de_{i|j}/do_j = e_{i|j}/o_j.
2. Rate coding: a neuron's count is o_i = a_i/nu, a_i = sum_j w_ij e_{i|j} being its T-PSP. A spike happens at the first
   step above threshold, so that a_i/nu >= o_i without lateral inhibition; with it, a_i makes up for the inhibition
   too.

Run it with ``python analysis/decoupling_check.py RUN``, a folder that ``hm2bp train`` made or a weight file. It
prints a table and keeps it, with a figure, in ``RUN/analysis``.
"""

from __future__ import annotations

import numpy as np
from command_line import keep, run_script

from hm2bp_brian import plotting
from hm2bp_brian.experiments.trained import load_trained
from hm2bp_brian.learning.spsp import spsp
from hm2bp_brian.learning.thresholds import distance_as_learned
from hm2bp_brian.plotting.axes import one_sample

SAMPLES = 20
MOST_POINTS = 5000
FEW_POINTS = 200  # up to so many, points are large


def main(run_dir, data=None, samples: int = SAMPLES) -> list[dict]:
    """Check both approximations in every layer, for the first test samples.

    Parameters
    ----------
    run_dir : path
        Folder of a run, or a weight file.
    data : path, optional
        Folder of the data files.
    samples : int

    Returns
    -------
    list of dict
        One row a layer. ``pairs``: pairs of neurons that both fired. ``e_per_o_o``: c of the least-squares fit
        e = c o_i o_j; ``e_correlation`` of e with o_i o_j; ``e_variation``: standard deviation over mean of
        e/(o_i o_j). ``neurons``: those that fired; ``o_per_a``: slope of the least-squares fit o = s a/nu;
        ``o_correlation``; ``o_error``: mean of |o - a/nu|/o. NaN where nothing fires.

    Raises
    ------
    ConfigurationError, CheckpointError, DatasetNotFoundError
        If the folder, the data or the number of samples can't be used.
    """
    run = load_trained(run_dir, data)
    record = run.record(samples)
    points = [layer_points(run.network, record, layer) for layer in range(len(record.layers))]
    rows = [{"layer": layer} | figures(*arrays) for layer, arrays in enumerate(points)]

    def draw(axes):
        for layer, ((e, products, o, a), (left, right)) in enumerate(zip(points, axes, strict=True)):
            scatter(left, products, e, f"layer {layer}", r"$o_i o_j$ (spikes²)", r"$e_{i|j}$ (per unit weight)")
            scatter(right, a, o, f"layer {layer}", r"$a_i/\nu$ (1)", r"$o_i$ (spikes)")
            right.axline((0, 0), slope=1, color="0.5", linestyle="--", linewidth=0.8, label=r"$o_i = a_i/\nu$")
            right.legend(frameon=False)

    picture = plotting.png(draw, (9.0, 3.4 * len(rows)), rows=len(rows), columns=2)
    keep(run.folder.path, "decoupling_check", rows, picture)
    return rows


def layer_points(network, record, layer: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """S-PSPs and o_i o_j of all pairs that fired, counts and a/nu of all neurons that fired; all samples together."""
    weights = network.connections[layer].unroll(np.asarray(network.weights[layer], dtype=np.float64))
    connected = (network.connections[layer].unroll(np.ones(network.weights[layer].shape)) != 0).T
    nu, collected = distance_as_learned(network, network.neural[layer], network.parameters), []
    for sample in range(record.n_samples):
        alone = one_sample(record, sample)
        e = spsp(network, alone, layer)[0]
        o_post, o_pre = alone.counts(layer)[0], alone.presynaptic(layer).counts[0]
        products = np.outer(o_post, o_pre)
        pairs, fired = (products > 0) & connected, o_post > 0
        a = np.einsum("ji,ij->i", weights, e) / nu
        collected.append((e[pairs], products[pairs], o_post[fired], a[fired]))
    return tuple(np.concatenate(arrays).astype(np.float64) for arrays in zip(*collected, strict=True))


def figures(e: np.ndarray, products: np.ndarray, o: np.ndarray, a: np.ndarray) -> dict:
    """The figures of one layer."""
    ratio = e / products
    return {
        "pairs": len(e),
        "e_per_o_o": slope(products, e),
        "e_correlation": correlation(products, e),
        "e_variation": float(ratio.std() / ratio.mean()) if len(e) else float("nan"),
        "neurons": len(o),
        "o_per_a": slope(a, o),
        "o_correlation": correlation(a, o),
        "o_error": float(np.mean(np.abs(o - a) / o)) if len(o) else float("nan"),
    }


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """s of the least-squares fit y = s x."""
    return float(x @ y / (x @ x)) if len(x) else float("nan")


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation; NaN if a variable does not vary."""
    if len(x) < 2 or x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def scatter(ax, x: np.ndarray, y: np.ndarray, title: str, xlabel: str, ylabel: str) -> None:
    """Draw at most 5000 points, evenly chosen, and the fit y = s x."""
    every = max(len(x) // MOST_POINTS, 1)
    size = 4 if len(x) > FEW_POINTS else 25
    ax.scatter(x[::every], y[::every], s=size, alpha=0.3, color=plotting.COLOURS[0], linewidths=0)
    if len(x):
        s = slope(x, y)
        ax.axline((0, 0), slope=s, color=plotting.COLOURS[1], linewidth=1.2, label=f"fit: {s:.3g} x")
        ax.legend(frameon=False)
    ax.set_title(title, fontsize=10)
    ax.set(xlabel=xlabel, ylabel=ylabel)


if __name__ == "__main__":
    run_script(main, "The approximations e ~ o_i o_j and o = a/nu on a trained network.", SAMPLES)

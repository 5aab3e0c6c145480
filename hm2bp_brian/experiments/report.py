"""``report.html``: everything about one run in one file that needs no network to be opened."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

import numpy as np
from brian2 import Quantity

from hm2bp_brian import plotting
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.experiments.trained import TrainedRun
from hm2bp_brian.files import write_atomically
from hm2bp_brian.firing_statistics import firing_table
from hm2bp_brian.learning.attribution import incoming, spike_attribution
from hm2bp_brian.rendering import render
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.tables import cell

STATISTICS_SAMPLES = 200  # test samples from which firing statistics are computed
MOST_MISTAKES = 12
GALLERY_COLUMNS = 6

# what columns are called, where that is not their name with blanks
HEADINGS = {
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
    "holdout_accuracy": "held-out accuracy",
    "seconds": "training time (s)",
    "mean_rate_hz": "mean rate (Hz)",
    "median_isi_ms": "median ISI (ms)",
    "mean_cv": "mean CV",
    "silent_percent": "silent neurons (%)",
    "saturated_percent": "saturated neurons (%)",
}


class Picture(NamedTuple):
    """A PNG file's content, and what it shows in words."""

    content: bytes
    description: str

    @property
    def base64(self) -> str:
        """The content as HTML can hold it."""
        return base64.b64encode(self.content).decode()


def write_report(run: TrainedRun, sample: int = 0, path=None) -> Path:
    """Evaluate a trained network, draw it, and write the page.

    Parameters
    ----------
    run : TrainedRun
    sample : int
        The test sample of raster and attribution.
    path : path, optional
        The file; ``report.html`` in the run's folder, made if need be, if it is not given.

    Returns
    -------
    Path

    Raises
    ------
    ConfigurationError
        If there is no such test sample.
    """
    if not 0 <= sample < len(run.test):
        raise ConfigurationError(f"sample must be a test sample in 0..{len(run.test) - 1}, found {sample}")
    page = render("hm2bp_brian.experiments", "report.html", heading=_heading, cell=cell, **_contents(run, sample))
    path = run.folder.path / "report.html" if path is None else Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page.encode())
    return path


def worst_mistakes(counts: np.ndarray, labels: np.ndarray, most: int = MOST_MISTAKES) -> np.ndarray:
    """Samples that are classified wrongly, those first whose class has fewest spikes compared with the winner."""
    wrong = np.flatnonzero(counts.argmax(axis=1) != labels)
    behind = counts[wrong].max(axis=1) - counts[wrong, labels[wrong]]
    return wrong[np.argsort(-behind, kind="stable")[:most]]


def strongest_chain(network, record: SpikeRecord) -> list[tuple[int, int, int]]:
    """What led to a spike: from the output layer down, triples (layer, neuron, number of the spike).

    It begins at the middle spike of the output neuron with most spikes, and goes on to the neuron that contributed
    most, at its last spike that had arrived. It ends where a neuron is silent, or a layer's neurons are not affine.
    """
    chain = []
    layer, neuron = len(record.layers) - 1, int(record.output.counts[0].argmax())
    spike = int(record.output.counts[0, neuron]) // 2
    while layer >= 0 and spike >= 0 and record.counts(layer)[0, neuron] and network.neurons[layer].is_affine:
        chain.append((layer, neuron, spike))
        step = record.layers[layer].train(0, neuron)[spike]
        strongest = int(spike_attribution(network, record, layer, neuron, spike).argmax())
        own = incoming(network, layer, neuron)
        sent_before = step - own.delays[own.pre == strongest].min(initial=0)
        layer, neuron = layer - 1, strongest
        if layer >= 0:
            spike = int(np.searchsorted(record.layers[layer].train(0, neuron), sent_before)) - 1
    return chain


def _contents(run: TrainedRun, sample: int) -> dict:
    """What the template names: texts, tables as lists of rows, and lists of pictures."""
    counts = run.evaluator.counts(run.test)
    record = run.record(min(STATISTICS_SAMPLES, len(run.test)))
    shown = run.evaluator.record(run.test, sample)
    label, worst = int(run.test.labels[sample]), worst_mistakes(counts, run.test.labels)
    mistakes = _mistakes(run, counts, worst)
    has_recipe = run.folder.recipe.exists()
    return {
        "title": f"{run.recipe.name}, seed {run.recipe.seed}",
        "facts": _facts(run, counts),
        "network": run.network,
        "epochs": [{name: row.get(name, float("nan")) for name in run.history.columns} for row in run.history],
        "learning_curve": _learning_curve(run.history),
        "sample": sample,
        "label": label,
        "winner": int(counts[sample].argmax()),
        "counts": {"neuron": "spikes"} | {str(k): int(n) for k, n in enumerate(counts[sample])},
        "activity": _inputs(run, [sample], [f"class {label}"]) + _raster(run, shown),
        "attributions": _attributions(run, shown),
        "neurons": _neurons(run.network),
        "weights": _weights(run),
        "confusion": _confusion(run, counts),
        "mistakes": mistakes,
        "mistaken": _inputs(run, worst, [f"{row['class']} taken for {row['taken for']}" for row in mistakes]),
        "n_samples": record.n_samples,
        "firing": firing_table(run.network, record),
        "rates": _rates(run, record),
        "recipe": run.folder.recipe.read_text(encoding="utf-8") if has_recipe else run.recipe.to_toml(),
    }


def _facts(run: TrainedRun, counts: np.ndarray) -> dict:
    correct, n = int((counts.argmax(axis=1) == run.test.labels).sum()), len(run.test)
    history = run.history
    return {
        "test accuracy": f"{100 * correct / n:.2f} % ({n - correct:,} of {n:,} samples wrong)",
        "data set": run.recipe.dataset,
        "epochs": run.epoch,
        "training time": f"{history.column('seconds').sum():,.0f} s" if len(history) else "not known",
        "parameters": f"{sum(array.size for array in run.network.parameters):,}",
        "seed": run.recipe.seed,
    }


def _learning_curve(history) -> list[Picture]:
    if not len(history):
        return []
    drawn = plotting.png(lambda ax: plotting.learning_curve(history, ax=ax), (6.4, 3.6), 110)
    return [Picture(drawn, "accuracy in training and test after each epoch")]


def _raster(run: TrainedRun, record: SpikeRecord) -> list[Picture]:
    height = 1.4 + 1.2 * (len(record.layers) + 1)
    drawn = plotting.png(lambda ax: plotting.raster(run.network, record, ax=ax), (8.0, height), 110)
    return [Picture(drawn, "raster of the spikes of input and all layers")]


def _attributions(run: TrainedRun, record: SpikeRecord) -> list[Picture]:
    pictures = []
    for where in strongest_chain(run.network, record):
        drawn = plotting.png(lambda ax, w=where: plotting.attribution(run.network, record, *w, ax=ax), (5.4, 4.2), 90)
        layer, neuron, _ = where
        pictures.append(Picture(drawn, f"what the inputs of neuron {neuron} in layer {layer} had put into a spike"))
    return pictures


def _neurons(network) -> list[dict]:
    """What each kind of neuron does with simple inputs; of neurons that differ, or can't be driven so, why not."""
    layers = {}
    for population, label in zip(network.neural, network.labels, strict=True):
        layers.setdefault((population.neuron, population.threshold), []).append(label)
    found = []
    for (neuron, v_th), labels in layers.items():
        text, pictures = f"{', '.join(labels)}: {neuron!r}", []
        threshold = Quantity(v_th, dim=neuron.threshold_dimension)
        try:
            drawn = plotting.png(
                lambda axes, n=neuron, v=threshold: plotting.neuron(n, v, axes=axes), (13.0, 2.8), 80, 1, 4
            )
            pictures.append(Picture(drawn, f"answers of the neurons of {', '.join(labels)} to a step and a ramp"))
        except ConfigurationError as error:
            text += f". Not drawn: {error}"
        found.append({"text": text, "pictures": pictures})
    return found


def _weights(run: TrainedRun) -> list[Picture]:
    network, pictures = run.network, []
    for layer, weights in enumerate(network.weights):
        if weights.ndim == 4:
            c_in, c_out = weights.shape[2:]
            size, dpi = ((9.0, 1.0 + 7.5 * c_in / c_out), 150) if c_in > 1 else ((6.8, 5.8), 110)
            drawn = plotting.png(lambda ax, k=layer: plotting.kernels(network, k, ax=ax), size, dpi)
            pictures.append(Picture(drawn, f"kernels of layer {layer}"))
        elif layer == 0:
            drawn = plotting.png(lambda ax: plotting.receptive_fields(network, ax=ax), (6.8, 5.8), 110)
            pictures.append(Picture(drawn, "receptive fields of layer 0"))
    return pictures


def _confusion(run: TrainedRun, counts: np.ndarray) -> list[Picture]:
    def draw(ax):
        plotting.confusion_matrix(run.test.labels, counts.argmax(axis=1), run.network.n_outputs, ax=ax)

    side = max(5.0, 0.22 * run.network.n_outputs)
    content = plotting.png(draw, (side + 0.8, side), 110)
    return [Picture(content, "confusion matrix: classes against predicted classes")]


def _mistakes(run: TrainedRun, counts: np.ndarray, samples: np.ndarray) -> list[dict]:
    return [
        {
            "sample": int(k),
            "class": int(run.test.labels[k]),
            "taken for": int(counts[k].argmax()),
            "spikes of the class": int(counts[k, run.test.labels[k]]),
            "spikes of the winner": int(counts[k].max()),
        }
        for k in samples
    ]


def _inputs(run: TrainedRun, samples, titles: list[str]) -> list[Picture]:
    """Input spike counts of samples as images, summed over channels; none if the samples are no maps."""
    if len(run.test.shape) != 3 or not len(samples):
        return []
    inputs = run.evaluator.record(run.test, samples).input.counts

    def draw(axes):
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, title, values in zip(axes.flat, titles, inputs, strict=False):
            ax.imshow(values.reshape(run.test.shape).sum(axis=-1), cmap="gray_r", interpolation="nearest")
            ax.set_title(title, fontsize=9)

    n_rows = -(-len(titles) // GALLERY_COLUMNS)
    drawn = plotting.png(draw, (8.0, 1.75 * n_rows), 110, n_rows, GALLERY_COLUMNS)
    return [Picture(drawn, f"input spikes of each pixel: {', '.join(titles)}")]


def _rates(run: TrainedRun, record: SpikeRecord) -> list[Picture]:
    def draw(axes):
        for layer, (left, right) in enumerate(axes):
            plotting.firing_rates(run.network, record, layer, ax=left)
            plotting.cv_histogram(run.network, record, layer, ax=right)

    n_layers = len(record.layers)
    return [Picture(plotting.png(draw, (9.0, 2.9 * n_layers), 100, n_layers, 2), "firing rates and regularity")]


def _heading(name: str) -> str:
    if name.startswith("rate_"):
        return f"spikes a neuron, layer {name.removeprefix('rate_')}"
    return HEADINGS.get(name, name.replace("_", " "))

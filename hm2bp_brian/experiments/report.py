"""``report.html``: everything about one run in one file that needs no network to be opened."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import numpy as np

from hm2bp_brian import plotting
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.experiments.trained import TrainedRun
from hm2bp_brian.files import write_atomically
from hm2bp_brian.firing_statistics import firing_table
from hm2bp_brian.learning.attribution import spike_attribution
from hm2bp_brian.spikes import SpikeRecord
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

STYLE = """
body { font-family: sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.45; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; font-size: 0.9rem; margin: 0.6rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.8rem; text-align: right; border-bottom: 1px solid #eee; }
th:first-child, td:first-child, .facts td { text-align: left; }
img { max-width: 100%; height: auto; }
pre { background: #f6f6f6; padding: 0.8rem; overflow-x: auto; font-size: 0.8rem; }
"""


def write_report(run: TrainedRun, sample: int = 0) -> Path:
    """Evaluate a trained network, draw it, and write ``report.html`` into the run's folder, made if need be.

    Parameters
    ----------
    run : TrainedRun
    sample : int
        The test sample of raster and attribution.

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
    counts = run.evaluator.counts(run.test)
    record = run.record(min(STATISTICS_SAMPLES, len(run.test)))
    shown = run.evaluator.record(run.test, sample)
    recipe = run.folder.recipe.read_text(encoding="utf-8") if run.folder.recipe.exists() else run.recipe.to_toml()
    sections = [
        ("Summary", _summary(run, counts)),
        ("History", _history(run)),
        (f"What test sample {sample} does", _sample(run, shown, sample, counts[sample])),
        (f"What made a spike of sample {sample}", _attribution(run, shown)),
        ("Weights", _weights(run)),
        ("Confusion matrix", _confusion(run, counts)),
        ("Worst mistakes", _mistakes(run, counts)),
        ("Firing statistics", _firing(run, record)),
        ("Recipe and versions", f"<pre>{escape(recipe)}</pre>"),
    ]
    title = escape(f"{run.recipe.name}, seed {run.recipe.seed}")
    body = "\n".join(f"<h2>{escape(heading)}</h2>\n{content}" for heading, content in sections)
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )
    path = run.folder.path / "report.html"
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
    most, at its last spike before. It ends where a neuron is silent.
    """
    chain = []
    layer, neuron = len(record.layers) - 1, int(record.output.counts[0].argmax())
    spike = int(record.output.counts[0, neuron]) // 2
    while layer >= 0 and record.counts(layer)[0, neuron]:
        chain.append((layer, neuron, spike))
        step = record.layers[layer].train(0, neuron)[spike]
        neuron = int(spike_attribution(network, record, layer, neuron, spike).argmax())
        layer -= 1
        if layer >= 0:
            spike = int(np.searchsorted(record.layers[layer].train(0, neuron), step)) - 1
            if spike < 0:
                break
    return chain


def _summary(run: TrainedRun, counts: np.ndarray) -> str:
    correct, n = int((counts.argmax(axis=1) == run.test.labels).sum()), len(run.test)
    history = run.history
    rows = {
        "test accuracy": f"{100 * correct / n:.2f} % ({n - correct:,} of {n:,} samples wrong)",
        "data set": run.recipe.dataset,
        "epochs": run.epoch,
        "training time": f"{history.column('seconds').sum():,.0f} s" if len(history) else "not known",
        "parameters": f"{sum(w.size for w in run.network.weights):,}",
        "seed": run.recipe.seed,
    }
    cells = "".join(f"<tr><td>{escape(k)}</td><td>{escape(str(v))}</td></tr>" for k, v in rows.items())
    return f'<table class="facts">{cells}</table>\n<pre>{escape(str(run.network))}</pre>'


def _history(run: TrainedRun) -> str:
    history = run.history
    if not len(history):
        return "<p>None is known: no epoch has been finished, or this is a weight file.</p>"
    drawn = plotting.png(lambda ax: plotting.learning_curve(history, ax=ax), (6.4, 3.6), 110)
    picture = _image(drawn, "accuracy in training and test after each epoch")
    rows = [{name: row.get(name, float("nan")) for name in history.columns} for row in history]
    return f"{picture}\n<details><summary>all epochs</summary>{_table(rows)}</details>"


def _sample(run: TrainedRun, record: SpikeRecord, sample: int, counts: np.ndarray) -> str:
    label, winner = int(run.test.labels[sample]), int(counts.argmax())
    text = f"<p>Class {label}, taken for {winner}. Spikes of the output neurons:</p>"
    table = _table([{"neuron": "spikes"} | {str(k): int(n) for k, n in enumerate(counts)}])
    picture = _input_pictures(run, [sample], [f"class {label}"]) if len(run.test.shape) == 3 else ""
    height = 1.4 + 1.2 * (len(record.layers) + 1)
    drawn = plotting.png(lambda ax: plotting.raster(run.network, record, ax=ax), (8.0, height), 110)
    return text + table + picture + _image(drawn, "raster of the spikes of input and all layers")


def _attribution(run: TrainedRun, record: SpikeRecord) -> str:
    chain = strongest_chain(run.network, record)
    if not chain:
        return "<p>No output neuron fires.</p>"
    text = (
        "<p>What each presynaptic neuron had put into the membrane potential by the time of one spike: first of the "
        "output neuron that fires most, then of the neuron that contributed most to it, and so on.</p>"
    )
    pictures = [
        plotting.png(lambda ax, where=where: plotting.attribution(run.network, record, *where, ax=ax), (5.4, 4.2), 90)
        for where in chain
    ]
    names = [f"what the inputs of neuron {neuron} in layer {layer} had put into a spike" for layer, neuron, _ in chain]
    return text + "\n".join(map(_image, pictures, names))


def _weights(run: TrainedRun) -> str:
    network, pictures = run.network, []
    for layer, weights in enumerate(network.weights):
        if weights.ndim == 4:
            c_in, c_out = weights.shape[2:]
            size, dpi = ((9.0, 1.0 + 7.5 * c_in / c_out), 150) if c_in > 1 else ((6.8, 5.8), 110)
            picture = plotting.png(lambda ax, k=layer: plotting.kernels(network, k, ax=ax), size, dpi)
            pictures.append(_image(picture, f"kernels of layer {layer}"))
        elif layer == 0:
            picture = plotting.png(lambda ax: plotting.receptive_fields(network, ax=ax), (6.8, 5.8), 110)
            pictures.append(_image(picture, "receptive fields of layer 0"))
    return "\n".join(pictures)


def _confusion(run: TrainedRun, counts: np.ndarray) -> str:
    def draw(ax):
        plotting.confusion_matrix(run.test.labels, counts.argmax(axis=1), run.network.n_outputs, ax=ax)

    side = max(5.0, 0.22 * run.network.n_outputs)
    return _image(plotting.png(draw, (side + 0.8, side), 110), "confusion matrix: classes against predicted classes")


def _mistakes(run: TrainedRun, counts: np.ndarray) -> str:
    worst = worst_mistakes(counts, run.test.labels)
    if not len(worst):
        return "<p>None: every test sample is classified correctly.</p>"
    rows = [
        {
            "sample": int(k),
            "class": int(run.test.labels[k]),
            "taken for": int(counts[k].argmax()),
            "spikes of the class": int(counts[k, run.test.labels[k]]),
            "spikes of the winner": int(counts[k].max()),
        }
        for k in worst
    ]
    picture = ""
    if len(run.test.shape) == 3:
        picture = _input_pictures(run, worst, [f"{row['class']} taken for {row['taken for']}" for row in rows])
    return picture + _table(rows)


def _input_pictures(run: TrainedRun, samples, titles: list[str]) -> str:
    """Input spike counts of samples as images, summed over channels."""
    inputs = run.evaluator.record(run.test, samples).input.counts

    def draw(axes):
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, title, values in zip(axes.flat, titles, inputs, strict=False):
            ax.imshow(values.reshape(run.test.shape).sum(axis=-1), cmap="gray_r", interpolation="nearest")
            ax.set_title(title, fontsize=9)

    n_rows = -(-len(titles) // GALLERY_COLUMNS)
    drawn = plotting.png(draw, (8.0, 1.75 * n_rows), 110, n_rows, GALLERY_COLUMNS)
    return _image(drawn, f"input spikes of each pixel: {', '.join(titles)}")


def _firing(run: TrainedRun, record: SpikeRecord) -> str:
    def draw(axes):
        for layer, (left, right) in enumerate(axes):
            plotting.firing_rates(run.network, record, layer, ax=left)
            plotting.cv_histogram(run.network, record, layer, ax=right)

    n_layers = len(record.layers)
    picture = plotting.png(draw, (9.0, 2.9 * n_layers), 100, n_layers, 2)
    text = f"<p>Of the first {record.n_samples} test samples.</p>"
    return text + _table(firing_table(run.network, record)) + _image(picture, "firing rates and regularity")


def _table(rows: list[dict]) -> str:
    header = "".join(f"<th>{escape(_heading(name))}</th>" for name in rows[0])
    lines = ["".join(f"<td>{escape(cell(value))}</td>" for value in row.values()) for row in rows]
    return f"<table><tr>{header}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _heading(name: str) -> str:
    if name.startswith("rate_"):
        return f"spikes a neuron, layer {name.removeprefix('rate_')}"
    return HEADINGS.get(name, name.replace("_", " "))


def _image(content: bytes, description: str) -> str:
    data = base64.b64encode(content).decode()
    return f'<img alt="{escape(description)}" src="data:image/png;base64,{data}">'

"""What a linear classifier reaches on the same input spikes: logistic regression on spike counts.

Run it with ``python analysis/linear_baseline.py RECIPE``, a recipe whose data are spikes; ``--bins B`` counts
in B equal parts of the presentation, ``--leave-out SPEAKER ...`` tests on these speakers. It needs scikit-learn (the
extra ``sklearn``).
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import numpy as np

from hm2bp_brian.datasets.labelled import SpikeDataset
from hm2bp_brian.errors import ConfigurationError, Hm2bpError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.tables import to_markdown


def main(recipe: str, bins: int = 1, leave_out=(), data=None) -> dict:
    """Fit it on the training samples; print and return its accuracy on the test samples.

    The counts' square roots, which have a variance that does not grow with the rate, are standardised; the
    regularisation is scikit-learn's default.

    Parameters
    ----------
    recipe : str
        For its data set, its numbers of samples and the length of its presentation.
    bins : int
        Parts of the presentation in which spikes are counted, at least 1 and no more than it has steps.
    leave_out : sequence of str
        Speakers to test on, see `hm2bp_brian.experiments.recipe.Recipe`.
    data : path, optional
        Folder of the data files.

    Returns
    -------
    dict
        ``recipe``, ``leave_out``, ``bins``, ``train_samples``, ``test_samples`` and ``test_accuracy`` (a fraction).

    Raises
    ------
    ConfigurationError
        If the recipe's data are no spikes, or ``bins`` is out of range.
    UnknownNameError, DatasetNotFoundError, DatasetError
        If there is no such recipe, or its data can't be read.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chosen = dataclasses.replace(recipes.get(recipe), leave_out=tuple(leave_out))
    train, _, test = chosen.load_data(data)
    if not isinstance(train, SpikeDataset):
        raise ConfigurationError(f"recipe {recipe} trains on images; expected one whose data are spikes")
    n_steps = round(chosen.duration_ms / chosen.dt_ms)
    if not 1 <= bins <= n_steps:
        raise ConfigurationError(f"bins must be in 1..{n_steps}, the steps of the presentation; found {bins}")
    print(f"fitting {recipe} on {len(train)} samples ...", file=sys.stderr)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(counts(train, n_steps, bins), train.labels)
    row = {
        "recipe": recipe,
        "leave_out": " ".join(leave_out),
        "bins": bins,
        "train_samples": len(train),
        "test_samples": len(test),
        "test_accuracy": classifier.score(counts(test, n_steps, bins), test.labels),
    }
    print(to_markdown([row]))
    return row


def counts(dataset: SpikeDataset, n_steps: int, bins: int) -> np.ndarray:
    """Square roots of each neuron's spike counts in equal parts of ``n_steps`` steps: (n_samples, n_neurons * bins)."""
    n_neurons = int(np.prod(dataset.shape))
    inside = dataset.steps < n_steps
    samples = np.repeat(np.arange(len(dataset)), np.diff(dataset.offsets))[inside]
    features = dataset.neurons[inside] * bins + dataset.steps[inside] * bins // n_steps
    size = n_neurons * bins
    totals = np.bincount(samples * size + features, minlength=len(dataset) * size)
    return np.sqrt(totals.reshape(len(dataset), size))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Logistic regression on the input spike counts of a recipe's data.")
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe whose data are spikes, such as fsdd-mlp")
    parser.add_argument("--bins", type=int, default=1, metavar="B", help="count in B parts of the presentation")
    parser.add_argument("--leave-out", nargs="+", default=(), metavar="SPEAKER", help="test on these speakers")
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    arguments = parser.parse_args()
    try:
        main(arguments.recipe, arguments.bins, arguments.leave_out, arguments.data)
    except Hm2bpError as error:
        sys.exit(f"error: {error}")

"""What classifiers without neurons reach on the same images: the nearest neighbour, and logistic regression.

Run it with ``python analysis/image_baselines.py RECIPE``, a recipe whose data are images. Both look at the pixels,
0 to 1. It needs scikit-learn (the extra ``sklearn``); some minutes for 15,000 images.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from hm2bp_brian.datasets.labelled import ImageDataset
from hm2bp_brian.errors import ConfigurationError, Hm2bpError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.tables import to_markdown


def main(recipe: str, data=None) -> list[dict]:
    """Fit them on the training images; print and return their accuracies on the test images.

    Nothing is tuned: the nearest neighbour is that of the smallest Euclidean distance, the regularisation of the
    logistic regression scikit-learn's default.

    Parameters
    ----------
    recipe : str
        For its data set and numbers of samples.
    data : path, optional
        Folder of the data files.

    Returns
    -------
    list of dict
        ``recipe``, ``classifier``, ``train_samples``, ``test_samples`` and ``test_accuracy`` (a fraction).

    Raises
    ------
    ConfigurationError
        If the recipe's data are no images.
    UnknownNameError, DatasetNotFoundError, DatasetError
        If there is no such recipe, or its data can't be read.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    train, _, test = recipes.get(recipe).load_data(data)
    if not isinstance(train, ImageDataset):
        raise ConfigurationError(f"recipe {recipe} trains on spikes; expected one whose data are images")
    classifiers = {
        "1 nearest neighbour": KNeighborsClassifier(1, algorithm="brute"),
        "logistic regression": LogisticRegression(max_iter=1000),
    }
    rows = []
    for name, classifier in classifiers.items():
        print(f"{name} on {len(train)} images of {recipe} ...", file=sys.stderr)
        classifier.fit(pixels(train), train.labels)
        rows.append(
            {
                "recipe": recipe,
                "classifier": name,
                "train_samples": len(train),
                "test_samples": len(test),
                "test_accuracy": classifier.score(pixels(test), test.labels),
            }
        )
    print(to_markdown(rows))
    return rows


def pixels(dataset: ImageDataset) -> np.ndarray:
    """The images as rows of numbers from 0 to 1: (n_samples, n_pixels)."""
    return dataset.images.reshape(len(dataset), -1) / 255


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Nearest neighbour and logistic regression on a recipe's images.")
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe whose data are images, such as emnist-23-mlp")
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    arguments = parser.parse_args()
    try:
        main(arguments.recipe, arguments.data)
    except Hm2bpError as error:
        sys.exit(f"error: {error}")

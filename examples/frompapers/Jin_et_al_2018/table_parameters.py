"""Table of the parameters
=======================

What the authors' program was set to, and what this package's recipes are, as a Markdown table.

Jin, Y., Zhang, W. & Li, P. (2018). Hybrid macro/micro level backpropagation for training deep spiking neural
networks. Advances in Neural Information Processing Systems 31. arXiv:1805.07866. Its table of parameters.

The authors' column has facts from the published configuration of their program for 784-800-10 on MNIST; the others are
read from the recipes, so they are what ``hm2bp train`` does.
"""

import argparse

from hm2bp_brian.experiments import recipes
from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.tables import to_markdown

RECIPES = ("mnist-mlp-paper", "mnist-cnn-paper", "nmnist-mlp", "emnist-mlp", "ti46-800")
AUTHORS = {
    "time step (ms)": "1",
    "presentation (steps)": "400",
    "tau_m (steps)": "64",
    "tau_s (steps)": "8",
    "refractory time, that of the spike included (steps)": "3",
    "integration": "euler",
    "thresholds": "20, 8",
    "lateral inhibition": "1",
    "initial weights": "±1",
    "wanted counts, of the class and others": "35, 5",
    "margin": "5",
    "learning rate, first": "0.001",
    "batch size": "1",
    "epochs": "200",
}


def main() -> list[dict]:
    """Print the table, and return its rows: one a parameter."""
    columns = {name: of_recipe(recipes.get(name)) for name in RECIPES}
    rows = [
        {"parameter": parameter, "authors, MNIST": value} | {name: columns[name][parameter] for name in RECIPES}
        for parameter, value in AUTHORS.items()
    ]
    print(to_markdown(rows))
    return rows


def of_recipe(recipe: Recipe) -> dict[str, str]:
    """The values of a recipe, by the names in ``AUTHORS``."""
    neuron, loss, output = recipe.neuron, recipe.loss, recipe.layers[-1]
    limits = dict.fromkeys(layer.initializer.limit for layer in recipe.layers if hasattr(layer, "initializer"))
    values = (
        f"{recipe.dt_ms:g}",
        f"{recipe.duration_ms / recipe.dt_ms:.0f}",
        f"{neuron.tau_m_ms / recipe.dt_ms:g}",
        f"{neuron.tau_s_ms / recipe.dt_ms:g}",
        f"{neuron.refractory_ms / recipe.dt_ms:g}",
        neuron.method,
        ", ".join(f"{layer.threshold:g}" for layer in recipe.layers),
        f"{output.lateral_inhibition:g}",
        ", ".join(f"±{limit:g}" for limit in limits),
        f"{loss.desired}, {loss.undesired}",
        f"{loss.margin:g}",
        f"{recipe.optimizer.learning_rate:g}",
        f"{recipe.batch_size}",
        f"{recipe.epochs}",
    )
    return dict(zip(AUTHORS, values, strict=True))


if __name__ == "__main__":
    argparse.ArgumentParser(description="Print the authors' parameters beside those of the recipes.").parse_args()
    main()

"""Arguments of the command line that choose a recipe and change its fields."""

from __future__ import annotations

import argparse
import dataclasses

from hm2bp_brian.experiments import recipes
from hm2bp_brian.experiments.recipe import Recipe


def add_recipe_arguments(parser) -> None:
    """Add the recipe's name and options that replace its fields; options that are not given leave no attribute."""
    parser.add_argument("recipe", metavar="RECIPE", help="one of those that 'hm2bp recipes' lists")
    options = parser.add_argument_group("fields of the recipe", argument_default=argparse.SUPPRESS)
    options.add_argument("--epochs", type=int, metavar="N", help="number of epochs in all")
    options.add_argument("--train-samples", type=int, metavar="N", help="train on the first N samples only")
    options.add_argument("--test-samples", type=int, metavar="N", help="test on the first N samples only")
    options.add_argument("--batch-size", type=int, metavar="B")
    options.add_argument("--learning-rate", type=float, metavar="X")
    options.add_argument(
        "--hold-out", type=int, metavar="N", help="don't train on the last N samples, add their accuracy to the history"
    )
    options.add_argument(
        "--leave-out", nargs="+", metavar="SPEAKER", help="test on these speakers and train on all others (speech)"
    )


def chosen_recipe(args) -> Recipe:
    """The recipe that was named, with those of its fields replaced that were given."""
    recipe, arguments = recipes.get(args.recipe), vars(args)
    names = ("epochs", "train_samples", "test_samples", "batch_size", "seed", "hold_out")
    overrides = {name: arguments[name] for name in names if name in arguments}
    if "leave_out" in arguments:
        overrides["leave_out"] = tuple(arguments["leave_out"])
    if "learning_rate" in arguments:
        overrides["optimizer"] = dataclasses.replace(recipe.optimizer, learning_rate=arguments["learning_rate"])
    return dataclasses.replace(recipe, **overrides)

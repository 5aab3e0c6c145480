"""``hm2bp sweep``: many runs of one recipe."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.experiments.recipe_arguments import add_recipe_arguments, chosen_recipe
from hm2bp_brian.experiments.recipe_settings import parse_setting
from hm2bp_brian.experiments.sweep import sweep

SEEDS = re.compile(r"(\d+)(?:-(\d+))?")


def add_sweep(subcommands) -> None:
    """``hm2bp sweep RECIPE``: train every combination of settings and seeds."""
    parser = subcommands.add_parser("sweep", help="train a recipe with several seeds and settings", allow_abbrev=False)
    add_recipe_arguments(parser)
    parser.add_argument("--seeds", default=None, metavar="S", help="such as 1-5 or 1,2,7; default the recipe's own")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=V,V",
        help="values of a field of the recipe, such as optimizer.learning_rate=0.01,0.02; may be given several times",
    )
    parser.add_argument("--leave-one-out", choices=["speakers"], help="leave out each speaker in turn (speech)")
    parser.add_argument("--out", default=None, metavar="DIR", help="folder to make, default sweeps/RECIPE")
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    parser.add_argument("--engine", default="fused", metavar="E", help="fused (default) or brian2")
    parser.add_argument("--threads", type=int, default=None, metavar="N", help="of each run; default: cores / workers")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, default=None, metavar="N", help="runs at a time; default: all cores")
    where.add_argument("--scheduler", default=None, metavar="ADDRESS", help="of Dask, such as tcp://127.0.0.1:8786")
    parser.set_defaults(run=run_sweep)


def run_sweep(args) -> None:
    """Train all runs, and print the table of means."""
    recipe = chosen_recipe(args)
    out = Path(args.out or f"sweeps/{recipe.name}")
    sweep(
        recipe,
        out,
        seeds=None if args.seeds is None else parse_seeds(args.seeds),
        settings=_settings(args.set),
        leave_one_out=args.leave_one_out,
        data=args.data,
        engine=args.engine,
        threads=args.threads,
        workers=args.workers,
        scheduler=args.scheduler,
        progress=sys.stderr.isatty(),
    )
    print(f"{(out / 'table.md').read_text()}\n{out / 'table.csv'} has the runs")


def parse_seeds(text: str) -> list[int]:
    """Seeds that are written as numbers and ranges; ConfigurationError if they are not.

    Examples
    --------
    >>> parse_seeds("1-3,7")
    [1, 2, 3, 7]
    """
    seeds = []
    for part in text.split(","):
        written = SEEDS.fullmatch(part.strip())
        if written is None or int(written[2] or written[1]) < int(written[1]):
            raise ConfigurationError(f"seeds are written as in 1-5 or 1,2,7; found '{text}'")
        seeds += range(int(written[1]), int(written[2] or written[1]) + 1)
    return seeds


def _settings(texts: list[str]) -> dict[str, list]:
    settings = {}
    for name, values in map(parse_setting, texts):
        if name in settings:
            raise ConfigurationError(f"--set {name} is given twice; give all its values at once, with commas")
        settings[name] = values
    return settings

"""The command ``hm2bp``: one pair of functions a subcommand, its arguments and what it does."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import shlex
import sys
import traceback
from contextlib import nullcontext
from importlib.metadata import version

from hm2bp_brian.brian.export import export_brian
from hm2bp_brian.devices import DEVICES as BRIAN_DEVICES
from hm2bp_brian.devices import named_device, using_device
from hm2bp_brian.engines import registry
from hm2bp_brian.errors import ConfigurationError, Hm2bpError, UnknownNameError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.experiments.benchmark import benchmark
from hm2bp_brian.experiments.data_command import add_data
from hm2bp_brian.experiments.recipe_arguments import add_recipe_arguments, chosen_recipe
from hm2bp_brian.experiments.recipe_settings import with_setting
from hm2bp_brian.experiments.report import write_report
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.experiments.sweep_command import add_sweep, run_sweep
from hm2bp_brian.experiments.trained import load_trained
from hm2bp_brian.experiments.training_run import train_run


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand and return its exit code.

    It is 0; 2 after an error; 130 after Ctrl+C; 141 where nobody reads on; 1 without memory, or by a bug.
    """
    parser = argparse.ArgumentParser(prog="hm2bp", description="Train deep spiking neural networks with HM2-BP.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('hm2bp_brian')}")
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_recipes, add_train, add_sweep, add_evaluate, add_inspect, add_bench, add_export_brian, add_data):
        add(subcommands)
    args = parser.parse_args(argv)
    try:
        with _chosen_device(args):
            args.run(args)
            sys.stdout.flush()
    except BrokenPipeError:  # as of `hm2bp data | head`: what is still to be written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # of Unix tools that SIGPIPE ends
    except (Hm2bpError, OSError) as error:
        print(f"hm2bp: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        advice = ADVICE.get(args.run, "")
        print(f"hm2bp: interrupted{advice}", file=sys.stderr)
        return 130
    except MemoryError as error:
        print(f"hm2bp: error: not enough memory; take a smaller batch or network. {error}", file=sys.stderr)
        return 1
    except Exception as error:  # no mistake of a user's may end here
        _print_internal_error(error, sys.argv[1:] if argv is None else argv)
        return 1
    return 0


def _print_internal_error(error: Exception, arguments: list[str]) -> None:
    traceback.print_exception(error)
    print(
        f"hm2bp: internal error: {type(error).__name__}: {error}\n"
        "This is a fault of hm2bp_brian, not yours. Please report it with the traceback above and these lines:\n"
        f"hm2bp_brian {version('hm2bp_brian')}, brian2 {version('brian2')}, numpy {version('numpy')}, "
        f"Python {platform.python_version()}, {platform.platform()}\n{shlex.join(['hm2bp', *arguments])}",
        file=sys.stderr,
    )


def add_recipes(subcommands) -> None:
    """``hm2bp recipes``: list the recipes."""
    parser = subcommands.add_parser("recipes", help="list the recipes")
    parser.set_defaults(run=run_recipes)


def run_recipes(args) -> None:
    """Print the names of all recipes."""
    print("\n".join(recipes.names()))


def add_train(subcommands) -> None:
    """``hm2bp train RECIPE``: train a network into a folder."""
    parser = subcommands.add_parser("train", help="train a network by a recipe")
    add_recipe_arguments(parser)
    _add_data_and_engine(parser)
    parser.add_argument("--seed", type=int, default=argparse.SUPPRESS, metavar="S")
    parser.add_argument("--out", default=None, metavar="DIR", help="folder to make, default runs/RECIPE-seedS")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    parser.set_defaults(run=run_train)


def run_train(args) -> None:
    """Train, write the run folder, print the last accuracies."""
    recipe = chosen_recipe(args)
    folder = RunFolder(args.out or f"runs/{recipe.name}-seed{recipe.seed}")
    history = train_run(
        recipe,
        folder,
        data=args.data,
        engine=args.engine,
        device=args.device,
        threads=args.threads,
        resume=args.resume,
        progress=sys.stderr.isatty(),
    )
    last = history[-1]
    print(f"{folder.path}: test accuracy {last['test_accuracy']:.4f} after epoch {last['epoch']}")


def add_evaluate(subcommands) -> None:
    """``hm2bp evaluate PATH``: the accuracy of a trained network."""
    parser = subcommands.add_parser("evaluate", help="evaluate a trained network, as JSON")
    parser.add_argument("path", metavar="PATH", help="folder that 'hm2bp train' made, or a weight file")
    _add_data_and_engine(parser)
    parser.add_argument("--test-samples", type=int, metavar="N", help="the first N samples only")
    parser.set_defaults(run=run_evaluate)


def run_evaluate(args) -> None:
    """Print the accuracy on the test samples as JSON."""
    run = load_trained(args.path, args.data, args.test_samples, args.engine, args.threads, _own_device(args))
    result = {
        "accuracy": run.evaluator.accuracy(run.test),
        "samples": len(run.test),
        "dataset": run.recipe.dataset,
        "recipe": run.recipe.name,
        "seed": run.recipe.seed,
        "epochs": run.epoch,
    }
    print(json.dumps(result))


def add_inspect(subcommands) -> None:
    """``hm2bp inspect PATH``: a report of a trained network."""
    parser = subcommands.add_parser("inspect", help="write a report of a trained network, as one HTML file")
    parser.add_argument("path", metavar="PATH", help="folder that 'hm2bp train' made, or a weight file")
    _add_data_and_engine(parser)
    parser.add_argument("--test-samples", type=int, metavar="N", help="the first N samples only")
    parser.add_argument("--sample", type=int, default=0, metavar="K", help="test sample of raster and attribution")
    parser.add_argument(
        "--out", metavar="FILE", help="default: report.html in the run's folder, or beside the weight file"
    )
    parser.set_defaults(run=run_inspect)


def run_inspect(args) -> None:
    """Write the page, and print its path."""
    run = load_trained(args.path, args.data, args.test_samples, args.engine, args.threads, _own_device(args))
    print(write_report(run, args.sample, args.out))


def add_bench(subcommands) -> None:
    """``hm2bp bench``: training speed and memory on this machine."""
    parser = subcommands.add_parser("bench", help="measure training speed and memory on this machine")
    parser.add_argument("--recipe", default="mnist-mlp", metavar="R")
    parser.add_argument("--batch-size", type=int, default=100, metavar="B")
    parser.add_argument("--threads", type=int, default=None, metavar="N", help="default: all cores")
    parser.add_argument("--device", choices=registry.DEVICES, default=None)
    parser.add_argument("--duration", type=float, default=None, metavar="MS", help="length of a presentation")
    parser.add_argument("--width", type=int, default=None, metavar="N", help="neurons in the first layer")
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_bench)


def run_bench(args) -> None:
    """Print the medians of several repeats."""
    recipe = dataclasses.replace(recipes.get(args.recipe), batch_size=args.batch_size)
    if args.duration is not None:
        recipe = dataclasses.replace(recipe, duration_ms=args.duration)
    if args.width is not None:
        recipe = with_setting(recipe, "layers.0.units", args.width)
    result = benchmark(recipe, args.threads, args.data, args.device)
    print(json.dumps(result) if args.json else "\n".join(f"{key:>26}  {value}" for key, value in result.items()))


def add_export_brian(subcommands) -> None:
    """``hm2bp export-brian PATH``: a trained network as a plain Brian2 script."""
    parser = subcommands.add_parser("export-brian", help="write a trained network as a plain Brian2 script")
    parser.add_argument("path", metavar="PATH", help="folder that 'hm2bp train' made, or a weight file")
    parser.add_argument("--out", default="brian-network", metavar="DIR", help="folder to make, default brian-network")
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    parser.add_argument(
        "--test-samples", type=int, default=3, metavar="N", help="with the input spikes of the first N, default 3"
    )
    parser.set_defaults(run=run_export_brian)


def run_export_brian(args) -> None:
    """Write the script, and print what the network answers here, to compare."""
    run = load_trained(args.path, args.data, args.test_samples)
    script = export_brian(run.network, args.out, run.evaluator.encode(run.test), run.recipe.dtype)
    classes, labels = run.evaluator.predict(run.test).tolist(), run.test.labels.tolist()
    print(f"{script}: classes of its samples {classes}, labels {labels}")


# after Ctrl+C
ADVICE = {
    run_train: "; finished epochs are kept, go on with --resume",
    run_sweep: "; finished epochs are kept, the same command goes on",
}


def _chosen_device(args):
    """A context with the Brian2 device that ``--device`` names."""
    name, engine = getattr(args, "device", None), getattr(args, "engine", "fused")
    if name is None or (engine != "brian2" and name in registry.DEVICES):
        return nullcontext()
    if engine != "brian2" and name not in BRIAN_DEVICES:
        raise UnknownNameError("device", name, registry.DEVICES)
    if engine != "brian2":
        raise ConfigurationError(f"--device {name} goes with --engine brian2, found engine '{engine}'")
    return using_device(named_device(name))


def _own_device(args) -> str | None:
    """What an engine is told of its device; engine "brian2" finds its own in Brian2."""
    return None if args.engine == "brian2" else args.device


def _add_data_and_engine(parser) -> None:
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    parser.add_argument("--engine", default="fused", metavar="E", help="fused (default) or brian2")
    parser.add_argument(
        "--device",
        default=None,
        metavar="D",
        help="of fused: cpu (default), cuda; of brian2: runtime (default), cpp_standalone, ...",
    )
    parser.add_argument("--threads", type=int, default=None, metavar="N", help="default: all cores")


if __name__ == "__main__":
    sys.exit(main())

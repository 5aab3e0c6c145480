"""What can only be seen on a machine with a GPU of the fused engine there (``device="cuda"``), in one call.

Needs the extra "gpu" and a C++ compiler, with which the processor computes what to compare with. Run it with
``python analysis/cuda_check.py OUT_DIR``; each table is written there as soon as it is known.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

import hm2bp_brian as hb
from hm2bp_brian.engines.cuda.card import Card, find_card
from hm2bp_brian.engines.cuda.engine import CudaEngine
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import Hm2bpError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.files import write_atomically
from hm2bp_brian.tables import to_csv

RECIPES = ("mnist-mlp", "mnist-cnn")
BATCH_SIZES = (1, 50, 100, 200, 500, 1000)
EPOCHS = 3
COMPARED = 20  # samples


class TimedKernel:
    """A kernel with a clock around it, as `launch` takes kernels."""

    def __init__(self, name: str, kernel, card: TimedCard):
        self._name, self._kernel, self._card = name, kernel, card

    def __call__(self, grid, block, args, shared_mem):
        event = self._card.cupy.cuda.Event
        begin, end = event(), event()
        begin.record()
        self._kernel(grid, block, args, shared_mem=shared_mem)
        end.record()
        self._card.add(self._name, begin, end)

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        """Of the kernel."""
        return self._kernel.max_dynamic_shared_size_bytes

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, value: int) -> None:
        self._kernel.max_dynamic_shared_size_bytes = value


class TimedCard(Card):
    """A card that knows how long each of its kernels took."""

    def __init__(self, cupy):
        super().__init__(cupy)
        self._events = []

    def compile(self, source: str, what: str):
        """As ``Card.compile``, with a clock around each kernel."""
        kernels = super().compile(source, what)
        return lambda name: TimedKernel(name, kernels(name), self)

    def add(self, name: str, begin, end) -> None:
        """Keep the events around a launch."""
        self._events.append((name, begin, end))

    def milliseconds(self) -> dict[str, list[float]]:
        """Of each launch since the last call, by the kernels' names."""
        self.wait()
        found = defaultdict(list)
        for name, begin, end in self._events:
            found[name].append(self.cupy.cuda.get_elapsed_time(begin, end))
        self._events.clear()
        return found


def main(out_dir, names=RECIPES, batch_sizes=BATCH_SIZES, epochs: int = EPOCHS, card=None, data=None) -> dict:
    """Compare, time and train.

    Parameters
    ----------
    out_dir : path
        Folder, made if need be.
    names : sequence of str
        Of recipes.
    batch_sizes : sequence of int
    epochs : int
        Of the training by each recipe, whose schedule is made as long.
    card : Card, optional
        By default the GPU that is there.
    data : path, optional
        Folder of the data files.

    Returns
    -------
    dict of str to list of dict
        The tables. ``agreement``: spikes that differ from the processor's, and the gradients' relative error, of the
        same spikes. ``kernels``: microseconds a sample of each kernel. ``speed``: training samples a second, with and
        without the recipe's augmentation, and the GPU's memory. ``training``: accuracy on the test samples, and
        seconds of the training epochs, compiling and evaluation apart.

    Raises
    ------
    MissingPackageError, ConfigurationError, CompilationError, EngineError
        If something is missing, or can't be compiled or run.
    """
    card = find_card() if card is None else card
    out_dir, tables = Path(out_dir), defaultdict(list)
    out_dir.mkdir(parents=True, exist_ok=True)

    def keep(table: str, rows) -> None:
        for row in rows:
            tables[table].append(row)
            print(table, row, flush=True)
            write_atomically(out_dir / f"{table}.csv", to_csv(tables[table]))

    for name in names:
        recipe = recipes.get(name)
        train, _, test = recipe.load_data(data)
        keep("agreement", agreement(recipe, train, card))
        keep("kernels", kernels(recipe, train, card.cupy, batch_sizes))
        keep("speed", speed(recipe, train, card, batch_sizes))
        keep("training", [training(dataclasses.replace(recipe, epochs=epochs), train, test, card)])
    return dict(tables)


def agreement(recipe, train, card):
    """Spikes and gradients of some samples against the processor's."""
    network = recipe.make_network(train.shape)
    indices = np.arange(min(COMPARED, len(train)))
    spikes = recipe.encoder.encode(train.images[indices], network.n_steps, seed=1)
    for dtype in ("float64", "float32"):
        here = make_engine(network, dtype=dtype)
        there = CudaEngine(network, dtype, 1, card)
        tape, expected = there.forward(network.parameters, spikes), here.forward(network.parameters, spikes)
        errors = recipe.loss.errors(tape.counts, train.labels[indices])
        found, reference = (engine.backward(tape, errors, recipe.rules).arrays for engine in (there, here))
        for layer, label in enumerate(network.labels):
            pair = tape.record.dense(layer), expected.record.dense(layer)
            norm = np.linalg.norm(reference[layer])
            error = np.linalg.norm(found[layer] - reference[layer]) / norm if norm else 0.0
            yield {
                "recipe": recipe.name,
                "dtype": dtype,
                "layer": label,
                "spikes": int(pair[1].sum()),
                "different_spikes": int((pair[0] != pair[1]).sum()),
                "gradient_error": f"{error:.2g}",
            }


def kernels(recipe, train, cupy, batch_sizes):
    """Microseconds a sample of each kernel in an update of weights as they begin."""
    for size in [size for size in batch_sizes if size <= len(train)]:
        card = TimedCard(cupy)
        network = recipe.make_network(train.shape)
        engine = CudaEngine(network, recipe.dtype, 1, card)
        trainer = hb.Trainer(network, recipe.loss, recipe.optimizer, engine, encoder=recipe.encoder, rules=recipe.rules)
        batch = train.subset(size)
        trainer.fit(batch, epochs=1, batch_size=size, progress=False)
        card.milliseconds()
        trainer.fit(batch, epochs=1, batch_size=size, progress=False)
        for kernel, times in sorted(card.milliseconds().items()):
            row = {"recipe": recipe.name, "batch_size": size, "kernel": kernel, "launches": len(times)}
            yield row | {"us_a_sample": round(1e3 * sum(times) / size, 4)}


def speed(recipe, train, card, batch_sizes):
    """Training samples a second in the second epoch."""
    for size in [size for size in batch_sizes if size <= len(train)]:
        part = train.subset(min(len(train), max(20 * size, 200)))
        row = {"recipe": recipe.name, "batch_size": size, "samples": len(part)}
        for column, augmentation in (("samples_per_second", None), ("augmented_per_second", recipe.augmentation)):
            trainer = _trainer(dataclasses.replace(recipe, augmentation=augmentation), part, card)
            _fit(trainer, part, size)
            row[column] = round(len(part) / _fit(trainer, part, size), 1)
        pool = card.cupy.get_default_memory_pool()
        yield row | {"gpu_mib": round(pool.total_bytes() / 2**20)}


def training(recipe, train, test, card) -> dict:
    """Train by the recipe."""
    trainer = _trainer(recipe, train, card)
    seconds = _fit(trainer, train, recipe.batch_size, recipe.epochs)
    started = time.perf_counter()
    accuracy = trainer.evaluate(test, 1000)
    return {
        "recipe": recipe.name,
        "epochs": recipe.epochs,
        "seconds": round(seconds, 2),
        "evaluation_seconds": round(time.perf_counter() - started, 2),
        "test_accuracy": round(accuracy, 4),
    }


def _trainer(recipe, train, card) -> hb.Trainer:
    network = recipe.make_network(train.shape)
    return recipe.make_trainer(network, CudaEngine(network, recipe.dtype, 2, card))


def _fit(trainer, train, batch_size: int, epochs: int = 1) -> float:
    started = time.perf_counter()
    trainer.fit(train, epochs=epochs, batch_size=batch_size, progress=False)
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Check, time and train the fused engine on a GPU.")
    parser.add_argument("out_dir", metavar="OUT_DIR")
    parser.add_argument("--epochs", type=int, default=EPOCHS, metavar="N", help=f"of the trainings, default {EPOCHS}")
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    arguments = parser.parse_args()
    try:
        main(arguments.out_dir, epochs=arguments.epochs, data=arguments.data)
    except Hm2bpError as error:
        sys.exit(f"cuda_check: error: {error}")

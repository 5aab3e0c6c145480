"""How fast a recipe trains on this machine, stage by stage, and in how much memory."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from dataclasses import replace

import numpy as np

from hm2bp_brian.experiments.recipe import Recipe
from hm2bp_brian.training.evaluator import batches
from hm2bp_brian.training.optimizers import rate
from hm2bp_brian.training.schedules import Constant

REPEATS = 5
STAGES = ("augment", "encode", "forward", "backward", "optimizer")


def benchmark(recipe: Recipe, threads: int | None = None, data=None, device: str | None = None) -> dict:
    """Train a few thousand real samples, warm, and report medians of several repeats of the same epoch.

    Training is at its beginning, where nearly every sample needs its backward pass; later epochs are faster. With one
    thread the stages add up to the time of a sample; with more, the next batch is encoded beside the other stages.

    Parameters
    ----------
    recipe : Recipe
        Its batch size and duration are what is measured.
    threads : int, optional
        All cores if not given.
    data : path, optional
        Folder of the data files.
    device : "cpu" or "cuda", optional

    Returns
    -------
    dict
        ``train_samples_per_second`` of whole training epochs, augmentation, encoding and optimizer included; the
        ``*_ms`` of each stage a sample, the first with reading the data set; ``peak_memory_mib`` of the process, Python
        and the data set included; ``spikes`` a sample of the input and of each layer; and what was measured.
    """
    # the first epoch's rate in each: a schedule would see runs of one epoch, and learn nothing in what is its last
    recipe = replace(recipe, optimizer=replace(recipe.optimizer, schedule=Constant()))
    train, _, _ = recipe.load_data(data)
    n_samples = min(int(np.clip(40 * recipe.batch_size, 400, 4000)), len(train))
    train = train.subset(n_samples)
    trainer = recipe.make_trainer(recipe.make_network(train.shape), threads=threads, device=device)

    def epoch_seconds() -> float:
        started = time.perf_counter()
        trainer.fit(train, epochs=1, batch_size=recipe.batch_size, progress=False)
        return time.perf_counter() - started

    epoch_seconds()
    warm, epochs, stages = trainer.state.arrays(), [], []
    for _ in range(REPEATS):
        epochs.append(epoch_seconds())
        trainer.state.restore(warm)
        with trainer.state.held_by(trainer.engine):
            stages.append(_stages(trainer, train, recipe.batch_size))
        trainer.state.restore(warm)
    return {
        "recipe": recipe.name,
        "engine": trainer.engine.name,
        "device": device or "cpu",
        "dtype": recipe.dtype,
        "threads": trainer.engine.threads,
        "batch_size": recipe.batch_size,
        "steps": trainer.network.n_steps,
        "train_samples_per_second": round(n_samples / statistics.median(epochs), 1),
        **{f"{stage}_ms": round(statistics.median(run[stage] for run in stages), 4) for stage in STAGES},
        "peak_memory_mib": round(_peak_memory_mib(), 1),
        "spikes": [round(count, 1) for count in stages[-1]["spikes"]],
        "samples": n_samples,
        "repeats": REPEATS,
    }


def _stages(trainer, train, batch_size: int) -> dict:
    """Milliseconds a sample of each stage of one epoch's updates, and mean spikes a sample of each population."""
    seconds = dict.fromkeys(STAGES, 0.0)
    spikes = np.zeros(1 + len(trainer.network.layers))
    inputs, epoch = trainer.inputs, trainer.epoch + 1
    wait = getattr(trainer.engine, "wait", None)
    for indices in batches(np.arange(len(train)), batch_size):
        clock = _StopWatch(seconds, wait)
        samples = inputs.samples(train, indices, trainer.seed, epoch)
        if inputs.augmentation is not None:
            clock.stop("augment")
        batch = inputs.encode(samples, indices, trainer.seed, epoch)
        clock.stop("encode")
        tape = trainer.engine.forward(trainer.state.parameters, batch)
        clock.stop("forward")
        gradient = trainer.gradient(tape, train.labels[indices], indices)
        clock.stop("backward")
        trainer.update(gradient, rate(trainer.optimizer.learning_rate))
        clock.stop("optimizer")
        spikes += tape.n_spikes
    per_sample = {stage: 1e3 * total / len(train) for stage, total in seconds.items()}
    return per_sample | {"spikes": (spikes / len(train)).tolist()}


class _StopWatch:
    """Adds the time since its last stop to a stage."""

    def __init__(self, seconds: dict, wait):
        self.seconds = seconds
        self.wait = wait
        self.last = time.perf_counter()

    def stop(self, stage: str) -> None:
        if self.wait:
            self.wait()
        now = time.perf_counter()
        self.seconds[stage] += now - self.last
        self.last = now


def _peak_memory_mib() -> float:
    # the unit is bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

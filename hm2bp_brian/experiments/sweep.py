"""Many runs of one recipe: seeds, settings, speakers left out in turn; on this machine or on a Dask cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path

import numpy as np

from hm2bp_brian.checks import as_tuple, check_count
from hm2bp_brian.engines.registry import ENGINES, available_cores
from hm2bp_brian.errors import ConfigurationError, SweepError, UnknownNameError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.experiments.recipe import DATASETS, SPEECH, Recipe
from hm2bp_brian.experiments.recipe_settings import with_setting
from hm2bp_brian.experiments.sweep_progress import SweepProgress
from hm2bp_brian.experiments.sweep_run import SweepRun, SweepToken, train_in_sweep
from hm2bp_brian.experiments.sweep_table import write_tables
from hm2bp_brian.experiments.training_run import is_finished
from hm2bp_brian.experiments.workers import LocalWorkers
from hm2bp_brian.training.cluster import PACKAGE, check_workers, connect

POLL = 0.5  # seconds


def sweep(
    recipe: Recipe | str,
    out,
    *,
    seeds: Sequence[int] | None = None,
    settings: Mapping[str, Sequence] | None = None,
    leave_one_out: str | None = None,
    data=None,
    engine: str = "fused",
    threads: int | None = None,
    workers: int | None = None,
    scheduler=None,
    progress: bool = True,
) -> list[dict]:
    """Train every combination of settings, speakers left out and seeds, each in a folder of its own.

    Runs that are finished are skipped, and those that something ended go on where they stopped, so that the same call
    ends a sweep that was interrupted. A run that fails does not keep the others from going on.

    Parameters
    ----------
    recipe : Recipe or str
        What the runs have in common, or the name of a recipe.
    out : path
        Folder of the sweep: one folder a run (see `hm2bp_brian.experiments.run_folder`), ``table.csv`` with a row a
        run, ``table.md`` with mean and standard deviation over the seeds, ``learning_curves.png``.
    seeds : sequence of int, optional
        The recipe's own if not given.
    settings : mapping of str to sequence, optional
        Values by the dotted names of fields, such as ``{"optimizer.learning_rate": [0.01, 0.02]}``.
    leave_one_out : "speakers", optional
        Leave out each speaker in turn.
    data : path, optional
        Folder of the data files.
    engine : "fused" or "brian2"
    threads : int, optional
        Of each run; if not given, the cores of this machine are shared out among the workers, and a run on a cluster
        takes one.
    workers : int, optional
        Runs at a time on this machine, each in a process; as many as there are cores if not given.
    scheduler : str or distributed.Client, optional
        A Dask scheduler, or its address, whose workers train instead. They must see ``out`` under the same path.
    progress : bool
        Show how far the runs are.

    Returns
    -------
    list of dict
        The rows of ``table.csv``.

    Raises
    ------
    ConfigurationError, UnknownNameError, RunFolderError
        If a setting can't work, or a folder holds another run, before any work is done.
    MissingPackageError, ClusterError
        If the scheduler can't be reached, or its workers have another version of this package.
    SweepError
        At the end, if runs failed.

    Examples
    --------
    >>> import hm2bp_brian as hb
    >>> hb.sweep("mnist-mlp", "sweeps/rates", seeds=[1, 2, 3],
    ...          settings={"optimizer.learning_rate": [0.003, 0.006]})  # doctest: +SKIP
    """
    recipe = recipes.get(recipe) if isinstance(recipe, str) else recipe
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    if workers is not None and scheduler is not None:
        raise ConfigurationError(f"give workers={workers} of this machine or a scheduler, not both")
    speakers = _speakers(recipe, leave_one_out, data)
    out = Path(out).absolute()
    runs = plan(recipe, out, seeds, settings, speakers)
    for run in runs:
        run.folder.check(run.recipe, resume=run.folder.recipe.exists(), engine=engine)
    unfinished = [run for run in runs if not is_finished(run.recipe, run.folder)]
    errors = {}
    if unfinished:
        data = None if data is None else Path(data).absolute()
        with (
            _executor(scheduler, workers, threads, len(unfinished)) as (executor, threads),
            SweepToken.of(out) as token,
        ):
            arguments = (token, version(PACKAGE), data, engine, threads)
            futures = {executor.submit(train_in_sweep, run, *arguments): run for run in unfinished}
            errors = _wait_for(futures, SweepProgress(runs, progress))
    rows = write_tables(out, runs, errors)
    if errors:
        first_runs = {error: name for name, error in reversed(errors.items())}  # runs often fail alike
        told = "; ".join(f"{name}: {error}" for error, name in itertools.islice(reversed(first_runs.items()), 3))
        raise SweepError(
            f"{len(errors)} of {len(runs)} runs failed ({told}{'; ...' if len(first_runs) > 3 else ''}). "
            f"{out / 'table.md'} names them all; the same sweep tries them again, and no others"
        )
    return rows


def plan(
    recipe: Recipe, out: Path, seeds: Sequence[int] | None, settings: Mapping | None, speakers: Sequence[str] = ()
) -> list[SweepRun]:
    """All runs of a sweep, the last setting and the seeds changing fastest; ConfigurationError if one can't work."""
    axes = {name: _values(name, values) for name, values in (settings or {}).items()}
    repeats = {"leave_out": [(speaker,) for speaker in speakers]} if speakers else {}
    repeats["seed"] = [recipe.seed] if seeds is None else _values("seeds", seeds)
    twice = set(axes) & set(repeats)
    if twice:
        raise ConfigurationError(f"give {' and '.join(sorted(twice))} by seeds and leave_one_out only, not as settings")
    axes |= repeats
    runs = []
    for values in itertools.product(*axes.values()):
        varied, changed = dict(zip(axes, values, strict=True)), recipe
        for name, value in varied.items():
            changed = with_setting(changed, name, value)
        if changed.dataset not in DATASETS:
            raise UnknownNameError("dataset", changed.dataset, DATASETS)
        runs.append(SweepRun(out, changed, varied))
    return runs


def _values(name: str, values) -> list:
    values = values.tolist() if isinstance(values, np.ndarray) else values
    values = [values] if isinstance(values, str) else list(as_tuple(values))
    if not values:
        raise ConfigurationError(f"{name} needs at least one value, found none")
    for number, value in enumerate(values):
        if value in values[:number]:
            raise ConfigurationError(f"{name} has the value {value!r} twice")
    return values


def _speakers(recipe: Recipe, leave_one_out: str | None, data) -> list[str]:
    if leave_one_out is None:
        return []
    if leave_one_out != "speakers":
        raise UnknownNameError("thing to leave out", leave_one_out, ["speakers"])
    if recipe.dataset not in SPEECH:
        raise ConfigurationError(f"speakers can be left out of {', '.join(SPEECH)}; found {recipe.dataset}")
    names = sorted({str(name) for part in DATASETS[recipe.dataset](data) for name in part.speakers})
    if len(names) < 2:
        raise ConfigurationError(f"{recipe.dataset} has no two speakers, of whom one could be left out; found {names}")
    return names


@contextmanager
def _executor(scheduler, workers: int | None, threads: int | None, n_runs: int) -> Iterator[tuple[Executor, int]]:
    """What runs tasks, and the threads that each may take."""
    if threads is not None:
        check_count("threads", threads)
    if scheduler is None:
        cores = available_cores()
        workers = min(cores if workers is None else check_count("workers", workers), n_runs)
        with LocalWorkers(workers) as executor:
            yield executor, threads or max(1, cores // workers)
        return
    with connect(scheduler) if isinstance(scheduler, str) else nullcontext(scheduler) as client:
        check_workers(client)
        executor = client.get_executor(pure=False)
        try:
            yield executor, threads or 1
        finally:
            executor.shutdown(wait=False)


def _wait_for(futures: dict[Future, SweepRun], progress: SweepProgress) -> dict[str, str]:
    """Wait for all runs; what ended those that failed, by their names."""
    errors = {}
    with progress:
        while futures:
            done, _ = wait(futures, timeout=POLL, return_when=FIRST_COMPLETED)
            for future in done:
                run = futures.pop(future)
                error = _error(future)
                if error:
                    errors[run.name] = error
            progress.update()
    return errors


def _error(future: Future) -> str | None:
    if future.cancelled():
        return "cancelled: the scheduler or the connection to it has ended"
    exception = future.exception()
    return future.result() if exception is None else f"{type(exception).__name__}: {' '.join(str(exception).split())}"

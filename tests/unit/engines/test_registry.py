"""How many threads an engine takes where nobody says it."""

import os

import pytest

from hm2bp_brian.engines.registry import available_cores

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize(
    ("text", "cores"),
    [("1", 1), (str(CORES + 1), CORES), ("0", CORES), ("", CORES), ("4,2", CORES), ("-1", CORES), ("all", CORES)],
)
def test_the_environment_bounds_the_threads(monkeypatch, text, cores):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert available_cores() == cores


def test_processes_of_joblib_share_the_cores(monkeypatch):
    joblib = pytest.importorskip("joblib", reason="scikit-learn, extra sklearn, is not installed")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    shares = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(available_cores)() for _ in range(4))
    assert set(shares) == {max(1, joblib.cpu_count() // 2)}

"""The script for SLURM on the page of clusters asks for the jobs that it says; nothing is sent."""

import re
from pathlib import Path

import pytest

pytest.importorskip("dask_jobqueue", reason="dask-jobqueue, extra cluster, is not installed")

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"


def test_the_script_for_slurm_asks_for_one_worker_a_core():
    (script,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    scope = {"__name__": "a copy"}
    exec(script, scope)
    with scope["slurm"](scheduler_options={"dashboard_address": ":0", "port": 0}) as cluster:
        job = cluster.job_script()
    for line in ("#SBATCH -p standard", "#SBATCH -A mylab", "#SBATCH --cpus-per-task=16", "#SBATCH -t 12:00:00"):
        assert line in job.splitlines()
    assert "export HM2BP_CACHE=/shared/cache" in job
    assert "--nworkers 16" in job and "--nthreads 1" in job

"""Sweeps and scikit-learn's searches on a real Dask scheduler with real workers, one of which is killed."""

import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import hm2bp_brian as hb
from hm2bp_brian.engines.registry import available_cores
from hm2bp_brian.errors import ClusterError, RunFolderError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.experiments.recipe_settings import with_setting
from hm2bp_brian.experiments.run_folder import RunFolder
from hm2bp_brian.experiments.sweep_table import read_history
from hm2bp_brian.training import cluster as cluster_module

distributed = pytest.importorskip("distributed", reason="dask.distributed, extra cluster, is not installed")

from cluster_processes import ClusterProcesses, wait_until  # noqa: E402

DATA = Path(__file__).parents[2] / "examples" / "data" / "mnist"
RECIPE = recipes.get("mnist-mlp")
for setting, number in {"train_samples": 200, "test_samples": 50, "epochs": 3, "layers.0.units": 50}.items():
    RECIPE = with_setting(RECIPE, setting, number)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with ClusterProcesses(tmp_path_factory.mktemp("cluster")) as processes:
        yield processes


@pytest.fixture(scope="module")
def client(cluster):
    with distributed.Client(cluster.address) as client:
        yield client


def results(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_sweep_on_a_cluster_has_the_results_of_this_machine_and_outlives_a_worker(cluster, client, tmp_path):
    cluster.set_workers(client, 2)
    settings = {"optimizer.learning_rate": [0.003, 0.006]}
    expected = hb.sweep(
        RECIPE, tmp_path / "here", seeds=[1, 2], settings=settings, data=DATA, workers=1, threads=1, progress=False
    )
    out = tmp_path / "there"

    def kill():
        wait_until(lambda: any(out.glob("*/history.csv")))
        cluster.kill_worker()

    killing = threading.Thread(target=kill)
    killing.start()
    found = hb.sweep(RECIPE, out, seeds=[1, 2], settings=settings, data=DATA, scheduler=cluster.address, progress=False)
    killing.join()
    assert len(cluster.workers) == 1
    assert results(found) == results(expected)
    for row in found:
        one, other = (read_history(RunFolder(tmp_path / where / row["run"])) for where in ("here", "there"))
        for name in set(one.columns) - {"seconds"}:
            np.testing.assert_array_equal(one.column(name), other.column(name))


def is_free(folder: RunFolder) -> bool:
    try:
        with folder.locked():
            return True
    except RunFolderError:
        return False


def test_runs_of_a_sweep_that_was_left_end_after_their_epoch(cluster, client, tmp_path):
    cluster.set_workers(client, 1)
    long = with_setting(RECIPE, "epochs", 10_000)

    class Left(BaseException):
        pass

    def leave():
        wait_until(lambda: any(tmp_path.glob("*/history.csv")))
        raise Left

    from hm2bp_brian.experiments.sweep_progress import SweepProgress

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Left):
        patch.setattr(SweepProgress, "update", lambda self: leave())
        hb.sweep(long, tmp_path, data=DATA, scheduler=client, progress=False)
    folder = RunFolder(tmp_path / "seed=0")
    wait_until(lambda: is_free(folder))  # nobody trains into it any more
    epochs = len(read_history(folder))
    time.sleep(1)
    assert len(read_history(folder)) == epochs < 10_000


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster_module, "ANSWER_TIME", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClusterError, match=rf"no Dask scheduler answers at {address} within 1 s"):
            hb.sweep(RECIPE, tmp_path / "out", data=DATA, scheduler=address, progress=False)
    with pytest.raises(ClusterError, match="no Dask scheduler answers at nowhere://1 "):
        hb.sweep(RECIPE, tmp_path / "out", data=DATA, scheduler="nowhere://1", progress=False)
    assert not (tmp_path / "out").exists()


def test_workers_without_this_package_are_told(cluster, client, tmp_path):
    metadata = tmp_path / "hm2bp_brian-0.0.7.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hm2bp_brian\nVersion: 0.0.7\n")
    cluster.set_workers(client, 1)
    cluster.add_worker(PYTHONPATH=str(tmp_path))
    wait_until(lambda: len(client.scheduler_info()["workers"]) == 2)
    with pytest.raises(
        ClusterError, match=r"has hm2bp_brian 0\.1\.0, but of 2 workers there are 1 with version 0\.0\.7"
    ):
        hb.sweep(RECIPE, tmp_path / "out", data=DATA, scheduler=cluster.address, progress=False)
    assert not (tmp_path / "out").exists()


def test_a_search_on_the_cluster_and_in_processes_finds_what_one_process_finds(cluster, client):
    joblib = pytest.importorskip("joblib", reason="scikit-learn, extra sklearn, is not installed")
    from sklearn.datasets import load_iris
    from sklearn.model_selection import GridSearchCV

    cluster.set_workers(client, 2, OMP_NUM_THREADS="1")
    X, y = load_iris(return_X_y=True)

    def scores(n_jobs):
        search = GridSearchCV(hb.SpikingClassifier(epochs=3), {"hidden_layers": [(10,), (20,)]}, cv=2, n_jobs=n_jobs)
        return search.fit(X[::2], y[::2]).cv_results_["mean_test_score"].tolist()

    expected = scores(1)
    assert scores(2) == expected
    with joblib.parallel_backend("dask", client=client, wait_for_workers_timeout=10):
        assert scores(-1) == expected
    assert set(client.run(available_cores).values()) == {1}

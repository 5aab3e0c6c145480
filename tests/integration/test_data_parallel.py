"""Training on a real Dask scheduler with real workers: the bits are those of training without."""

import threading
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_training import LOSS, NumpyEngine, assert_same_state, make_trainer, tiny_dataset, tiny_network

from hm2bp_brian.encoding import Augmentation
from hm2bp_brian.errors import ClusterError, ConfigurationError, LabelError
from hm2bp_brian.training import data_parallel
from hm2bp_brian.training.callbacks import Callback
from hm2bp_brian.training.shards import ON_A_CLUSTER

distributed = pytest.importorskip("distributed", reason="dask.distributed, extra cluster, is not installed")

from cluster_processes import ClusterProcesses, workers  # noqa: E402

EPOCHS, BATCH_SIZE = 3, 13  # 30 samples: two whole batches and one of 4, which is less than 8 shards


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with ClusterProcesses(tmp_path_factory.mktemp("cluster")) as processes:
        yield processes


@pytest.fixture(scope="module")
def client(cluster):
    with distributed.Client(cluster.address, direct_to_workers=True) as client:
        yield client


def trained(epochs=EPOCHS, callbacks=(), **settings):
    trainer = make_trainer(engine="fused", dtype="float32", averaging=0.9, **settings)
    trainer.fit(tiny_dataset(30), epochs=epochs, batch_size=BATCH_SIZE, callbacks=callbacks, progress=False)
    return trainer


def test_any_number_of_workers_and_none_give_the_same_bits(cluster, client):
    for count in (1, 2, 3):
        cluster.set_workers(client, count)
        for settings in ({"shards": 8}, {"shards": 4, "boosting": True, "augmentation": Augmentation(shift=1)}):
            expected, found = trained(**settings), trained(cluster=client, **settings)
            assert_same_state(found.state.arrays(), expected.state.arrays())
            assert found.evaluate(tiny_dataset(18, seed=1)) == expected.evaluate(tiny_dataset(18, seed=1))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_workers_without_work_are_told_of(cluster, client):
    cluster.set_workers(client, 3)
    with pytest.warns(UserWarning, match=r"3 workers for batches of 2 shards.*Trainer\(shards=4\)"):
        trained(cluster=client, shards=2, epochs=1)


def test_a_worker_encodes_what_follows_once_and_ahead(monkeypatch):
    monkeypatch.setattr(distributed, "get_worker", lambda: SimpleNamespace(state=SimpleNamespace(nthreads=1)))
    worker, parts = (
        data_parallel.ShardWorker(partial(make_trainer, engine="fused"), tiny_dataset(8)),
        np.split(np.arange(8), 4),
    )
    encoded, encode = [], worker._trainer.input_spikes
    monkeypatch.setattr(worker._trainer, "input_spikes", lambda *a: encoded.append(a[1].tolist()) or encode(*a))
    sums = partial(worker.summed, worker._trainer.state.parameters, None)
    sums(parts[:2], following=parts[2:], epoch=1)
    ahead = sums(parts[2:], following=[parts[0][:0]] * 2, epoch=1)
    assert encoded == [[0, 1], [2, 3], [4, 5], [6, 7]]
    again = sums(parts[2:], following=parts[:2], epoch=1)  # a batch that is done again has to be encoded anew
    assert encoded[4:6] == [[4, 5], [6, 7]]
    np.testing.assert_array_equal(ahead.gradient.arrays[0], again.gradient.arrays[0])
    sums(parts[:2], following=parts[2:], epoch=2)  # the other epoch ended here, whatever was to follow
    assert [key[0] for key in worker._begun] == [2]


class AtEpoch(Callback):
    """Calls a function in the middle of an epoch, or at least soon after it began."""

    def __init__(self, epoch, function):
        self.epoch, self.function = epoch, function

    def on_epoch_end(self, trainer, row):
        if row["epoch"] == self.epoch:
            self.timer = threading.Timer(0.02, self.function)
            self.timer.start()


def test_the_batch_of_a_lost_worker_is_done_again(cluster, client):
    cluster.set_workers(client, 2)
    expected = trained(shards=ON_A_CLUSTER, epochs=30)
    kill = AtEpoch(1, cluster.kill_worker)
    found = trained(cluster=client, epochs=30, callbacks=[kill])
    kill.timer.join()
    assert len(cluster.workers) == 1
    assert_same_state(found.state.arrays(), expected.state.arrays())


def test_a_worker_that_takes_the_place_of_the_only_one_gets_the_data(cluster, client):
    cluster.set_workers(client, 1)
    expected = trained(shards=ON_A_CLUSTER, epochs=6)
    trainer = trained(cluster=client)
    cluster.kill_worker()
    cluster.set_workers(client, 1)
    trainer.fit(tiny_dataset(30), epochs=3, batch_size=BATCH_SIZE, progress=False)
    assert_same_state(trainer.state.arrays(), expected.state.arrays())


def test_without_workers_training_ends_where_the_last_epoch_did(cluster, client, monkeypatch):
    monkeypatch.setattr(data_parallel, "PATIENCE", 1)
    cluster.set_workers(client, 1)
    trainer = trained(cluster=client)
    before = trainer.state.arrays()
    cluster.set_workers(client, 0)
    with pytest.raises(ClusterError, match="no workers, and none came within 1 s; .* 'dask worker tcp://"):
        trainer.fit(tiny_dataset(30), epochs=1, batch_size=BATCH_SIZE, progress=False)
    assert_same_state(trainer.state.arrays(), before)
    assert trainer.epoch == EPOCHS


def test_errors_of_a_batch_are_told_as_they_are(cluster, client):
    class WrongLoss:  # sent as it is, as workers don't know this file
        def errors(self, counts, labels):
            raise LabelError("these labels are wrong")

    cluster.set_workers(client, 2)
    trainer = make_trainer(engine="fused", cluster=client, loss=WrongLoss())
    with pytest.raises(LabelError, match="these labels are wrong"):
        trainer.fit(tiny_dataset(30), epochs=1, progress=False)


def test_a_cluster_within_this_process_leaves_its_network_alone():
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as local,
        distributed.Client(local) as client,
    ):
        network = tiny_network()
        found = trained(network=network, cluster=client)
        assert all(own is weights for own, weights in zip(network.weights, found.state.parameters, strict=True))
    assert_same_state(found.state.arrays(), trained(shards=ON_A_CLUSTER).state.arrays())


def test_workers_with_another_version_are_refused_with_both_versions(cluster, client, tmp_path):
    metadata = tmp_path / "hm2bp_brian-0.0.7.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hm2bp_brian\nVersion: 0.0.7\n")
    cluster.set_workers(client, 1, PYTHONPATH=str(tmp_path))
    (worker,) = workers(client)
    with pytest.raises(ClusterError, match=rf"has hm2bp_brian 0\.1\.0, but .* 1 with version 0\.0\.7.*{worker}"):
        trained(cluster=client)


def test_what_is_no_cluster_is_refused():
    with pytest.raises(ConfigurationError, match="must be a distributed.Client.* found 'tcp://127.0.0.1:8786'"):
        make_trainer(engine="fused", cluster="tcp://127.0.0.1:8786")
    with pytest.raises(ConfigurationError, match="engine must be a name"):
        make_trainer(engine=NumpyEngine(tiny_network()), cluster=object(), loss=LOSS)

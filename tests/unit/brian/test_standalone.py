"""The compiled program against the runtime device and the fused engine, and what it does when something goes wrong.

Compiled once, without optimisation, which is most of the time these tests take.
"""

import signal

import brian2
import numpy as np
import pytest
from brian2 import get_device, ms, prefs
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from graph_of_all_kinds import graph_of_all_kinds
from networks import NEURONS, make_input, make_network

from hm2bp_brian.brian import standalone
from hm2bp_brian.datasets.labelled import SpikeDataset
from hm2bp_brian.devices import preferences, using_device
from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.errors import CompilationError, EngineError, ShapeError
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.training.trainer import Trainer

RUN = "devices.cpp_standalone.run_cmd_unix"
MAKE = "devices.cpp_standalone.make_cmd_unix"
THREADS = "devices.cpp_standalone.openmp_threads"
FLAGS = "codegen.cpp.extra_compile_args_gcc"
N_SAMPLES = 1400  # of 50 ms each: more than a minute, after which rounding errors of two clocks show


def same(record, other):
    return [a == b for a, b in zip(record.layers, other.layers, strict=True)]


def mixed_network():
    sizes, kinds = (20, 14, 9), ("resting potentials, one a neuron", "adaptive", "alpha synapse")
    layers = [
        Dense(n, threshold=0.6, lateral_inhibition=0.4 * (n == sizes[-1]), initializer=Uniform(1.5)) for n in sizes
    ]
    neurons = [NEURONS[kind](n) for kind, n in zip(kinds, sizes, strict=True)]
    return SpikingNetwork(12, layers, neurons, dt=1 * ms, duration=50 * ms, seed=1)


def fused(network, weights, batch):
    return make_engine(network, "fused", "float64").forward(weights, batch).record


@pytest.fixture(scope="module")
def compiled():
    """A engine that has run one large batch, that batch and its record."""
    network = mixed_network()
    batch = make_input(network, N_SAMPLES)
    device = CPPStandaloneDevice()
    with using_device(device), preferences({FLAGS: ["-w", "-O0", "-std=c++11"]}):
        device.activate(build_on_run=False)
        engine = make_engine(network, "brian2", "float64")
        queue = list(device.main_queue)
        record = engine.forward(network.weights, batch).record
        assert device.main_queue == queue
        assert get_device() is device
    return engine, batch, record


@pytest.fixture
def command():
    """Sets what is run in place of the program; a shell line sees the program's arguments as $1, $2, ..."""
    before = prefs[RUN]

    def set_command(line):
        prefs[RUN] = ["sh", "-c", line, "sh"]

    yield set_command
    prefs[RUN] = before


@pytest.fixture
def ctrl_c():
    """Ctrl+C as Brian2 handles it in a terminal; test runners may ignore it."""
    before = signal.signal(signal.SIGINT, brian2._InterruptHandler(signal.default_int_handler))
    yield
    signal.signal(signal.SIGINT, before)


def files(engine):
    return sorted(path for path in engine._presenter._folder.path.rglob("*"))


@pytest.mark.cython
@pytest.mark.parametrize("neuron", ["euler", "adaptive", "nonlinear"])
def test_numpy_and_cython_targets_give_the_same_spikes(neuron):
    network = make_network(neuron, (70, 9), lateral=0.6)
    batch = make_input(network, 3)
    records = []
    for target in ("numpy", "cython"):
        with preferences({"codegen.target": target}):
            records.append(simulate(network, batch, engine="brian2", dtype="float64"))
    assert records[0].layers[1].n_spikes > 15
    assert all(same(*records))


@pytest.mark.standalone
def test_program_gives_the_spikes_of_the_other_engines(compiled):
    engine, batch, record = compiled
    network = engine.network
    assert min(layer.n_spikes for layer in record.layers) > N_SAMPLES
    assert all(same(record, fused(network, network.weights, batch)))
    few = SpikeBatch.from_dense(batch.dense()[:3])
    with preferences({"codegen.target": "numpy"}):
        reference = simulate(network, few, engine="brian2", dtype="float64")
    for layer, spikes in enumerate(reference.layers):
        assert np.array_equal(spikes.dense(), record.dense(layer)[:3])


@pytest.mark.standalone
def test_new_weights_and_other_batches_leave_no_file_behind(compiled):
    engine, _, _ = compiled
    network, program, before = engine.network, engine._presenter._program, files(engine)
    for seed, n_samples, rate in ((1, 2, 0.3), (2, 700, 0.1), (3, 1, 0.0)):
        weights = [w * (1 + 0.1 * seed) for w in network.weights]
        batch = make_input(network, n_samples, rate=rate, seed=seed)
        assert all(same(engine.forward(weights, batch).record, fused(network, weights, batch)))
    assert files(engine) == before
    assert engine._presenter._program is program


@pytest.mark.standalone
def test_failing_program(compiled, command):
    engine, batch, _ = compiled
    before = files(engine)
    command("echo out of memory >&2; exit 3")
    with pytest.raises(EngineError, match="failed .*its output:\nout of memory"):
        engine.forward(engine.network.weights, batch)
    command("echo bye")
    with pytest.raises(EngineError, match="ended before its results; its output:\nbye"):
        engine.forward(engine.network.weights, batch)
    command('echo 0.1 0.25 > "$2/last_run_info.txt"')
    with pytest.raises(KeyboardInterrupt, match="stopped after 17500 of 70000 steps"):
        engine.forward(engine.network.weights, batch)
    assert set(files(engine)) <= set(before)


@pytest.mark.standalone
@pytest.mark.parametrize("program", ["exit 130", 'echo 0.1 1.0 > "$2/last_run_info.txt"'])
def test_ctrl_c_while_the_program_runs(compiled, command, ctrl_c, program):
    """Also where it kills the program, or comes after its last step."""
    engine, _, _ = compiled
    batch = make_input(engine.network, 3, seed=5)
    command(f"kill -INT $PPID; {program}")
    with pytest.raises(KeyboardInterrupt):
        engine.forward(engine.network.weights, batch)
    command('exec ./main "$@"')
    weights = engine.network.weights
    assert all(same(engine.forward(weights, batch).record, fused(engine.network, weights, batch)))


@pytest.mark.standalone
@pytest.mark.parametrize("ignored", ["synapses_1", "place"])
def test_program_that_ignores_what_it_was_sent(compiled, command, ignored):
    engine, _, _ = compiled
    weights = [1.5 * w for w in engine.network.weights]
    command(f'for a; do shift; case "$a" in *{ignored}*) ;; *) set -- "$@" "$a" ;; esac; done; exec ./main "$@"')
    with pytest.raises(EngineError, match="did not take over all weights and input spikes"):
        engine.forward(weights, make_input(engine.network, 3, seed=5))


@pytest.mark.standalone
def test_training_with_openmp_threads_equals_training_on_the_runtime_device():
    device = CPPStandaloneDevice()
    with using_device(device), preferences({FLAGS: ["-w", "-O0", "-std=c++11"], THREADS: 2}):
        device.activate(build_on_run=False)
        standalone_trainer = trained()
        assert "omp_set_num_threads(2)" in (standalone_trainer.engine._presenter._folder.path / "main.cpp").read_text()
    runtime_trainer = trained()
    rows = [{**trainer.history[-1], "seconds": 0.0} for trainer in (standalone_trainer, runtime_trainer)]
    np.testing.assert_equal(*rows)
    assert rows[0]["rate_1"] > 3
    weights = zip(standalone_trainer.network.weights, runtime_trainer.network.weights, strict=True)
    for (found, expected), start in zip(weights, small_network().weights, strict=True):
        np.testing.assert_array_equal(found, expected)
        assert abs(found - start).max() > 1e-3  # two updates of Adam


def small_network():
    return make_network(sizes=(20, 9), lateral=0.3)


def trained():
    network, labels = small_network(), np.arange(6)
    batch = make_input(network, len(labels), rate=0.3)
    offsets = np.searchsorted(batch.samples, np.arange(len(labels) + 1))
    spikes = SpikeDataset(batch.steps, batch.neurons, offsets, labels, network.input_shape, 9, "random spikes")
    trainer = Trainer(network, SpikeCountLoss(8, 1, 1), engine="brian2", dtype="float64")
    trainer.fit(spikes, epochs=1, batch_size=3, progress=False)
    return trainer


def test_compiler_that_fails(tmp_path):
    (tmp_path / "makefile").write_text("all:\n\t@seq 100; echo no such header >&2; exit 1\n")
    with pytest.raises(CompilationError, match=r"could not be compiled. It needs make .* Last output:\n8\d\n"):
        standalone._make(tmp_path)
    with pytest.raises(CompilationError, match=r"\n100\nno such header\nmake.*Error 1"):
        standalone._make(tmp_path)
    with preferences({MAKE: "no-such-make --silent"}):
        with pytest.raises(CompilationError, match="No such file .*'no-such-make'. It needs make"):
            standalone._make(tmp_path)


def test_ctrl_c_while_the_program_is_compiled(tmp_path, ctrl_c):
    with preferences({MAKE: "sh -c 'kill -INT $PPID; exec sleep 60'"}), pytest.raises(KeyboardInterrupt):
        standalone._make(tmp_path)


def test_larger_batches_are_compiled_for(monkeypatch):
    """With room to spare for spikes, and never with less room than before."""
    made = []

    class Recorded:
        def __init__(self, network, dtype, device, folder, n_samples, n_spikes):
            self.n_samples, self.n_spikes = n_samples, n_spikes
            made.append((n_samples, n_spikes))

        fits = standalone.Program.fits

        def run(self, weights, batch):
            assert batch.n_samples <= self.n_samples and batch.n_spikes <= self.n_spikes

    monkeypatch.setattr(standalone, "Program", Recorded)
    network = make_network(sizes=(3,))
    device = CPPStandaloneDevice()
    with using_device(device):
        device.activate(build_on_run=False)
        engine = make_engine(network, "brian2")
    dense = np.zeros((6, network.n_steps, 12), dtype=bool)
    dense[:, :10, :10] = True  # 100 spikes a sample
    several = [SpikeBatch.from_dense(dense[:n]) for n in range(1, 7)]
    for n in (2, 1, 2, 4, 5, 3):
        engine.forward(network.weights, several[n - 1])
    more_spikes = dense[:2].copy()
    more_spikes[:, :40] = True
    engine.forward(network.weights, SpikeBatch.from_dense(more_spikes))
    assert made == [(2, 261), (4, 521), (5, 651), (5, 1249)]
    with pytest.raises(ShapeError, match="expects input of shape"):
        engine.forward(network.weights, SpikeBatch.from_dense(dense[:, :5]))


def test_options_that_change_spikes_are_left_out(tmp_path):
    with preferences({FLAGS: ["-O3", "-ffast-math", "-march=native"]}):
        found = standalone._compiler_preferences(CPPStandaloneDevice(), tmp_path)
    assert found == {FLAGS: ["-O3", "-march=native", "-ffp-contract=off"]}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_graph_fires_as_on_the_runtime_device_and_learned_delays_are_sent(dtype):
    network = graph_of_all_kinds()
    batch = make_input(network, 3, rate=0.2)
    random = np.random.default_rng(4)
    device = CPPStandaloneDevice()
    with using_device(device), preferences({FLAGS: ["-w", "-O0", "-std=c++11"]}):
        device.activate(build_on_run=False)
        engine = make_engine(network, "brian2", dtype)
        first = engine.forward(network.parameters, batch).record
        parameters = [array + random.normal(0, 0.1 * np.abs(array).mean(), array.shape) for array in network.weights]
        parameters.append(random.uniform(1, 12, network.delays[0].shape))
        second = engine.forward(parameters, batch).record
    for record, values in ((first, network.parameters), (second, parameters)):
        expected = make_engine(network, "brian2", dtype).forward(values, batch).record
        assert same(record, expected) == [True] * 3
        assert all(layer.n_spikes > 20 for layer in expected.layers)
    assert not any(same(first, second))

"""The fused engine against Brian2 and against the numpy adjoint, bit for bit where that is promised."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import brian2
import numpy as np
import pytest
from brian2 import TimedArray, ms
from networks import NEURONS, engine_gradients, make_input, make_network
from oracle import oracle_gradients

from hm2bp_brian.encoding.poisson import bernoulli_spikes
from hm2bp_brian.engines.fused import compiler, spike_kernels
from hm2bp_brian.engines.registry import make_engine, simulate
from hm2bp_brian.errors import CompilationError, EngineError, NumericalError, SpikeError
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel

LINEAR = ["euler", "no refractory time", "exact", "rk4", "alpha synapse", "one value a neuron"]
LINEAR += ["adaptive", "moving threshold", "soft reset"]
LOSS = SpikeCountLoss(desired=12, undesired=1, margin=1)


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize(("sizes", "lateral"), [((9,), 0.0), ((70, 9), 0.6), ((5, 130, 66), 0.1)])
def test_same_spikes_as_brian(neuron, sizes, lateral):
    network = make_network(neuron, sizes, lateral=lateral)
    batch = make_input(network, 3)
    reference = simulate(network, batch, engine="brian2", dtype="float64")
    fused = simulate(network, batch, engine="fused", dtype="float64")
    assert reference.layers[0].n_spikes > 15
    for layer in range(len(sizes)):
        assert fused.layers[layer] == reference.layers[layer]
        assert all(
            np.array_equal(a, b) for a, b in zip(*(r.layers[layer].by_neuron for r in (fused, reference)), strict=True)
        )


@pytest.mark.parametrize("ratio", [1.0, 0.1])
@pytest.mark.parametrize("neuron", LINEAR)
def test_gradients_equal_the_oracle_in_float64(neuron, ratio):
    network = make_network(neuron, (20, 17), n_inputs=7, n_steps=40, lateral=0.2)
    record = simulate(network, make_input(network, 3), engine="fused", dtype="float64")
    labels = np.array([2, 16, 0])
    engine = make_engine(network, "fused", "float64", 2)
    found = engine_gradients(engine, network, record, labels, LOSS, rules=Rules(silent_delta_ratio=ratio))
    expected = oracle_gradients(network, record, labels, LOSS, silent_delta_ratio=ratio)
    for mine, oracle in zip(found, expected, strict=True):
        assert np.abs(oracle).max() > 0
        np.testing.assert_allclose(mine, oracle, rtol=1e-9, atol=1e-9 * np.abs(oracle).max())


def test_gradients_in_float32():
    network = make_network("euler", (130, 70, 10), lateral=0.2)
    record = simulate(network, make_input(network, 8), dtype="float32")
    labels = np.arange(8)
    single = make_engine(network, "fused", "float32", 2)
    found = engine_gradients(single, network, record, labels, LOSS)
    expected = gradients(network, record, labels, LOSS)
    for mine, reference in zip(found, expected, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-4 * np.abs(reference).max())


@pytest.mark.parametrize("lateral", [0.0, 0.15])
def test_same_bits_for_any_number_of_threads(lateral):
    network = make_network("euler", (150, 70), lateral=lateral)
    batch, labels = make_input(network, 7), np.arange(7)
    results = []
    for threads in (1, 2, 5):
        engine = make_engine(network, "fused", "float32", threads)
        record = engine.forward(network.weights, batch).record
        results.append((record, engine_gradients(engine, network, record, labels, LOSS)))
    for record, grads in results[1:]:
        assert all(a == b for a, b in zip(record.layers, results[0][0].layers, strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(grads, results[0][1], strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(grads.deltas, results[0][1].deltas, strict=True))


def _spikes_and_gradients(engine, network, batch):
    record = engine.forward(network.weights, batch).record
    return record.layers, engine_gradients(engine, network, record, np.arange(batch.n_samples), LOSS)


def test_kernels_may_be_called_from_several_python_threads():
    network = make_network("euler", (150, 70))
    batch = make_input(network, 7)
    alone = _spikes_and_gradients(make_engine(network, "fused", "float32", 1), network, batch)
    engines = [make_engine(network, "fused", "float32", threads) for threads in (2, 3, 5, 2)]
    with ThreadPoolExecutor(len(engines)) as executor:
        for _ in range(5):
            for found in executor.map(lambda s: _spikes_and_gradients(s, network, batch), engines):
                assert found[0] == alone[0]
                assert all(np.array_equal(a, b) for a, b in zip(found[1], alone[1], strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_can_go_on_with_a_simulator():
    network = make_network("euler", (150, 70))
    engine, batch = make_engine(network, "fused", "float32", 2), make_input(network, 7)
    expected = engine.forward(network.weights, batch).record  # starts the threads, which a fork does not copy
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if engine.forward(network.weights, batch).record.layers == expected.layers else 1
        finally:
            os._exit(status)  # whatever happens, the child must not go on with the tests
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_sample_is_the_same_in_any_batch():
    network = make_network("euler", (150, 12), lateral=0.3)
    batch = make_input(network, 6)
    together = simulate(network, batch)
    for sample in (0, 3, 5):
        alone = simulate(network, batch.sample(sample))
        assert all(b == a.sample(sample) for a, b in zip(together.layers, alone.layers, strict=True))


@pytest.mark.parametrize("n_steps", [1, 63, 64, 65, 130])
def test_encoder_draws_the_same_spikes_as_numpy(n_steps):
    generator = np.random.default_rng(3)
    thresholds = generator.integers(0, 2**32, (4, 30), dtype=np.uint32) * (generator.random((4, 30)) < 0.6)
    thresholds = thresholds.astype(np.uint32)
    keys = generator.integers(0, 2**32, (4, 2), dtype=np.uint32)
    compiled = spike_kernels.bernoulli_spikes(thresholds, keys, n_steps, (5, 6, 1), 2)
    expected = bernoulli_spikes(thresholds, keys, n_steps, (5, 6, 1))
    assert compiled == expected
    assert all(np.array_equal(a, b) for a, b in zip(compiled.by_neuron, expected.by_neuron, strict=True))


def test_non_finite_states_are_located():
    network = make_network(n_steps=30)
    batch = make_input(network, 4, rate=0.0)
    spikes = batch.dense()
    spikes[2, 5, 3] = True
    weights = [w.astype(np.float64) for w in network.weights]
    weights[0][3] = 1e308
    spikes[2, 6, 3] = True
    engine = make_engine(network, "fused", "float64", 2)
    with pytest.raises(NumericalError, match="layer 0 .* sample 2 at step 6"):
        engine.forward(weights, type(batch).from_dense(spikes))


def simple(equations, **kwds):
    neuron = NeuronModel(equations + "\ndI/dt = -I/(5*ms) : 1", method="euler", **kwds)
    return SpikingNetwork(3, [Dense(2, threshold=1)], neuron, dt=1 * ms, duration=5 * ms)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda: simple("du/dt = (I - u)/(9*ms) + xi*(9*ms)**-0.5 : 1"), "noise"),
        (lambda: simple("du/dt = (I - u + rand())/(9*ms) : 1"), "'rand'"),
        (
            lambda: simple("du/dt = (I - u + drive(u*ms))/(9*ms) : 1", drive=TimedArray([1.0, 2.0], dt=1 * ms)),
            "'drive'|drive",
        ),
        (lambda: simple("du/dt = (I - u + x)/(9*ms) : 1\nx = u*0.1 : 1 (constant over dt)"), "constant over dt"),
        (lambda: simple("du/dt = (I - u + c)/(9*ms) : 1\nc : 1 (shared)"), "shared variable 'c'"),
    ],
)
def test_what_cannot_be_tiled_is_refused_with_advice(network, message):
    with pytest.raises(EngineError, match=f"(?s){message}.*engine='brian2'"):
        make_engine(network(), "fused")


def test_brians_preferences_are_put_back():
    before = brian2.prefs["core.default_float_dtype"]
    make_engine(make_network(), "fused", "float32")
    assert brian2.prefs["core.default_float_dtype"] is before


def test_denormal_numbers_survive_in_the_process():
    simulate(make_network(), make_input(make_network()))
    tiny = np.array([1e-310, 2e-310])
    assert (tiny + tiny > 0).all()
    assert np.float32(1e-40) * np.float32(1) > 0


def test_no_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "no-such-compiler")
    for cached in (compiler._compiler, compiler._machine, compiler.load):
        cached.cache_clear()
    try:
        with pytest.raises(CompilationError, match="(?s)'no-such-compiler' is not found.*engine='brian2'"):
            make_engine(make_network(), "fused")
    finally:
        for cached in (compiler._compiler, compiler._machine, compiler.load):
            cached.cache_clear()


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_a_compile_error_names_what_and_shows_the_first_message(monkeypatch, tmp_path):
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path))
    with pytest.raises(CompilationError, match="(?s)refused my equations.*first error.*no_such_name"):
        compiler.load("int broken = no_such_name;", "my equations")
    assert not list(tmp_path.rglob("*.so")), "nothing half-made is left"


def test_a_source_is_compiled_once(monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path))
    source = 'extern "C" int answer() { return 42; }'
    assert compiler.load(source, "an answer").answer() == 42
    assert "compiling an answer" in capfd.readouterr().err
    compiler.load.cache_clear()
    assert compiler.load(source, "an answer").answer() == 42
    assert "compiling" not in capfd.readouterr().err


def test_what_is_no_spike_batch_is_refused():
    network = SpikingNetwork(3, [Dense(2, threshold=1.0)], LIF(15 * ms, 4 * ms), dt=1 * ms, duration=20 * ms)
    with pytest.raises(
        SpikeError, match="expected input spikes as a SpikeBatch, found ndarray; SpikeBatch.from_dense makes one"
    ):
        simulate(network, np.zeros((1, 20, 3), dtype=bool))

"""What needs a GPU: ``make test-gpu``. The engine there against the engine on the processor."""

from functools import partial

import numpy as np
import pytest
from affine_neurons import AFFINE, affine_network
from brian2 import ms
from graph_of_all_kinds import graph_of_all_kinds
from graphs import quietly, random_graph
from learned_neurons import LEARNED, learned_network
from networks import make_input, make_network
from nonlinear_neurons import NONLINEAR, SHARES, nonlinear_network
from tiny_training import LOSS, tiny_dataset, tiny_network

import hm2bp_brian as hb
from hm2bp_brian.engines.cuda.card import find_card
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import Hm2bpError, NumericalError

pytestmark = pytest.mark.gpu
COUNTS = hb.SpikeCountLoss(desired=12, undesired=1, margin=1)


@pytest.fixture(autouse=True, scope="module")
def needs_a_gpu():
    try:
        find_card()
    except Hm2bpError as error:
        pytest.skip(str(error))


def both(network, dtype, batch, labels):
    """Record and gradients on the GPU, and on the processor of the same spikes."""
    found = []
    for device in ("cuda", "cpu"):
        engine = make_engine(network, dtype=dtype, device=device)
        tape = engine.forward(network.parameters, batch)
        found.append((tape.record, engine.backward(tape, COUNTS.errors(tape.counts, labels), hb.Rules())))
    return found


def maps():
    layers = [hb.Conv2D(15, 5, 0.9, initializer=hb.Uniform(1)), hb.SumPool2D(2, 0.6), hb.Dense(10, 0.8, 0.1)]
    return hb.SpikingNetwork(
        (12, 12, 1), layers, hb.LIF(20 * ms, 5 * ms), dt=1 * ms, duration=tiny_network().duration, seed=3
    )


NETWORKS = {
    "dense": lambda: make_network(sizes=(130, 70, 10), lateral=0.2),
    "maps": maps,
    "loops, delays, receptors": graph_of_all_kinds,
    **{name: partial(affine_network, name) for name in AFFINE},
    **{name: partial(nonlinear_network, name) for name in (*NONLINEAR, *SHARES)},
    **{name: partial(learned_network, name) for name in LEARNED},
    **{f"random graph {seed}": partial(random_graph, seed) for seed in range(1, 5)},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_float64_spikes_and_gradients(name):
    network = NETWORKS[name]()
    labels = np.arange(8) % network.n_outputs
    (record, found), (expected, reference) = quietly(both, network, "float64", make_input(network, 8), labels)
    assert record.layers == expected.layers
    for mine, theirs in zip(found.arrays, reference.arrays, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9 * np.abs(theirs).max(initial=0))


def test_two_runs_have_the_same_bits():
    runs = []
    for _ in range(2):
        trainer = hb.Trainer(tiny_network(), LOSS, hb.Adam(0.05, clip=True), averaging=0.9, device="cuda")
        trainer.fit(tiny_dataset(30), tiny_dataset(9, seed=2), epochs=3, batch_size=8, progress=False)
        runs.append(trainer.state.arrays())
    for name in runs[0]:
        if name != "history/table":
            np.testing.assert_array_equal(runs[0][name], runs[1][name])


def test_trains_in_float64_as_on_the_processor():
    states = []
    for device in ("cuda", "cpu"):
        trainer = hb.Trainer(
            tiny_network(), LOSS, hb.Adam(0.05, clip=True), averaging=0.9, dtype="float64", device=device
        )
        trainer.fit(tiny_dataset(30), epochs=2, batch_size=8, progress=False)
        states.append(trainer.state.arrays())
    for name, array in states[1].items():
        if array.dtype.kind == "f" and name != "history/table":
            np.testing.assert_allclose(states[0][name], array, rtol=1e-7, atol=1e-9, err_msg=name)


def test_infinite_states_are_named():
    network = make_network("soft reset", (40, 5))
    weights = [w.astype(np.float64) for w in network.weights]
    weights[0][:, 1:] = 1e308
    with pytest.raises(NumericalError, match="layer 0 has a state that is NaN or infinite in sample 0"):
        make_engine(network, dtype="float64", device="cuda").forward(weights, make_input(network, 2))

"""Networks put together of populations and projections: what is made of what is asked for, and what is refused."""

import numpy as np
import pytest
from brian2 import mA, ms, mV
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

import hm2bp_brian as hb
from hm2bp_brian.brian.network import BrianNetwork
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import ConfigurationError, ShapeError, UnitError, UnknownNameError

LIF = hb.LIF(20 * ms, 5 * ms)
IN_VOLTS = hb.NeuronModel(
    "dv/dt = (I - v)/(10*ms) : volt\ndI/dt = -I/(5*ms) : volt", threshold="v > v_th", reset="v = 0*mV", method="euler"
)


def graph(**settings):
    network = hb.SpikingNetwork(dt=1 * ms, duration=50 * ms, seed=3)
    network.input("in", 6, **settings)
    network.population("exc", 8, neuron=LIF, threshold=1, sign=0.75)
    network.population("out", 3, neuron=LIF, threshold=1, readout=True)
    return network


def test_sparse_connections_have_the_probability_and_no_loops():
    network = hb.SpikingNetwork(dt=1 * ms, duration=50 * ms)
    network.input("in", 300)
    network.population("a", 300, neuron=LIF, threshold=1)
    loop = network.connect("a", "a", hb.Sparse(p=0.1)).connection
    assert abs(len(loop.pre) / 300**2 - 0.1) < 0.005
    assert (loop.pre != loop.post).all()
    pairs = loop.pre.astype(int) * 300 + loop.post
    assert (np.diff(pairs) > 0).all()  # sorted, each once
    fan_in = np.bincount(loop.post, minlength=300)
    assert 15 < fan_in.min() and fan_in.max() < 50
    with_self = network.connect("a", "a", hb.Sparse(p=0.5, self_connections=True), name="other").connection
    assert (with_self.pre == with_self.post).any()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_weights_of_listed_connections_are_sorted_and_a_list_that_is_not_is_warned_of():
    network, connection = graph(), hb.Sparse(i=[4, 0, 4], j=[1, 7, 0])
    for settings in ({"weights": [1.0, 2.0, 3.0]}, {"delay": [1, 2, 3] * ms}):
        with pytest.warns(UserWarning, match=r"pairs of 'again' are not sorted .* by np.lexsort\(\(j, i\)\)"):
            graph().connect("in", "exc", connection, name="again", **settings)
    graph().connect("in", "exc", connection, weights=1.0, delay=2 * ms)  # one for all
    order = np.lexsort((connection.j, connection.i))
    sorted_connection = hb.Sparse(i=np.array(connection.i)[order], j=np.array(connection.j)[order])
    projection = network.connect("in", "exc", sorted_connection, weights=[1.0, 2.0, 3.0])
    assert (projection.connection.pre.tolist(), projection.connection.post.tolist()) == ([0, 4, 4], [7, 0, 1])
    np.testing.assert_array_equal(network.weights["in_to_exc"], [1, 2, 3])


@pytest.mark.filterwarnings("ignore:.*fires too much:RuntimeWarning")  # its learning rate is that of no user
def test_dale_s_law_holds_from_the_start_through_training():
    network = graph()
    network.connect("in", "exc", weights=hb.Uniform(2.0), sign="excitatory", delay=hb.Learned(0 * ms, 5 * ms))
    network.connect("exc", "exc", hb.Sparse(p=0.5), weights=hb.Uniform(0.5))
    network.connect("exc", "out", weights=hb.Normal(0.0, 1.0))
    pre = network.projections[1].connection.pre

    def check():
        assert (network.weights[0] >= 0).all()
        assert (network.weights[1][pre < 6] >= 0).all() and (network.weights[1][pre >= 6] <= 0).all()
        assert (network.weights[2][:6] >= 0).all() and (network.weights[2][6:] <= 0).all()
        assert network.delays[0].min() >= 0 and network.delays[0].max() <= 5

    check()
    before = [array.copy() for array in network.parameters]
    batch = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((12, 50, 6)) < 0.2)
    offsets = batch.offsets[:: batch.n_steps]
    trials = hb.datasets.SpikeDataset(batch.steps, batch.neurons, offsets, np.arange(12) % 3, (6,), 3, "noise")
    trainer = hb.Trainer(network, hb.SpikeCountLoss(8, 1, 1), hb.Adam(0.2), threads=1)
    trainer.fit(trials, epochs=3, batch_size=4, progress=False)
    check()
    for old, new in zip(before, network.parameters, strict=True):
        assert not np.array_equal(old, new)


def test_weights_may_depend_on_the_distance():
    positions = np.arange(6.0)
    network = hb.SpikingNetwork(dt=1 * ms, duration=50 * ms)
    network.input("in", 6, positions=positions)
    network.population("out", 6, neuron=LIF, threshold=1, readout=True, positions=positions)
    network.connect("in", "out", hb.Sparse(p=lambda d: (d < 1.5).astype(float)), weights=hb.OfDistance(lambda d: 2 - d))
    connection = network.projections[0].connection
    assert len(connection.pre) == 6 + 2 * 5
    np.testing.assert_array_equal(network.weights[0], 2.0 - np.abs(connection.pre - connection.post))


def test_delays_are_whole_steps_as_brian2_rounds_them():
    network = graph()
    assert network.connect("in", "exc", delay=2.4 * ms).delays.steps == 2
    assert network.connect("in", "out", delay=2.5 * ms).delays.steps == 3
    single = network.connect("exc", "out", hb.Sparse(i=[0, 1], j=[0, 0]), delay=[1, 6.6] * ms).delays
    assert single.steps.tolist() == [1, 7] and single.longest == 7
    drawn = network.connect("exc", "exc", delay=hb.Between(3 * ms, 9 * ms)).delays.steps
    assert drawn.shape == (8, 8) and drawn.min() == 3 and drawn.max() == 9


def test_no_learned_delay_rounds_to_more_than_the_longest():
    network = hb.SpikingNetwork(dt=0.1 * ms, duration=5 * ms, seed=3)
    network.input("in", 6)
    network.population("out", 3, neuron=LIF, threshold=1, readout=True)
    projection = network.connect("in", "out", delay=hb.Learned(0 * ms, 2.75 * ms))  # 27.499999999999996 steps
    network.delays[0][:] = 99
    network.constrain(network.parameters)
    assert network.delays_of(projection, network.parameters).max() == projection.delays.longest == 28


def test_a_bias_is_a_current_in_each_step():
    network = hb.SpikingNetwork(dt=1 * ms, duration=100 * ms)
    network.input("in", 1)
    network.population("out", 2, neuron=LIF, threshold=1, readout=True, bias=np.array([[0.3, 0.0]]))
    network.connect("in", "out", weights=0.0)
    silent = hb.SpikeBatch.from_dense(np.zeros((1, 100, 1), bool))
    for engine in ("fused", "brian2"):
        counts = hb.simulate(network, silent, engine, "float64").output.counts[0]
        assert counts[0] > 3 and counts[1] == 0


def test_frozen_populations_do_not_learn():
    network = graph()
    network.connect("in", "exc")
    network.connect("exc", "out")
    network.freeze("exc")
    assert [projection.plastic for projection in network.projections] == [False, True]
    late = network.connect("in", "out", delay=hb.Learned(0 * ms, 5 * ms))
    network.connect("in", "exc", name="again")
    with pytest.raises(ConfigurationError, match=f"'{late.name}' has learned delays"):
        network.freeze("exc", "out")
    assert [projection.plastic for projection in network.projections] == [False, True, True, True]


def test_several_readouts_are_counted_one_after_the_other():
    network = graph()
    network.population("second", 2, neuron=LIF, threshold=1, readout=True)
    for target in ("exc", "out", "second"):
        network.connect("in", target, weights=hb.Uniform(3))
    batch = hb.SpikeBatch.from_dense(np.random.default_rng(1).random((2, 50, 6)) < 0.3)
    record = hb.simulate(network, batch)
    assert network.n_outputs == 5
    counts = np.hstack([record["out"].counts, record["second"].counts])
    np.testing.assert_array_equal(record.output.counts, counts)
    assert counts.any()


def test_weights_have_the_unit_of_their_receptor():
    network = graph()
    neuron = hb.NeuronModel(
        "dv/dt = (I - v)/(10*ms) : volt\ndI/dt = -I/(5*ms) : volt\ndg/dt = -g/(5*ms) : amp",
        threshold="v > v_th",
        reset="v = 0*mV",
        method="euler",
    )
    network.population("volts", 2, neuron=neuron, threshold=10 * mV)
    projection = network.connect("in", "volts", weights=3 * mA, receptor_type="g", name="current")
    assert (projection.synaptic_variable, projection.plain) == ("g", False)
    np.testing.assert_allclose(network.weights["current"], 0.003)
    with pytest.raises(UnitError, match="weights of 'current'"):
        network.weights["current"] = np.ones((6, 2)) * mV
    assert "current: in -> volts (g)" in str(network)


def test_summary_names_populations_and_projections():
    network = graph()
    network.connect("in", "exc", hb.Sparse(p=0.5), delay=hb.Learned(0 * ms, 20 * ms))
    network.connect("exc", "exc")
    text = str(network)
    for part in (
        "exc",
        "(8,)",
        "readout",
        "in_to_exc: in -> exc",
        "learned, 0..20",
        "yes, signs kept",
        "at least one step",
    ):
        assert part in text
    assert f"{sum(p.size for p in network.parameters):,}" in text


@pytest.mark.parametrize(
    "change, error, message",
    [
        (lambda n: n.connect("inn", "exc"), UnknownNameError, "unknown population 'inn'. Did you mean 'in'"),
        (lambda n: n.population("exc", 3, neuron=LIF, threshold=1), ConfigurationError, "'exc' already"),
        (lambda n: n.input("two words", 3), ConfigurationError, "must be a word"),
        (lambda n: n.connect("exc", "in"), ConfigurationError, "'in' is an input"),
        (
            lambda n: n.connect("in", "exc", receptor_type="g"),
            UnknownNameError,
            "unknown variable of 'exc', as receptor_type, 'g'",
        ),
        (lambda n: n.connect("in", "exc", delay=50 * ms), ConfigurationError, "shorter than a presentation of 0.05 s"),
        (lambda n: n.connect("in", "exc", delay=-1 * ms), ConfigurationError, "must be >= 0"),
        (lambda n: n.connect("in", "exc", delay=3), UnitError, "delay of 'in_to_exc' needs a value in second"),
        (lambda n: n.connect("in", "exc", delay=[1, 2] * ms), ShapeError, r"or have shape \(6, 8\), found \(2,\)"),
        (lambda n: n.connect("in", "exc", hb.Sparse(i=[0], j=[8])), ConfigurationError, "target neurons j, in 'exc'"),
        (lambda n: n.connect("in", "exc", hb.Sparse(i=[0, 0], j=[1, 1])), ConfigurationError, "0 -> 1 twice"),
        (lambda n: n.connect("in", "exc", hb.OneToOne()), ShapeError, "6 neurons in 'in' and 8 in 'exc'"),
        (lambda n: n.connect("in", "exc", "all"), ConfigurationError, "must be AllToAll"),
        (lambda n: n.connect("in", "exc", weights=1 * mV), UnitError, "weights of 'in_to_exc' needs no unit"),
        (lambda n: n.connect("exc", "out", weights=-1.0), ConfigurationError, "excitatory, and its weights must be"),
        (lambda n: n.connect("in", "exc", weights=np.ones((8, 6))), ShapeError, r"shape \(6, 8\), found \(8, 6\)"),
        (lambda n: n.connect("in", "out", weights=hb.OfDistance(np.exp)), ConfigurationError, "'in' has none"),
        (lambda n: n.input("again", 0), ShapeError, "positive integers"),
        (lambda n: n.population("x", 2, neuron=IN_VOLTS, threshold=1 * mA), UnitError, "threshold of 'x'"),
        (lambda n: n.population("x", 2, neuron=LIF, threshold=1, sign=1.5), ConfigurationError, "must lie in 0..1"),
        (
            lambda n: n.population("x", 2, neuron=LIF, threshold=1, lateral_inhibition=1),
            ConfigurationError,
            "no readout",
        ),
        (
            lambda n: n.population("x", 2, neuron=LIF, threshold=1, readout=True, lateral_inhibition=-1),
            ConfigurationError,
            "lateral inhibition of 'x' is a strength and must be >= 0, found -1",
        ),
        (lambda n: n.input("für", 3), ConfigurationError, "must be a word"),
        (lambda n: n.input("clock", 3), ConfigurationError, "'clock' may name something that is made"),
    ],
)
def test_what_does_not_fit_is_named(change, error, message):
    network = graph()
    with pytest.raises(error, match=message):
        change(network)
    assert [p.name for p in network.populations] == ["in", "exc", "out"] and not network.projections


def test_no_name_is_that_of_an_object_which_is_made_for_a_population():
    network = graph()
    network.population("second", 2, neuron=LIF, threshold=1, readout=True, lateral_inhibition=0.1, bias=0.1)
    for source, target in (("in", "exc"), ("in", "out"), ("exc", "second")):
        network.connect(source, target)
    built = BrianNetwork(network, "float64", NumpyCodeObject)
    built.run(hb.SpikeBatch.from_dense(np.zeros((1, 50, 6), dtype=bool)))
    objects = built.network.sorted_objects
    made = {part.name for whole in objects for part in (whole, *whole.contained_objects) if hasattr(part, "name")}
    made |= {part.clock.name for part in objects}
    own = {p.name for p in (*network.populations, *network.projections)}
    synaptic = {f"{p.name}_pre" for p in network.projections}  # of Synapses alone
    assert len(made - own) > 10
    for name in sorted(made - own - synaptic):
        with pytest.raises(ConfigurationError, match="may name something that is made"):
            graph().input(name, 3)
    with pytest.raises(ConfigurationError, match="'lateral_second' already"):
        network.input("lateral_second", 3)


def test_a_network_can_be_printed_while_it_is_made():
    network = hb.SpikingNetwork(dt=1 * ms, duration=50 * ms)
    assert "no neurons yet" in str(network)
    network.input("in", 6)
    assert "(6,)" in str(network) and "no neurons yet" in str(network)
    network.population("exc", 8, neuron=LIF, threshold=1)
    network.population("out", 3, neuron=IN_VOLTS, threshold=10 * mV, readout=True)
    assert repr(LIF) in str(network) and repr(IN_VOLTS) in str(network)


def test_the_summary_of_a_chain_counts_loops_and_delays():
    late = hb.Learned(0 * ms, 5 * ms)
    layers = [hb.Dense(5, threshold=1, recurrent=hb.Recurrent(), delay=late), hb.Dense(2, threshold=1)]
    table = str(hb.SpikingNetwork(4, layers, LIF, dt=1 * ms, duration=50 * ms)).splitlines()
    assert table[-3].split() == ["loops,", "delays", "45"] and table[-2].split() == ["total", "75"]


def test_weights_of_a_wrong_sign_are_refused_later_too():
    network = graph()
    network.connect("exc", "out")
    with pytest.raises(ConfigurationError, match=r"'exc_to_out'.*inhibitory: weights must be <= 0.*\(6, 0\)"):
        network.weights["exc_to_out"] = np.ones((8, 3))


def test_doubled_projections_need_a_name():
    network = graph()
    network.connect("in", "exc")
    with pytest.raises(ConfigurationError, match="give the second projection of two populations a name="):
        network.connect("in", "exc")
    assert network.connect("in", "exc", name="second").name == "second"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_readout_must_be_reached_and_others_are_warned_of():
    network = graph()
    network.connect("exc", "out")
    with pytest.raises(ConfigurationError, match="no path leads from an input to 'out'"):
        make_engine(network, "fused")
    network.connect("in", "out")
    with pytest.warns(UserWarning, match="no path leads from an input to 'exc'.*receive nothing"):
        make_engine(network, "fused")


def test_a_chain_can_not_be_added_to():
    network = hb.SpikingNetwork(3, [hb.Dense(2, threshold=1)], LIF, dt=1 * ms, duration=10 * ms)
    with pytest.raises(ConfigurationError, match="begin with SpikingNetwork"):
        network.input("more", 3)

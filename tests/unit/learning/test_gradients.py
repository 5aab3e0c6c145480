import dataclasses

import numpy as np
import pytest
from brian2 import ms
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import oracle_gradients
from random_records import lif_network, random_record

from hm2bp_brian.errors import ConfigurationError, LabelError, NoSpspError, ShapeError
from hm2bp_brian.learning import component
from hm2bp_brian.learning.backward import backward, regular_train
from hm2bp_brian.learning.component import NumpyKernels
from hm2bp_brian.learning.gradient_sum import Gradients, GradientSum
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.lateral import lateral_factor
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.learning.regularizers import WeightLimit
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.learning.spsp import layer_spsp, spsp
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF, NeuronModel
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch


def assert_same(found, expected, rtol=1e-9):
    assert found.loss == pytest.approx(expected.loss, rel=rtol)
    for kind in ("arrays", "deltas"):
        for one, other in zip(getattr(found, kind), getattr(expected, kind), strict=True):
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("sizes", [(4, 3), (4, 5, 3), (3, 4, 3, 2)])
@pytest.mark.parametrize("method", ["euler", "exact"])
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    silent=st.sampled_from([0.0, 0.3, 1.0]),
    margin=st.sampled_from([0, 1, 3]),
    lateral=st.sampled_from([0.0, 0.3]),
    regularizer=st.sampled_from([None, WeightLimit(strength=0.3, limit=0.5)]),
    weighted=st.booleans(),
    ratio=st.sampled_from([1.0, 0.1, 0.0]),
)
def test_gradients_are_those_of_the_oracle(sizes, method, seed, silent, margin, lateral, regularizer, weighted, ratio):
    network = lif_network(method, sizes=sizes, lateral=lateral)
    generator = np.random.default_rng(seed)
    record = random_record(network, generator, silent=silent)
    labels = generator.integers(0, sizes[-1], record.n_samples)
    loss = SpikeCountLoss(desired=6, undesired=1, margin=margin)
    sample_weights = generator.uniform(0.5, 2, record.n_samples) if weighted else None
    found = gradients(
        network,
        record,
        labels,
        loss,
        regularizer=regularizer,
        sample_weights=sample_weights,
        rules=Rules(silent_delta_ratio=ratio),
    )
    assert_same(found, oracle_gradients(network, record, labels, loss, regularizer, sample_weights, ratio))


# One input, one hidden and one output neuron; forward Euler with dt = 1 ms, tau_m = 4 ms, tau_s = 2 ms, so that one
# step is u <- 3/4 u + 1/2 I, I <- 1/2 I: a spike of weight 1 gives u = 1/2 and 5/8 one and two steps later.
#
#   input fires at 0 and 1, hidden neuron (nu = 2, w = 4) at 2, output neuron (nu = 1, w = 3) at 4.
#   hidden  e = 5/8 + 1/2 = 9/8,  kappa = 1 + 4 * 9/8 / 2 = 13/4
#   output  e = 5/8,              kappa = 1 + 3 * 5/8 / 1 = 23/8
#   3 spikes wanted, 1 found: o - y = -2, E = 2; output delta = -2/1 = -2, hidden delta = -2 * 3 * 5/8 / 2 = -15/8.
#   gradients: output -2 * 23/8 * 5/8 = -115/32, hidden -15/8 * 13/4 * 9/8 = -1755/256.
def test_one_update_by_hand():
    neuron = LIF(4 * ms, 2 * ms, refractory=2 * ms)
    network = SpikingNetwork(1, [Dense(1, 2.0), Dense(1, 1.0)], neuron, dt=1 * ms, duration=6 * ms)
    network.weights = [[[4.0]], [[3.0]]]
    record = SpikeRecord(*_trains([0, 1], [2], [4], n_steps=6))
    found = gradients(network, record, [0], SpikeCountLoss(desired=3, undesired=0, margin=1))
    assert found.loss == 2
    assert [float(delta.item()) for delta in found.deltas] == [-15 / 8, -2]
    assert [float(gradient.item()) for gradient in found] == [-1755 / 256, -115 / 32]


def _trains(*trains, n_steps):
    batches = [
        SpikeBatch.from_events(
            np.zeros(len(steps), int), steps, np.zeros(len(steps), int), n_samples=1, n_steps=n_steps, shape=(1,)
        )
        for steps in trains
    ]
    return batches[0], batches[1:]


# HM2-BP is the exact derivative of a smooth model of the counts. Around the recorded spikes (marked by a bar), the
# micro level says that a neuron's S-PSPs grow with both counts, e_ij = c_ij o'_i o_j, c_ij = e̅_ij / (o̅_i o̅_j). The
# count o' there follows the neuron's own weights to first order at fixed S-PSP, and not its inputs (the decoupling);
# the count o that goes on to the next layer follows the resulting T-PSP:
#
#   o'_i = o̅_i + 1/nu_i sum_l (w_il - w̅_il) e̅_il,   a_i = sum_j w_ij c_ij o'_i o_j,   o_i = o̅_i + (a_i - a̅_i) / nu_i
#
# da_i/dw_ij = e_ij + (a_i/o_i) e_ij/nu_i = kappa_i e_ij, and da_i/do_j = w_ij e_ij/o_j: the two levels of HM2-BP.
def test_finite_differences_of_the_smooth_model_agree():
    network = lif_network(sizes=(5, 4, 3))
    record = random_record(network, np.random.default_rng(4), n_samples=2, silent=0)
    assert all(batch.counts.min() > 0 for batch in (record.input, *record.layers))
    recorded = [np.asarray(w, dtype=np.float64) for w in network.weights]
    e = [spsp(network, record, layer) for layer in range(2)]  # (n, i, j)
    o_bar = [record.input.counts, *(layer.counts for layer in record.layers)]
    labels, loss = np.array([2, 0]), SpikeCountLoss(desired=7, undesired=1, margin=0)

    def mean_loss(weights):
        o = o_bar[0]
        for layer, (w, w_bar) in enumerate(zip(weights, recorded, strict=True)):
            nu = network.thresholds[layer]
            o_micro = o_bar[layer + 1] + np.einsum("ji,nij->ni", w - w_bar, e[layer]) / nu
            c = e[layer] / (o_bar[layer + 1][:, :, None] * o_bar[layer][:, None, :])
            a = np.einsum("ji,nij,ni,nj->ni", w, c, o_micro, o)
            a_bar = np.einsum("ji,nij->ni", w_bar, e[layer])
            o = o_bar[layer + 1] + (a - a_bar) / nu
        return loss.errors(o, labels).values.mean()

    found = gradients(network, record, labels, loss)
    assert found.loss == pytest.approx(mean_loss(recorded), rel=1e-12)
    h = 1e-5
    for layer, gradient in enumerate(found):
        slopes = np.empty_like(gradient)
        for where in np.ndindex(gradient.shape):
            there, back = ([w.copy() for w in recorded] for _ in range(2))
            there[layer][where] += h
            back[layer][where] -= h
            slopes[where] = (mean_loss(there) - mean_loss(back)) / (2 * h)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-6 * np.abs(gradient).max())


def test_gradient_is_the_mean_of_the_samples_gradients_times_their_weights():
    network = lif_network(sizes=(4, 5, 3), lateral=0.3)
    record = random_record(network, np.random.default_rng(8))
    labels, sample_weights = np.array([0, 2, 1]), np.array([1.0, 0.0, 2.5])
    loss = SpikeCountLoss(desired=6, undesired=1, margin=0)
    whole = gradients(network, record, labels, loss, sample_weights=sample_weights)
    dense = [batch.dense() for batch in (record.input, *record.layers)]
    singles = []
    for n in range(3):
        first, *others = [SpikeBatch.from_dense(spikes[n : n + 1]) for spikes in dense]
        singles.append(gradients(network, SpikeRecord(first, others), labels[n : n + 1], loss))
    for layer in range(2):
        mean = sum(s * single[layer] for s, single in zip(sample_weights, singles, strict=True)) / 3
        np.testing.assert_allclose(whole[layer], mean, rtol=1e-12, atol=1e-12)
    assert whole.loss == pytest.approx((singles[0].loss + 2.5 * singles[2].loss) / 3)


def test_silent_neurons_learn_by_the_stand_in_values():
    network = lif_network(sizes=(3, 2, 2))
    network_weights = [w.astype(np.float64) for w in network.weights]
    pre = np.zeros((1, 30, 3), bool)
    pre[0, 5, 1] = True  # inputs 0 and 2 are silent, so are all neurons
    silent = np.zeros((1, 30, 2), bool)
    record = SpikeRecord(SpikeBatch.from_dense(pre), [SpikeBatch.from_dense(silent)] * 2)
    found = gradients(network, record, [1], SpikeCountLoss(desired=6, undesired=1, margin=1))
    nu_hidden, nu_output = network.thresholds
    # only the target is in error; its regular train has no S-PSP of a silent input, and the ratio is 1
    np.testing.assert_allclose(found.deltas[1], [[0, -6 / nu_output]])
    delta = network_weights[1][:, 1] * -6 / nu_output / nu_hidden
    np.testing.assert_allclose(found.deltas[0], [delta])
    np.testing.assert_array_equal(found[1], 0)
    kappa = 1 + 0.5 * network_weights[0].sum(axis=0) / nu_hidden
    np.testing.assert_allclose(found[0], [[0, 0], 0.1 * delta * kappa, [0, 0]])


def test_samples_without_error_are_skipped(monkeypatch):
    network = lif_network(sizes=(4, 5, 3), lateral=0.3)
    record = random_record(network, np.random.default_rng(9), n_samples=3, silent=0)
    loss = SpikeCountLoss(desired=100, undesired=0, margin=99)
    visited = []
    monkeypatch.setattr(component, "adjoint", lambda *args: visited.append(args[2]) or pytest.fail("not needed"))
    found = gradients(network, record, [0, 1, 2], loss)
    assert visited == [] and found.loss == 0
    assert not any(gradient.any() for gradient in found)


def test_regular_train_is_even():
    np.testing.assert_array_equal(regular_train(2, 10), [2, 7])
    np.testing.assert_array_equal(regular_train(1, 7), [3])
    train = regular_train(35, 400)
    assert (len(train), train[0], train[-1]) == (35, 5, 394)
    assert set(np.diff(train)) == {11, 12}
    np.testing.assert_array_equal(regular_train(9, 4), [0, 1, 2, 3])


def test_lateral_factor_of_two_neurons_by_hand():
    # Euler, u <- 3/4 u + 1/2 I, I <- 1/2 I. Neuron 0 fires at 1 and 5, neuron 1 at 3; neuron 2 never.
    # e_{1|0}: spike at 1, read at 3: 5/8, over 2 spikes of 0. e_{0|1}: spike at 3, read at 5: 5/8, over 1 spike.
    network = SpikingNetwork(1, [Dense(3, 2.0)], LIF(4 * ms, 2 * ms), dt=1 * ms, duration=8 * ms)
    output = SpikeBatch.from_events([0, 0, 0], [1, 5, 3], [0, 0, 1], n_samples=1, n_steps=8, shape=(3,))
    factor = lateral_factor(layer_spsp(output, output, network.linear_map(0)), output.counts, 2.0, -1.5)
    pair = 1 / (1 - 1.5**2 / 2**2 * (5 / 16) * (5 / 8))
    np.testing.assert_allclose(factor, [[pair, pair, 1]], rtol=1e-14)


def two_outputs_in_a_loop():
    """S-PSPs and counts of two neurons, whose loops add up to (weight / v_th)² 3 * 2 / (2 * 3)."""
    spsp = np.zeros((1, 2, 2))
    spsp[0, 0, 1], spsp[0, 1, 0] = 3.0, 2.0
    return spsp, np.array([[2, 3]])


@pytest.mark.parametrize("weight", [-2.0, -2.5])
def test_lateral_loops_of_one_and_more_are_refused(weight):
    # with 2 the factor has its pole, with 2.5 it is 1 / (1 - 25/16) < 0 and would turn gradients round
    with pytest.raises(ConfigurationError, match="too strong for HM2-BP.* neuron 0 in sample 0"):
        lateral_factor(*two_outputs_in_a_loop(), 2.0, weight)


def test_strong_lateral_loops_are_warned_of():
    with pytest.warns(RuntimeWarning, match="lateral inhibition of 1.6 with threshold 2 .* exceed 0.5"):
        factor = lateral_factor(*two_outputs_in_a_loop(), 2.0, -1.6)
    np.testing.assert_allclose(factor, 1 / (1 - 0.64))
    np.testing.assert_allclose(lateral_factor(*two_outputs_in_a_loop(), 2.0, -1.4), 1 / (1 - 0.49))


def test_lateral_inhibition_changes_the_output_gradient_only():
    free, inhibited = (lif_network(sizes=(4, 5, 3), lateral=lateral) for lateral in (0.0, 0.3))
    record = random_record(free, np.random.default_rng(10), silent=0)
    loss = SpikeCountLoss(desired=6, undesired=1, margin=0)
    without, with_it = (gradients(network, record, [0, 1, 2], loss) for network in (free, inhibited))
    np.testing.assert_array_equal(without[0], with_it[0])
    for layer in range(2):
        np.testing.assert_array_equal(without.deltas[layer], with_it.deltas[layer])
    assert not np.allclose(without[1], with_it[1])


def test_kernels_of_an_engine_can_take_a_component_backwards():
    network = lif_network(sizes=(4, 5, 3))
    record = random_record(network, np.random.default_rng(11))
    calls = []

    class Doubled(NumpyKernels):
        def backward_component(self, component, walk):
            (projection,) = component.inputs
            calls.append((projection.name, walk.deltas[projection.target.name].shape))
            super().backward_component(component, walk)
            number = network.weighted.index(projection)
            walk.gradients[number] = 2 * walk.gradients[number]

    errors = SpikeCountLoss().errors(record.output.counts, [0, 1, 2])
    once, twice = (
        backward(network, network.weights, record, errors, Rules(), kernels).mean()
        for kernels in (None, Doubled(network))
    )
    assert calls == [("synapses_1", (3, 3)), ("synapses_0", (3, 5))]
    for layer in range(2):
        np.testing.assert_array_equal(twice[layer], 2 * once[layer])


def test_sums_of_parts_add_up_to_the_whole():
    parts = [GradientSum((np.full(2, k, np.float32),), k / 2, k, (np.full((k, 3), k),)) for k in (1, 2, 4)]
    total = parts[0] + parts[1] + parts[2]
    assert (total.arrays[0].tolist(), total.loss, total.n_samples) == ([7, 7], 3.5, 7)
    assert total.arrays[0].dtype == np.float32
    assert total.deltas[0][:, 0].tolist() == [1, 2, 2, 4, 4, 4, 4]
    assert (total + GradientSum((np.zeros(2),), 0.0, 1)).deltas == ()
    mean = total.mean()
    assert (mean[0].tolist(), mean.loss) == ([1, 1], 0.5)


def test_gradients_are_a_sequence_of_layers():
    arrays = (np.zeros((2, 3)), np.ones((3, 1)))
    found = Gradients(arrays, 0.5, ())
    assert len(found) == 2 and found[1] is arrays[1] and found[-2] is arrays[0]
    assert [array.shape for array in found] == [(2, 3), (3, 1)]


def test_silent_neurons_get_their_delta_by_the_ratio():
    """One input, two hidden neurons of which one is silent, one output that should have fired more often."""
    network = lif_network(sizes=(1, 2, 1))
    trains = [[(3, 0), (5, 0)], [(6, 0)], [(9, 0)]]  # (step, neuron)
    batches = [
        SpikeBatch.from_events(
            [0] * len(train), *zip(*train, strict=True), n_samples=1, n_steps=network.n_steps, shape=(size,)
        )
        for train, size in zip(trains, (1, 2, 1), strict=True)
    ]
    record = SpikeRecord(batches[0], batches[1:])
    loss = SpikeCountLoss(desired=6, undesired=1, margin=0)
    fired, silent = [], []
    for ratio in (1.0, 0.1, 0.0):
        delta = gradients(network, record, [0], loss, rules=Rules(silent_delta_ratio=ratio)).deltas[0][0]
        fired.append(delta[0])
        silent.append(delta[1])
    error = (1 - 6) / network.thresholds[1]
    assert fired[0] == fired[1] == fired[2] != 0  # its ratio is e / o
    np.testing.assert_allclose(silent, error * network.weights[1][1, 0] / network.thresholds[0] * np.array([1, 0.1, 0]))


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "1", None, True])
@pytest.mark.parametrize("name", ["silent_spsp", "silent_delta_ratio", "silent_kappa_ratio"])
def test_rules_must_be_numbers(name, value):
    with pytest.raises(ConfigurationError, match=f"Rules.{name} must be finite and >= 0, found"):
        Rules(**{name: value})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_classes_in_one_hot_form_are_told():
    network = lif_network("euler", sizes=(4, 3))
    record = random_record(network, np.random.default_rng(0))
    one_hot = np.eye(3)[np.arange(record.n_samples) % 3]
    with pytest.warns(UserWarning, match=r"^labels of shape .* one spike of one neuron .*labels.argmax\(axis=1\)"):
        gradients(network, record, one_hot.tolist())
    gradients(network, record, 2 * one_hot)  # warnings are errors here


def test_labels_and_records_must_fit_the_network():
    network = lif_network(sizes=(4, 3))
    record = random_record(network, np.random.default_rng(0))
    with pytest.raises(LabelError, match="found 3 at sample 2"):
        gradients(network, record, [0, 1, 3])
    with pytest.raises(LabelError, match=r"shape \(3,\), found shape \(2,\)"):
        gradients(network, record, [0, 1])
    with pytest.raises(ShapeError, match="the record is not of this network"):
        gradients(lif_network(sizes=(4, 5, 3)), record, [0, 1, 2])


@pytest.mark.parametrize(
    "sample_weights, error, message",
    [
        ([1.0, 1.0], ShapeError, r"\(3,\), found \(2,\)"),
        ([1.0, -0.5, 1.0], ConfigurationError, "found -0.5 at 1"),
        ([1.0, 1.0, np.inf], ConfigurationError, "found inf at 2"),
    ],
)
def test_sample_weights_must_be_one_factor_a_sample(sample_weights, error, message):
    network = lif_network(sizes=(4, 3))
    record = random_record(network, np.random.default_rng(0))
    with pytest.raises(error, match=message):
        gradients(network, record, [0, 1, 2], sample_weights=sample_weights)


@pytest.mark.parametrize("threshold", [0.0, -1.0])
def test_thresholds_must_be_positive(threshold):
    layers = [Dense(3, 1.0), Dense(3, 1.0)]
    network = SpikingNetwork(4, layers, LIF(20 * ms, 5 * ms), dt=1 * ms, duration=30 * ms)
    # a network can't be made with a negative one
    network.neural[1] = dataclasses.replace(network.neural[1], threshold=threshold)
    record = random_record(network, np.random.default_rng(0))
    with pytest.raises(
        ConfigurationError, match=f"threshold of layer_1 must be positive for HM2-BP, found {threshold}"
    ):
        gradients(network, record, [0, 1, 2])


def test_neurons_without_an_spsp_are_refused():
    folded = NeuronModel("du/dt = (clip(u, 0, 1) - u + I)/tau : 1\ndI/dt = -I/tau : 1", method="euler", tau=10 * ms)
    network = SpikingNetwork(4, [Dense(3, 1.0)], folded, dt=1 * ms, duration=30 * ms)
    record = random_record(lif_network(sizes=(4, 3)), np.random.default_rng(0))
    with pytest.raises(NoSpspError, match=r"the term clip\(u, 0, 1\)/tau in .* has no derivative"):
        gradients(network, record, [0, 1, 2])

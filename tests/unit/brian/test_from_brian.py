"""Users' own Brian2 networks: they fire as before, and get back what was trained."""

import numpy as np
import pytest
from brian2 import (
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    amp,
    ms,
    mV,
    nA,
    volt,
)

import hm2bp_brian as hb
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.spikes import SpikeBatch

pytestmark = pytest.mark.usefixtures("half_a_millisecond")
N_STEPS, DT = 120, 0.5 * ms


def spikes(n, rate=0.1, seed=0):
    """Neurons and steps at which they fire."""
    return np.nonzero(np.random.default_rng(seed).random((n, N_STEPS)) < rate)


def generator(n, name="sound", **settings):
    neurons, steps = spikes(n, **settings)
    return SpikeGeneratorGroup(n, neurons, steps * DT, name=name)


def ei_network():
    """Currents in one population of two subgroups, a weight of each form, delays of both kinds."""
    tau_m, tau_s, v_t, gain = 12 * ms, 4 * ms, 9 * mV, 0.8
    cells = NeuronGroup(
        30,
        "dv/dt = (I - v)/tau_m : volt (unless refractory)\ndI/dt = -I/tau_s : volt",
        threshold="v > v_t",
        reset="v = 0*mV",
        refractory=2 * ms,
        method="euler",
        name="cells",
    )
    sound = generator(8)
    random = np.random.default_rng(1)
    drive = Synapses(sound, cells, "w : 1", on_pre="I_post += w*mV", name="drive")
    drive.connect()
    drive.w = random.normal(6, 6, 240)
    exc = Synapses(cells[:24], cells, "J : volt", on_pre="I += gain*J", name="exc")
    exc.connect(
        i=np.repeat(np.arange(24), 3), j=random.permuted(np.tile(np.arange(30), (24, 1)), axis=1)[:, :3].ravel()
    )
    exc.J = random.uniform(0, 9, 72) * mV
    exc.delay = random.uniform(0, 6, 72) * ms
    inh = Synapses(cells[24:], cells, "w : 1", on_pre="I_post -= w*5*mV", delay=1.25 * ms, name="inh")
    inh.connect(condition="i + 24 != j", p=1)
    inh.w = "0.1 + 0.5*(j/30.)"
    objects = [sound, cells, drive, exc, inh]
    return objects, {"tau_m": tau_m, "tau_s": tau_s, "v_t": v_t, "gain": gain}


def conductance_like():
    """Products of variables, a subexpression, parameters one a neuron and in the namespace, a fixed weight."""
    a = generator(5, rate=0.2)
    b = generator(3, name="light", rate=0.2, seed=5)
    first = NeuronGroup(
        6,
        """
        dv/dt = (g*drive - v - a)/tau : 1
        dg/dt = -g/tau_g : 1
        da/dt = -a/(30*ms) : 1
        drive = gain*(1 + exp(-v**2)) : 1
        tau : second (constant)
        unused : 1
        """,
        threshold="v_th <= v",
        reset="v = 0\na += jump",
        method="rk2",
        namespace={"tau_g": 3 * ms, "gain": 1.3, "jump": 0.4, "v_th": 1.5},
        name="first",
    )
    first.tau = np.linspace(5, 15, 6) * ms
    second_ = NeuronGroup(
        2, "dv/dt = -v/(8*ms) : 1", threshold="v >= 2.5", reset="v -= 1", method="exact", name="second"
    )
    up = Synapses(a, first, "w : 1", on_pre="g += w", name="up")
    up.connect()
    up.w = "1.2 + 0.1*i"
    side = Synapses(b, first, on_pre="g_post += 0.75", name="side")
    side.connect(j="i")
    on = Synapses(first, second_, "w : 1", on_pre="v_post += w", delay=2 * ms, name="on")
    on.connect(p=1)
    on.w = "0.5 + 0.2*j"
    back = Synapses(second_, first, "w : 1", on_pre="g_post += -w/2", name="back")
    back.connect()
    back.w = 0.7
    return [a, b, first, second_, up, side, on, back], {}


def in_ampere():
    """A refractory time given as a text, a parameter that the reset changes, limits with a unit in the equations."""
    a = generator(6, rate=0.15)
    cells = NeuronGroup(
        4,
        """
        dv/dt = (R*I - v - theta)/(10*ms) : volt
        dI/dt = -I/(5*ms) : amp
        theta : volt
        """,
        threshold="v > 0.02*volt",
        reset="v = -2*mV\ntheta += 1*mV",
        refractory="2*dead",
        method="euler",
        name="cells",
    )
    up = Synapses(a, cells, "w : amp", on_pre="I_post += w", name="up")
    up.connect()
    up.w = "(1 + i*0.4 + j*0.2)*nA"
    return [a, cells, up], {"dead": 1.5 * ms, "R": 20e6 * volt / amp}


def resting_low():
    """Rest at -70 mV, and starts that differ."""
    a = generator(6, rate=0.15)
    cells = NeuronGroup(
        4,
        "dv/dt = (E_L - v + I)/(10*ms) : volt\ndI/dt = -I/(5*ms) : volt",
        threshold="v > -50*mV",
        reset="v = E_L - 5*mV",
        namespace={"E_L": -70 * mV},
        method="euler",
        name="cells",
    )
    cells.v = [-70, -65, -60, -70] * mV
    up = Synapses(a, cells, "w : volt", on_pre="I_post += w", name="up")
    up.connect()
    up.w = "(25 + i*3 + j*2)*mV"
    return [a, cells, up], {}


def two_receptors():
    """Excitation and inhibition by exponential currents, as in Brian2's CUBA example."""
    return _with_receptors("dv/dt = (ge + gi - v)/(15*ms) : volt (unless refractory)", "volt", 8 * mV, -5 * mV), {}


def two_conductances():
    """The same by conductances, as in COBA: not affine."""
    equation = "dv/dt = (ge*(60*mV - v) + gi*(-20*mV - v) - v)/(15*ms) : volt (unless refractory)"
    return _with_receptors(equation, "1", 0.3, 0.4), {}


def _with_receptors(equation, unit, excitation, inhibition):
    sound, more = generator(12, rate=0.2), generator(6, name="more", rate=0.1, seed=2)
    cells = NeuronGroup(
        20,
        f"{equation}\ndge/dt = -ge/(5*ms) : {unit}\ndgi/dt = -gi/(10*ms) : {unit}",
        threshold="v > 9*mV",
        reset="v = 0*mV",
        refractory=2 * ms,
        method="euler",
        name="cells",
    )
    found = []
    for name, source, receptor, weight in (
        ("exc", sound, "ge", excitation),
        ("inh", more, "gi", inhibition),
        ("loop", cells, "gi", inhibition / 2),
    ):
        wires = Synapses(source, cells, f"w : {unit}", on_pre=f"{receptor}_post += w", name=name)
        wires.connect(condition="(i + j) % 3 != 0")
        wires.w = weight * (1 + np.arange(len(wires)) / len(wires))
        found.append(wires)
    found[-1].delay = 1.5 * ms
    return [sound, more, cells, *found]


MODELS = {
    "two receptors": (two_receptors, ["sound", "more"], "cells"),
    "two conductances": (two_conductances, ["sound", "more"], "cells"),
    "ei": (ei_network, "sound", "cells"),
    "products": (conductance_like, ["light", "sound"], "second"),
    "ampere": (in_ampere, "sound", "cells"),
    "rest": (resting_low, "sound", "cells"),
}


def batch_of(objects, inputs):
    """The spikes of the user's generators as one sample, in the order of the inputs."""
    found = {one.name: one for one in objects if isinstance(one, SpikeGeneratorGroup)}
    dense = [np.zeros((len(found[name]), N_STEPS), dtype=bool) for name in inputs]
    for array, name in zip(dense, inputs, strict=True):
        array[found[name]._neuron_index, np.rint(found[name]._spike_time / float(DT)).astype(int)] = True
    return SpikeBatch.from_dense(np.concatenate(dense).T[None])


@pytest.mark.parametrize("engine", ["brian2", "fused"])
@pytest.mark.parametrize("model", MODELS)
def test_a_network_fires_as_the_users_objects(model, engine):
    make, inputs, readout = MODELS[model]
    objects, namespace = make()
    network = hb.from_brian(objects, inputs=inputs, readout=readout, duration=N_STEPS * DT, namespace=namespace)
    record = hb.simulate(network, batch_of(objects, [inputs] if isinstance(inputs, str) else inputs), engine, "float64")
    monitors = [SpikeMonitor(one) for one in objects if one.name in [p.name for p in network.neural]]
    Network(objects, monitors).run(N_STEPS * DT, namespace=namespace)
    for monitor, layer, population in zip(monitors, record.layers, network.neural, strict=True):
        assert monitor.source.name == population.name
        steps = np.rint(monitor.t / DT).astype(int)
        own = SpikeBatch.from_events(
            np.zeros_like(steps), steps, np.array(monitor.i), n_samples=1, n_steps=N_STEPS, shape=population.shape
        )
        assert own.n_spikes > 10
        assert layer == own


def test_names_are_looked_up_where_it_is_called_and_a_network_is_taken_whole():
    objects, namespace = ei_network()
    tau_m, tau_s, v_t, gain = (namespace[name] for name in ("tau_m", "tau_s", "v_t", "gain"))  # noqa: F841
    whole = Network(objects, SpikeMonitor(objects[1]), StateMonitor(objects[1], "v", record=True))
    network = hb.from_brian(whole, inputs=objects[0], readout=objects[1], duration=20 * ms)
    assert network.neural[0].threshold == pytest.approx(0.009)
    np.testing.assert_array_equal(network.neurons[0].parameters["tau_m"], namespace["tau_m"])


def make_ei(**settings):
    objects, namespace = ei_network()
    settings = {"inputs": "sound", "readout": "cells", "duration": 60 * ms, "namespace": namespace} | settings
    return objects, hb.from_brian(objects, **settings), namespace


def test_weights_and_delays_are_those_of_the_synapses():
    band = hb.RateBand(1, 5)
    learned = {"exc": hb.Learned(0 * ms, 20 * ms)}
    objects, network, _ = make_ei(learned_delays=learned, rates={"cells": band}, keep_signs=True)
    assert network.neural[0].rate_band is band
    drive, exc, inh = objects[2:]
    assert [p.name for p in network.projections] == ["drive", "exc", "inh"]
    assert [p.connection.weight_shape for p in network.projections] == [(8, 30), (72,), (174,)]
    for i, j, w in zip(drive.i, drive.j, drive.w, strict=True):
        assert network.weights["drive"][i, j] == w * 1e-3
    found = {(i, j): n for n, (i, j, _) in enumerate(zip(*network.projections[1].connection.synapses(), strict=True))}
    for i, j, weight, delay in zip(exc.i, exc.j, exc.J, exc.delay, strict=True):
        number = found[i, j]
        assert network.weights["exc"][number] == pytest.approx(0.8 * float(weight), rel=1e-14)
        assert network.delays["exc"][number] == pytest.approx(float(delay / DT), rel=1e-6)
    assert (network.projections[2].connection.pre >= 24).all() and (network.weights["inh"] < 0).all()
    assert network.projections[2].delays.steps == 3  # 2.5 steps, rounded up as Brian2 does
    assert [p.sign is None or int(p.sign[0]) for p in network.projections] == [True, 1, -1]
    _, without, _ = make_ei()
    assert all(p.sign is None for p in without.projections)


def test_write_back_puts_weights_and_delays_into_the_users_objects():
    objects, network, namespace = make_ei(learned_delays={"exc": hb.Learned(0 * ms, 20 * ms)})
    before = {one.name: np.array(one.w if one.name != "exc" else one.J / volt) for one in objects[2:]}
    network.write_back(objects, namespace)
    for one in objects[2:]:
        np.testing.assert_allclose(one.w if one.name != "exc" else one.J / volt, before[one.name], rtol=1e-12)
    random = np.random.default_rng(3)
    for name in ("drive", "exc", "inh"):
        network.weights[name] = random.normal(0, 5e-3, network.weights[name].shape)
    network.delays["exc"] = random.uniform(0, 30, 72)
    fresh, _ = ei_network()
    network.write_back(Network(fresh), namespace)
    same = hb.from_brian(fresh, inputs="sound", readout="cells", duration=60 * ms, namespace=namespace)
    for name in ("drive", "exc", "inh"):
        np.testing.assert_allclose(same.weights[name], network.weights[name], rtol=1e-12)
    np.testing.assert_array_equal(same.projections[1].delays.steps, np.floor(network.delays["exc"] + 0.5))
    assert fresh[4].w[0] == pytest.approx(-network.weights["inh"][0] / 5e-3)


def test_receptors_keep_their_units_through_training_and_back():
    objects, _ = two_receptors()
    network = hb.from_brian(objects, inputs=["sound", "more"], readout="cells", duration=60 * ms, keep_signs=True)
    assert [(p.name, p.synaptic_variable) for p in network.projections] == [
        ("exc", "ge"),
        ("inh", "gi"),
        ("loop", "gi"),
    ]
    before = [array.copy() for array in network.weights]
    engine = make_engine(network, "fused", "float64")
    tape = engine.forward(network.parameters, batch_of(objects, ["sound", "more"]))
    errors = hb.SpikeCountLoss(9, 1, 0).errors(tape.counts, np.array([3]))
    gradients = engine.backward(tape, errors, Rules(recurrent_terms=0))
    for number, gradient in enumerate(gradients.arrays):
        assert np.abs(gradient).max() > 0
        network.weights[number] = before[number] * 1.5
    network.write_back(objects)
    loop = objects[-1]
    loop.w = 0 * mV
    with pytest.warns(UserWarning, match="whose weights are not written: exc, inh$"):
        network.write_back(loop)
    for wires, array in zip(objects[3:], before, strict=True):
        np.testing.assert_allclose(np.asarray(wires.w), 1.5 * array, rtol=1e-12)


def test_a_constant_weight_stays_as_it_is():
    objects, _ = conductance_like()
    network = hb.from_brian(objects, inputs=["sound", "light"], readout="second", duration=60 * ms)
    side = next(p for p in network.projections if p.name == "side")
    assert not side.plastic and (network.weights["side"] == 0.75).all()
    network.write_back(objects)


def test_write_back_refuses_other_connections_and_says_what_has_no_synapses():
    objects, network, namespace = make_ei()
    other = Synapses(objects[1], objects[1], "J : volt", on_pre="I += J", name="exc_")
    other.connect(i=0, j=1)
    network.population("out", 3, neuron=hb.LIF(20 * ms, 5 * ms), threshold=1, readout=True)
    network.connect("cells", "out")
    with pytest.warns(UserWarning, match="whose weights are not written: cells_to_out$"):
        network.write_back(objects, namespace)
    drive = Synapses(objects[0], objects[1], "w : 1", on_pre="I_post += w*mV", name="drive_2")
    drive.connect(i=0, j=0)
    drive._name = "drive"
    with pytest.raises(ConfigurationError, match="'drive' connects other neurons than in the network"):
        network.write_back([objects[0], objects[1], drive], namespace)


def test_poisson_groups_and_neuron_groups_may_be_inputs():
    source = PoissonGroup(4, 100 / (1000 * ms), name="poisson")
    cells = NeuronGroup(3, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", name="cells")
    whole = Synapses(source, cells, "w : 1", on_pre="v_post += w", name="wires")
    whole.connect(p=1)
    whole.w = 0.5
    out = NeuronGroup(1, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", name="out")
    on = Synapses(cells, out, "w : 1", on_pre="v_post += w", name="on")
    on.connect()
    network = hb.from_brian([source, cells, whole, out, on], inputs=source, readout=out, duration=10 * ms)
    assert network.input_shape == (4,)
    settings = {"readout": "cells", "duration": 10 * ms}
    assert hb.from_brian([source, cells, whole], inputs={"poisson": (2, 2, 1)}, **settings).input_shape == (2, 2, 1)
    assert hb.from_brian([source, cells, whole], inputs={"poisson": 4}, **settings).input_shape == (4,)
    assert hb.from_brian([source, cells, whole], inputs={source: (2, 2, 1)}, **settings).input_shape == (2, 2, 1)
    with pytest.raises(ShapeError, match=r"'poisson' has 4 neurons, which is not the shape \(2, 3, 1\)"):
        hb.from_brian([source, cells, whole], inputs={"poisson": (2, 3, 1)}, **settings)
    inner = hb.from_brian([cells, out, on], inputs="cells", readout=[out], duration=10 * ms)
    assert inner.input_shape == (3,) and [p.name for p in inner.neural] == ["out"]
    assert 1 * nA > 0 * nA and 1 * mV > 0 * mV

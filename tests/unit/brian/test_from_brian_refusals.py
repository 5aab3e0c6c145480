"""Users' own Brian2 networks that do not fit: refused by name and reason."""

import pytest
from brian2 import (
    BinomialFunction,
    Clock,
    Network,
    NeuronGroup,
    PoissonInput,
    SpikeGeneratorGroup,
    Synapses,
    ms,
)

import hm2bp_brian as hb
from hm2bp_brian.devices import preferences
from hm2bp_brian.errors import ConfigurationError, ShapeError, UnitError, UnknownNameError

pytestmark = pytest.mark.usefixtures("half_a_millisecond")


def small(
    equations="dv/dt = -v/(10*ms) : 1", on_pre="v_post += w", model="w : 1", connect=True, synapses=None, **group
):
    group = {"threshold": "v > 1", "reset": "v = 0", "name": "cells"} | group
    source = SpikeGeneratorGroup(3, [], [] * ms, name="source")
    cells = NeuronGroup(3, equations, **group)
    wires = Synapses(source, cells, model, on_pre=on_pre, name="wires", **(synapses or {}))
    if connect:
        wires.connect()
    return [source, cells, wires]


def linked():
    from brian2 import linked_var

    objects = small("dv/dt = (x - v)/(10*ms) : 1\nx : 1 (linked)")
    objects[1].x = linked_var(objects[1], "v")
    return objects


def with_run_regularly():
    objects = small()
    objects[1].run_regularly("v += 0.1", dt=1 * ms)
    return objects


def started_high():
    objects = small()
    objects[1].v = 1.5
    return objects


def doubled():
    objects = small()
    objects[2].connect(i=0, j=0)
    return objects


def nothing_arrives():
    alone = NeuronGroup(2, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", name="alone")
    return [*small(), alone]


def own_limits():
    objects = small("dv/dt = -v/(10*ms) : 1\nlimit : 1", threshold="v > limit")
    objects[1].limit = "1 + i"
    return objects


ADAPTING = "dv/dt = -v/(10*ms) : 1\nda/dt = -a/(10*ms) : 1"
REFUSED = {
    "'wires': its on_pre must add a weight": lambda: small(on_pre="v_post = w"),
    "found 'v_post \\+= w\na_post \\+= w'": lambda: small(ADAPTING, on_pre="v_post += w\na_post += w"),
    "'wires' adds .* several synaptic variables \\(u, w\\)": lambda: small(
        on_pre="v_post += w*u", model="w : 1\nu : 1"
    ),
    "'wires' adds .* must be proportional to 'w'": lambda: small(on_pre="v_post += w**2"),
    "must be proportional to 'w'": lambda: small(on_pre="v_post += w + 1"),
    "depends on 'v_post', a variable of the neurons": lambda: small(on_pre="v_post += w*(2 - v_post)"),
    "'wires' changes 'w', which is no variable of the target": lambda: small(on_pre="w += 1"),
    "must have one pathway, on_pre, found pre \\(on_pre\\), post \\(on_post\\)": lambda: small(
        synapses={"on_post": "w += 0.1"}
    ),
    "found fast \\(on_pre\\), slow \\(on_pre\\)": lambda: small(on_pre={"fast": "v_post += w", "slow": "v_post -= w"}),
    "must have one pathway, on_pre, found none": lambda: small(on_pre=None),
    "'wires' has event-driven variables": lambda: small(model="w : 1\ndapre/dt = -apre/(10*ms) : 1 (event-driven)"),
    "'wires' has 'wires_stateupdater', which runs in each step": lambda: small(
        model="w : 1\ndx/dt = -x/(10*ms) : 1 (clock-driven)"
    ),
    "'wires' has .*summed.* gap junctions": lambda: small(
        "dv/dt = (gap - v)/(10*ms) : 1\ngap : 1", model="w : 1\ngap_post = w*v_post : 1 (summed)"
    ),
    "'wires' computes variables \\(x\\)": lambda: small(model="w : 1\nx = 2*w : 1", on_pre="v_post += x"),
    "'wires' has no synapses": lambda: small(connect=False),
    "'wires' has several synapses from one neuron to another": doubled,
    "no synapses lead to 'alone'": nothing_arrives,
    "'cells': .*spikes add their weight to 'x'": lambda: small(
        "dv/dt = (x - v)/(10*ms) : 1\nx : 1", on_pre="x_post += w"
    ),
    "'cells' has noise": lambda: small("dv/dt = -v/(10*ms) + xi/ms**.5 : 1", method="euler"),
    "'cells' must have spikes as its only events, found high, spike": lambda: small(events={"high": "v > 3"}),
    "'cells' runs 'cells_run_regularly.*' beside its equations": with_run_regularly,
    "'cells' has linked variables \\(x\\)": linked,
    "'cells'.*: its threshold 'v > v_th' with v_th = 1.0 holds at the start of a presentation": started_high,
    "the threshold of 'cells' must be one variable above a constant.*found 'v\\*\\*2 > 1'": lambda: small(
        threshold="v**2 > 1"
    ),
    "the threshold of 'cells', 'v > limit', must be the same for all neurons": own_limits,
    "the threshold of 'cells', 'v > 1 \\+ a', must be the same": lambda: small(ADAPTING, threshold="v > 1 + a"),
    "'cells' uses the name v_th, .* for something else": lambda: small(reset="v -= v_th", namespace={"v_th": 0.5}),
    "refractory of 'cells' must be one time": lambda: small(refractory="v > 0.3"),
    "'cells' uses the name 'tau', which is neither": lambda: small("dv/dt = -v/tau : 1"),
    "'cells': the neuron uses the time 't'": lambda: small("dv/dt = (sin(t/ms) - v)/(10*ms) : 1"),
    "'cells' has method_options": lambda: small(method="euler", method_options={"simplify": False}),
    "'noise' is a PoissonInput, which a network can't hold": lambda: _with_poisson_input(),
    "'other' is a SpikeGeneratorGroup: name it in inputs=": lambda: [
        *small(),
        SpikeGeneratorGroup(2, [], [] * ms, name="other"),
    ],
    "same time step, found .*cells 500. us.*fast 50. us|same time step, found": lambda: [
        *small(),
        NeuronGroup(1, "v : 1", threshold="v > 1", clock=Clock(50e-6 * 1000 * ms, name="c*"), name="fast"),
    ],
    "'wires' changes 'j', which is no variable of the target": lambda: small(
        "dv/dt = (j - v)/(10*ms) : 1\ndj/dt = -j/(5*ms) : 1", on_pre="j += w"
    ),
    "unknown population 'source'.*": lambda: small()[1:],
    "'wires' has random numbers \\(rand\\)": lambda: small(on_pre="v_post += w*int(rand() < 0.5)"),
    "'wires' has random numbers \\(rand\\) in '\\(w \\* \\(rand": lambda: small(on_pre="v_post += w*(rand() < 0.5)"),
    "'wires' has random numbers \\(randn\\)": lambda: small(on_pre="v_post += w*(1 + 0.5*randn())"),
    "'wires' has random numbers \\(poisson, rand\\)": lambda: small(on_pre="v_post += rand()*poisson(0.5)"),
    "'wires' has random numbers \\(draw\\)": lambda: small(
        on_pre="v_post += w*draw()", synapses={"namespace": {"draw": BinomialFunction(1, 0.5)}}
    ),
    "'cells' has random numbers \\(randn\\) in '1 \\+": lambda: small(threshold="v > 1 + 3*randn()"),
    "'cells' has random numbers \\(rand\\) in '2\\*ms": lambda: small(refractory="2*ms + 8*ms*rand()"),
    "'cells' has noise \\(xi\\) or random numbers": lambda: small(
        reset="v = -draw()", namespace={"draw": BinomialFunction(1, 0.5)}
    ),
    "'wires' adds '\\(gain \\* w\\)', which is 0 whatever 'w' is": lambda: small(
        on_pre="v_post += gain*w", synapses={"namespace": {"gain": 0.0}}
    ),
    "'wires' adds .* can't read.*such as int\\(gain > 0.5\\)": lambda: small(
        on_pre="v_post += w*(gain > 0.5)", synapses={"namespace": {"gain": 1.0}}
    ),
    "units in '\\(w \\+ 1 \\* ms\\)' of 'wires' do not fit": lambda: small(on_pre="v_post += w + 1*ms"),
    "'cells': unknown integration method 'eulre'": lambda: small(method="eulre"),
}


def _with_poisson_input():
    objects = small()
    noise = PoissonInput(objects[1], "v", 10, 100 / (1000 * ms), weight=0.1)
    noise._name = "noise"
    return [*objects, noise]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused_by_name_and_reason(message):
    objects = REFUSED[message]()
    inputs = [one for one in objects if one.name == "source"]
    error = {"unknown": UnknownNameError, "units in": UnitError}
    error = next((kind for words, kind in error.items() if words in message), ConfigurationError)
    with pytest.raises(error, match=message):
        hb.from_brian(objects, inputs=inputs, readout="cells", duration=50 * ms, namespace={})


def test_wrong_arguments():
    objects = small()
    with pytest.raises(UnknownNameError, match=r"unknown group, as input, 'soruce'.*Did you mean 'source'"):
        hb.from_brian(objects, inputs="soruce", readout="cells", duration=50 * ms)
    with pytest.raises(UnknownNameError, match="unknown group, as readout, 'wires'"):
        hb.from_brian(objects, inputs="source", readout=objects[2], duration=50 * ms)
    with pytest.raises(UnknownNameError, match=r"unknown Synapses, in learned_delays: 'wire'.*'wires'"):
        hb.from_brian(
            objects,
            inputs="source",
            readout="cells",
            duration=50 * ms,
            learned_delays={"wire": hb.Learned(0 * ms, 5 * ms)},
        )
    with pytest.raises(UnknownNameError, match="unknown group, in rates: 'cell'"):
        rates = {"cell": hb.RateBand(1, 5)}
        hb.from_brian(objects, inputs="source", readout="cells", duration=50 * ms, rates=rates)
    for wrong in ({"wires": 5 * ms}, ["wires"]):
        with pytest.raises(ConfigurationError, match="learned_delays must map each name to a Learned.*found .*wires"):
            hb.from_brian(objects, inputs="source", readout="cells", duration=50 * ms, learned_delays=wrong)
    with pytest.raises(ConfigurationError, match="rates must map each name to a RateBand"):
        hb.from_brian(objects, inputs="source", readout="cells", duration=50 * ms, rates={"cells": 5})
    with pytest.raises(ConfigurationError, match="'source' is an input.* can't be the readout"):
        hb.from_brian(objects, inputs="source", readout=["cells", "source"], duration=50 * ms)
    with pytest.raises(ShapeError, match=r"'source' has 3 neurons, which is not the shape \(4,\)"):
        hb.from_brian(objects, inputs={"source": 4}, readout="cells", duration=50 * ms)
    with pytest.raises(ConfigurationError, match="'cells' is a str, which a network can't hold"):
        hb.from_brian(["cells"], inputs="source", readout="cells", duration=50 * ms)
    with pytest.raises(UnitError, match="duration needs a value in second"):
        hb.from_brian(objects, inputs="source", readout="cells", duration=50)
    one_delay = small(synapses={"delay": 2 * ms}, name="cells_2")
    with pytest.raises(ConfigurationError, match=r"one delay for all synapses.*wires_?\w*\.delay after connect"):
        hb.from_brian(
            one_delay,
            inputs="source",
            readout="cells_2",
            duration=50 * ms,
            learned_delays={one_delay[2].name: hb.Learned(0 * ms, 5 * ms)},
        )


def imported(objects):
    return hb.from_brian(objects, inputs="source", readout="cells", duration=50 * ms, namespace={})


ARGUMENTS = [
    "equations",
    "initial",
    "method",
    "refractory",
    "reset",
    "self",
    "spsp",
    "synaptic_variable",
    "threshold",
]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_constants_have_no_names_of_arguments_of_a_neuron_model(name):
    with pytest.raises(ConfigurationError, match=f"'cells' uses the constant '{name}'.* give it another name"):
        imported(small(f"dv/dt = ({name} - v)/(10*ms) : 1", namespace={name: 0.5}))
    network = imported(small("dv/dt = (parameters - v)/(10*ms) : 1", namespace={"parameters": 0.5}, name="cells"))
    assert network.neurons[0].parameters == {"parameters": 0.5}


LATE = {
    "wires_pre": lambda cells, wires: setattr(wires.pre, "when", "after_resets"),
    "cells_spike_thresholder": lambda cells, wires: cells.set_event_schedule("spike", when="after_synapses"),
    "cells_stateupdater": lambda cells, wires: setattr(cells.state_updater, "when", "end"),
    "source": lambda cells, wires: setattr(wires.source, "when", "after_synapses"),
}


@pytest.mark.parametrize("name", LATE)
def test_parts_that_brian2_runs_in_another_order_are_refused(name):
    _, cells, wires = objects = small()
    LATE[name](cells, wires)
    with pytest.raises(ConfigurationError, match=f"before '{name}' .*equations, then thresholds, synapses and resets"):
        imported(objects)


SYNAPSES_FIRST = ["start", "synapses", "groups", "thresholds", "resets", "end"]


def test_a_schedule_of_another_order_is_refused():
    network = Network(small())
    network.schedule = SYNAPSES_FIRST
    with pytest.raises(
        ConfigurationError, match="'wires_pre'.* before 'cells_stateupdater'.* the schedule .start, syn"
    ):
        imported(network)
    with (
        preferences({"core.network.default_schedule": SYNAPSES_FIRST}),
        pytest.raises(ConfigurationError, match="befo"),
    ):
        imported(small())
    objects = small()
    objects[2].pre.when = "mine"
    with pytest.raises(ConfigurationError, match="'wires_pre' has when='mine', and the schedule only start, groups"):
        imported(objects)


def test_slots_that_change_no_spike_are_taken_and_projections_come_in_the_order_of_brian2():
    source, cells, wires = objects = small()
    for name in ("wires_1", "early", "low"):  # 'wires_1_pre' is sorted before 'wires_pre'
        more = Synapses(source, cells, "w : 1", on_pre="v_post += w", name=name)
        more.connect()
        objects.append(more)
    objects[-2].pre.when = "before_synapses"
    wires.pre.order = -2
    network = Network(objects)
    network.schedule = ["start", "mine", "groups", "thresholds", "synapses", "resets", "end"]
    expected = [part.synapses.name for part in network.sorted_objects if part.name.endswith("_pre")]
    assert expected == ["early", "wires", "low", "wires_1"]
    assert [projection.name for projection in imported(network).projections] == expected
    wires.pre.order = -1  # Brian2's own
    assert [p.name for p in imported(objects).projections] == ["early", "low", "wires_1", "wires"]


@pytest.mark.parametrize("number", range(3))
def test_what_is_inactive_is_refused(number):
    objects = small()
    objects[number].active = False
    with pytest.raises(ConfigurationError, match=f"'{objects[number].name}' is inactive"):
        imported(objects)


def test_an_inactive_pathway_is_refused():
    objects = small()
    objects[2].pre.active = False
    with pytest.raises(ConfigurationError, match="'wires_pre' is inactive"):
        imported(objects)

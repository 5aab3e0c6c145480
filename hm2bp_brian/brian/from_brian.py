"""From a user's own Brian2 objects to a network that can be trained, and back."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

import numpy as np
from brian2 import (
    BrianObject,
    EventMonitor,
    Network,
    NeuronGroup,
    PoissonGroup,
    PopulationRateMonitor,
    Quantity,
    SpikeGeneratorGroup,
    StateMonitor,
    Subgroup,
    Synapses,
    prefs,
    second,
)
from brian2.core.namespace import get_local_namespace

from hm2bp_brian.brian.user_neurons import check_group, neuron_model
from hm2bp_brian.brian.user_schedule import run_order
from hm2bp_brian.brian.user_synapses import UserSynapses, pathways, read_synapses
from hm2bp_brian.checks import as_tuple
from hm2bp_brian.devices import brian_lock, is_runtime
from hm2bp_brian.errors import ConfigurationError, ShapeError, UnknownNameError
from hm2bp_brian.model.connectors import AllToAll, Sparse
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.populations import RateBand

ONLY_LOOK = (EventMonitor, StateMonitor, PopulationRateMonitor, Subgroup)
SOURCES = (NeuronGroup, SpikeGeneratorGroup, PoissonGroup)


def from_brian(
    objects: Network | Iterable,
    *,
    inputs,
    readout,
    duration,
    learned_delays: Mapping[str, Learned] | None = None,
    rates: Mapping[str, RateBand] | None = None,
    keep_signs: bool = False,
    namespace: Mapping | None = None,
    seed: int = 0,
) -> SpikingNetwork:
    """Make a network that can be trained of a user's Brian2 objects, which stay as they are.

    Groups become populations and Synapses projections of the same names, with the connections, weights and delays that
    they have now; the variables that Synapses add to become receptors. Weights that are a synaptic variable are
    trained, constants in ``on_pre`` stay. The network can be added to; `SpikingNetwork.write_back` puts what was
    trained into the objects.

    Parameters
    ----------
    objects : brian2.Network or list
        Of NeuronGroups, their inputs, Synapses with ``on_pre='x_post += weight'``, and monitors, which are left out.
        Synapses may come from and lead to Subgroups.
    inputs : str, group, list of them, or mapping of str to shape
        What fires from outside: SpikeGeneratorGroups, PoissonGroups or NeuronGroups. Their own spikes are not read:
        batches say what they fire, their neurons one after the other in this order. A shape such as (28, 28, 1) is that
        of the images which an input is to take, else it is flat.
    readout : str, NeuronGroup, or list of them
        Whose spikes are counted.
    duration : Quantity
        Of one presentation. The time step is that of the groups.
    learned_delays : mapping of str to Learned, optional
        By the name of the Synapses: their delays are learned, from those which they have, and stay between two limits.
    rates : mapping of str to RateBand, optional
        By the name of the group: spike counts that training is to keep to, lest recurrent excitation grows.
    keep_signs : bool
        Synapses whose weights all have one sign keep it in training: Dale's law.
    namespace : mapping, optional
        Values of names in the code. As in Brian2's ``run``, without it they are those where this function is called.
    seed : int
        Of weights that are added later.

    Returns
    -------
    SpikingNetwork

    Raises
    ------
    ConfigurationError, UnitError, ShapeError
        If something does not fit: it is named, with the reason.
    UnknownNameError
        If there is no group or no Synapses of a name.

    Examples
    --------
    >>> import numpy as np
    >>> from brian2 import NeuronGroup, SpikeGeneratorGroup, Synapses, ms, mV
    >>> sound = SpikeGeneratorGroup(20, [], []*ms, name="sound")
    >>> tau = 20*ms
    >>> cells = NeuronGroup(5, "dv/dt = -v/tau : volt", threshold="v > 10*mV", reset="v = 0*mV", name="cells")
    >>> wires = Synapses(sound, cells, "w : 1", on_pre="v_post += w*mV", name="wires")
    >>> wires.connect()
    >>> wires.w = np.random.default_rng(0).normal(size=100)
    >>> network = from_brian([sound, cells, wires], inputs="sound", readout="cells", duration=100*ms)
    >>> network.weights["wires"].shape
    (20, 5)
    """
    namespace = get_local_namespace(level=1) if namespace is None else namespace
    if not is_runtime():
        raise ConfigurationError(
            "from_brian reads what Brian2 objects hold, and those of a standalone device hold nothing before they are "
            "run; make them on the device 'runtime'"
        )
    with brian_lock:
        groups, synapses = _by_kind(objects)
        sources, readout = _groups(inputs, groups, "input"), _groups(readout, groups, "readout")
        shapes = inputs.values() if isinstance(inputs, Mapping) else map(len, sources)
        network = SpikingNetwork(dt=_time_step([*groups, *synapses]), duration=duration, seed=seed)
        learned = _by_name("learned_delays", learned_delays, Learned, "{'wires': hb.Learned(0*ms, 20*ms)}")
        bands = _by_name("rates", rates, RateBand, "{'cells': hb.RateBand(1, 10)}")
        schedule = objects.schedule if isinstance(objects, Network) else prefs.core.network.default_schedule
        order = run_order([*groups, *synapses], schedule)
        # sums are rounded as in Brian2 if their terms come in its order
        found = sorted(
            (read_synapses(s, namespace) for s in synapses),
            key=lambda own: order.index(pathways(own.synapses)[0]),
        )
        for group, shape in zip(sources, shapes, strict=True):
            _add_input(network, group, shape, group in readout)
        for group in (group for group in groups if group not in sources):
            _add_population(network, group, found, group in readout, bands.pop(group.name, None), namespace)
        for own in found:
            _add_projection(network, own, learned.pop(own.synapses.name, None), keep_signs)
        if learned:
            raise UnknownNameError("Synapses, in learned_delays:", next(iter(learned)), [s.name for s in synapses])
        if bands:
            raise UnknownNameError("group, in rates:", next(iter(bands)), [p.name for p in network.neural])
    return network


def write_back(network: SpikingNetwork, objects, namespace: Mapping) -> None:
    """Put a network's weights and learned delays into Brian2 objects; see ``SpikingNetwork.write_back``."""
    with brian_lock:
        projections = {projection.name: projection for projection in network.weighted}
        _, synapses = _by_kind(objects)
        for own in (read_synapses(s, namespace) for s in synapses if s.name in projections):
            projection = projections.pop(own.synapses.name)
            pre, post, index = projection.connection.synapses()
            source, target = (indices[own.order] for indices in own.indices)
            if not (np.array_equal(pre, source) and np.array_equal(post, target)):
                raise ConfigurationError(f"'{projection.name}' connects other neurons than in the network")
            if own.weight_variable is not None:
                own.write_weights(network.weights[projection.name].ravel()[index])
            if projection.delays.learned:
                own.write_delays(network.delays_of(projection, network.parameters).ravel()[index], network.dt)
    if projections:
        warnings.warn(
            f"there are no Synapses of these names among the objects, whose weights are not written: "
            f"{', '.join(projections)}",
            UserWarning,
            stacklevel=3,
        )


def _by_kind(objects) -> tuple[list, list[Synapses]]:
    """Groups and Synapses."""
    groups, synapses = [], []
    if isinstance(objects, Network):  # which has them in no order
        objects = sorted(objects.objects, key=lambda one: one.name)
    for one in (objects,) if isinstance(objects, BrianObject) else as_tuple(objects):  # groups look like sequences
        if isinstance(one, Synapses):
            synapses.append(one)
        elif isinstance(one, SOURCES):
            groups.append(one)
        elif not isinstance(one, ONLY_LOOK):
            raise ConfigurationError(
                f"'{getattr(one, 'name', one)}' is a {type(one).__name__}, which a network can't hold: it has "
                "NeuronGroups, SpikeGeneratorGroups, PoissonGroups and Synapses; make it an input, or leave it out"
            )
    return groups, synapses


def _by_name(argument: str, given: Mapping | None, kind: type, such_as: str) -> dict:
    """What an argument says about Synapses or groups."""
    given = {} if given is None else given
    if not isinstance(given, Mapping) or not all(isinstance(value, kind) for value in given.values()):
        raise ConfigurationError(
            f"{argument} must map each name to a {kind.__name__}, such as {such_as}; found {given!r}"
        )
    return dict(given)


def _groups(given, groups: list, role: str) -> list:
    given = given if isinstance(given, list | tuple | Mapping) else [given]  # a group is iterable itself
    found = []
    for one in given:
        name = one if isinstance(one, str) else getattr(one, "name", one)
        if name not in [group.name for group in groups]:
            raise UnknownNameError(f"group, as {role},", name, [group.name for group in groups])
        found.append(next(group for group in groups if group.name == name))
    return found


def _add_input(network: SpikingNetwork, group, shape, readout: bool) -> None:
    if readout:
        raise ConfigurationError(
            f"'{group.name}' is an input, whose spikes come from outside, and can't be the readout too: name the "
            "NeuronGroup whose spikes are to be counted"
        )
    made = network.input(group.name, shape)
    if made.size != len(group):
        raise ShapeError(f"'{group.name}' has {len(group)} neurons, which is not the shape {made.shape}")


def _time_step(objects) -> Quantity:
    steps = {float(one.clock.dt): one.name for one in objects}
    if len(steps) != 1:
        found = ", ".join(f"{name} {step * second!s}" for step, name in steps.items())
        raise ConfigurationError(f"all objects must have the same time step, found {found or 'none'}")
    return next(iter(steps)) * second


def _add_population(network: SpikingNetwork, group, found: list, readout: bool, rate, namespace) -> None:
    if not isinstance(group, NeuronGroup):
        raise ConfigurationError(f"'{group.name}' is a {type(group).__name__}: name it in inputs=")
    check_group(group)
    receptors = [own.target_variable for own in found if _whole(own.synapses.target).name == group.name]
    if not receptors:
        raise ConfigurationError(f"no synapses lead to '{group.name}'; connect it, make it an input, or leave it out")
    model, v_th = neuron_model(group, receptors[0], namespace)
    network.population(group.name, len(group), neuron=model, threshold=v_th, readout=readout, rate=rate)


def _add_projection(network: SpikingNetwork, own: UserSynapses, learned: Learned | None, keep_signs: bool) -> None:
    name, (source, target), order = own.synapses.name, own.indices, own.order
    if not len(source):
        raise ConfigurationError(f"'{name}' has no synapses; call its connect before from_brian, or leave it out")
    ends = _whole(own.synapses.source), _whole(own.synapses.target)
    shape = len(ends[0]), len(ends[1])
    if np.unique(source.astype(np.int64) * shape[1] + target).size != len(source):
        raise ConfigurationError(f"'{name}' has several synapses from one neuron to another; make one of them")
    if learned is not None and own.one_delay:
        raise ConfigurationError(
            f"'{name}' has one delay for all synapses, so that learned ones can't be written back: instead of the "
            f"argument delay=, set {name}.delay after connect"
        )
    complete = len(source) == shape[0] * shape[1]
    connector = AllToAll(self_connections=True) if complete else Sparse(i=source[order], j=target[order])
    shape = shape if complete else (len(source),)
    weights, delays = own.weights[order].reshape(shape), own.delays[order]
    same_delay = (delays == delays[0]).all()
    network.connect(
        *(group.name for group in ends),
        connector,
        weights=weights,
        delay=learned or (delays[0] if same_delay else delays.reshape(shape)),
        plastic=own.weight_variable is not None,
        sign=_sign(weights) if keep_signs else None,
        receptor_type=own.target_variable,
        name=name,
    )
    network.weights[name] = np.asarray(weights)  # in double precision, as Brian2 has them
    if learned is not None:
        network.delays[name] = np.asarray(delays).reshape(shape) / network.dt


def _whole(group):
    """The group of which this may be a Subgroup."""
    return group.source if isinstance(group, Subgroup) else group


def _sign(weights) -> str | None:
    values = np.asarray(weights)
    if (values >= 0).all():
        return "excitatory"
    return "inhibitory" if (values <= 0).all() else None

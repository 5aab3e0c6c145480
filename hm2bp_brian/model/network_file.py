"""A network in one file, an .npz without pickled objects: what it is, as JSON, and its arrays."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
from brian2 import Equations, Quantity, second
from brian2.units.fundamentalunits import DIMENSIONLESS, get_dimensions, get_or_create_dimension

from hm2bp_brian.errors import CheckpointError, ConfigurationError
from hm2bp_brian.files import write_arrays
from hm2bp_brian.model.connections import AllPairs, Pairs, Windows
from hm2bp_brian.model.delays import Delays, Learned
from hm2bp_brian.model.initializers import Between, Normal, Scaled, Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, Recurrent, SumPool2D
from hm2bp_brian.model.learned import learned_ranges, with_threshold
from hm2bp_brian.model.neurons import LIF, NeuronModel
from hm2bp_brian.model.populations import Population, RateBand
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.npz import ArrayFile

VERSION = 1
DESCRIPTION = "network"
# Records that may be part of a network; the file names them by their class.
LAYERS = (Dense, Conv2D, SumPool2D, Recurrent, Scaled, Uniform, Between, Normal, Learned, RateBand)
RECORDS = {kind.__name__: kind for kind in (*LAYERS, Population, Projection, AllPairs, Pairs, Windows, Delays)}
NEURON = ("equations", "threshold", "reset", "method", "synaptic_variable", "spsp", "parameters")
LIF_TIMES = ("tau_m", "tau_s")


def save(network, path) -> None:
    """Write a network: see `SpikingNetwork.save`."""
    file = _Writer(network)
    description = {
        "version": VERSION,
        "dt": network.dt,
        "n_steps": network.n_steps,
        "seed": network.seed,
        "generator": network.generator.bit_generator.state,
        "layers": file.encode("layers", list(network.layers)) if network.is_chain else None,
        "neurons": file.encode("neurons", file.neurons),
        "inputs": file.encode("inputs", network.inputs),
        "neural": file.encode("neural", network.neural),
        "projections": file.encode("projections", network.projections),
        "readouts": [network.neural.index(population) for population in network.readouts],
        "weights": file.encode("weights", list(network.weights)),
        "delays": file.encode("delays", list(network.delays)),
        "neuron_values": file.encode("neuron_values", list(network.neuron_values)),
    }
    write_arrays(path, {DESCRIPTION: np.array(json.dumps(description))} | file.arrays)


def load(path):
    """Read a network that ``SpikingNetwork.save`` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    SpikingNetwork

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it holds no network, is damaged, or was written by a later version of this package.

    Examples
    --------
    >>> from brian2 import ms
    >>> network = hb.SpikingNetwork((4,), [hb.Dense(2, threshold=1)], hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> network.save("network.npz")
    >>> again = hb.load("network.npz")
    >>> bool((again.weights[0] == network.weights[0]).all())
    True
    """
    file = ArrayFile(path, "saved network", CheckpointError)
    if DESCRIPTION not in file.headers:
        raise CheckpointError(
            f"{path} holds no network that SpikingNetwork.save wrote. Run folders and weight files of recipes are read "
            "by hm2bp_brian.experiments.trained.load_trained"
        )
    for name in file.headers:
        file.check_free(name)
    arrays = {name: file.read(name) for name in file.headers}
    try:
        description = json.loads(str(arrays[DESCRIPTION]))
        version = description["version"]
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} is corrupt: its description can't be read: {error}") from error
    if version != VERSION:
        raise CheckpointError(
            f"{path} was written in format {version}, and this version of hm2bp_brian reads format {VERSION}; update it"
        )
    try:
        return _made(description, arrays)
    except Exception as error:  # whatever a damaged description leads to
        raise CheckpointError(f"{path} is corrupt, or its network can't be made here: {error}") from error


class _Writer:
    """Values as JSON; arrays are put aside, and neurons and populations are said by number and name."""

    def __init__(self, network):
        self.arrays: dict[str, np.ndarray] = {}
        self.neurons = list(dict.fromkeys(population.neuron for population in network.neural))

    def encode(self, where: str, value):
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, Quantity) and get_dimensions(value) is not DIMENSIONLESS:
            exponents = list(get_dimensions(value)._dims)
            return {"kind": "Quantity", "value": self.encode(where, np.asarray(value)), "exponents": exponents}
        if isinstance(value, np.ndarray):
            return self._array(where, np.asarray(value))
        if isinstance(value, list | tuple):
            return [self.encode(f"{where}/{number}", item) for number, item in enumerate(value)]
        if isinstance(value, dict):
            return {"kind": "dict"} | {"items": {k: self.encode(f"{where}/{k}", v) for k, v in value.items()}}
        if isinstance(value, NeuronModel):
            return self._neuron(where, value)
        if type(value) in RECORDS.values():
            return self._record(where, value)
        raise ConfigurationError(
            f"{where} of the network can't be saved: it is a {type(value).__name__}, and files hold numbers, texts and "
            "what this package defines; pickle keeps the network for this version of Python and your own code"
        )

    def _array(self, where: str, array: np.ndarray):
        if array.ndim == 0:
            return array.item()
        self.arrays[where] = array
        return {"kind": "array", "name": where}

    def _neuron(self, where: str, neuron: NeuronModel) -> dict:
        is_lif = type(neuron) is LIF
        known = {name: getattr(neuron, name) for name in ((*LIF_TIMES, "method") if is_lif else NEURON)}
        known |= {"refractory": neuron.refractory, "learned": learned_ranges(neuron)}
        if not is_lif:
            values = {name: value for name, value in neuron.initial.items() if name not in neuron.learned}
            known["initial"] = {name: Quantity(v, dim=neuron.dimension_of(name)) for name, v in values.items()}
        kind = "LIF" if is_lif else "NeuronModel"
        return {"kind": kind} | {name: self.encode(f"{where}/{name}", value) for name, value in known.items()}

    def _record(self, where: str, record) -> dict:
        fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
        if isinstance(record, Projection):
            fields |= {"source": record.source.name, "target": record.target.name}
        if isinstance(record, Population) and record.neuron is not None:
            fields["neuron"] = self.neurons.index(record.neuron)
        kind = {"kind": type(record).__name__}
        return kind | {name: self.encode(f"{where}/{name}", value) for name, value in fields.items()}


class _Reader:
    """The inverse of `_Writer`; lists become tuples."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        self.arrays, self.neurons, self.populations = arrays, (), {}

    def decode(self, value):
        if isinstance(value, list):
            return tuple(self.decode(item) for item in value)
        if not isinstance(value, dict):
            return value
        known = {name: self.decode(item) for name, item in value.items() if name not in ("kind", "items")}
        match value["kind"]:
            case "array":
                return self.arrays[known["name"]]
            case "Quantity":
                return Quantity(known["value"], dim=get_or_create_dimension(known["exponents"]))
            case "dict":
                return {name: self.decode(item) for name, item in value["items"].items()}
            case "LIF" | "NeuronModel" as kind:
                learned = known.pop("learned")
                threshold, refractory = learned.pop("v_th", None), known.pop("refractory") * second
                make = self._lif if kind == "LIF" else self._neuron
                neuron = make(known, learned, refractory)
                return neuron if threshold is None else with_threshold("v_th", neuron, threshold)[0]
            case "Population":
                neuron = known.pop("neuron")
                made = Population(neuron=None if neuron is None else self.neurons[neuron], **known)
                self.populations[made.name] = made
                return made
            case "Projection":
                ends = {end: self.populations[known.pop(end)] for end in ("source", "target")}
                return Projection(**ends, **known)
            case kind:
                return RECORDS[kind](**known)

    @staticmethod
    def _lif(known: dict, learned: dict, refractory) -> LIF:
        times = {name: known.pop(name) * second for name in LIF_TIMES} | learned
        return LIF(**times, refractory=refractory, **known)

    @staticmethod
    def _neuron(known: dict, learned: dict, refractory) -> NeuronModel:
        equations, parameters = known.pop("equations"), known.pop("parameters")
        starts = {name: value for name, value in learned.items() if name in Equations(equations)}
        parameters |= {name: value for name, value in learned.items() if name not in starts}
        known["initial"] |= starts
        return NeuronModel(equations, refractory=refractory, **known, **parameters)


def _made(description: dict, arrays: dict[str, np.ndarray]):
    from hm2bp_brian.model.network import SpikingNetwork  # which imports this file

    dt, n_steps = description["dt"], description["n_steps"]
    network = SpikingNetwork(dt=dt * second, duration=n_steps * dt * second, seed=description["seed"])
    reader = _Reader(arrays)
    reader.neurons = reader.decode(description["neurons"])
    network.inputs.extend(reader.decode(description["inputs"]))
    network.neural.extend(reader.decode(description["neural"]))
    network.readouts.extend(network.neural[number] for number in description["readouts"])
    if description["layers"] is not None:
        network.is_chain, network.layers = True, list(reader.decode(description["layers"]))
    weights = iter(reader.decode(description["weights"]))
    for projection in reader.decode(description["projections"]):
        if projection.lateral:
            network.projections.append(projection)
        else:
            network.add_projection(projection, next(weights))
    network.delays = reader.decode(description["delays"])
    network.neuron_values = reader.decode(description["neuron_values"])
    network.generator.bit_generator.state = description["generator"]
    return network

"""A network as a plain Brian2 script, which runs without this package and gives the same spikes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from brian2 import Equations
from brian2.core.functions import Function
from brian2.units.fundamentalunits import DIMENSIONLESS, get_dimensions, get_unit

from hm2bp_brian.brian.network import AHEAD, check_batch
from hm2bp_brian.errors import ConfigurationError, RunFolderError
from hm2bp_brian.files import write_arrays, write_atomically
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.populations import Population
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.rendering import render
from hm2bp_brian.spikes import SpikeBatch


def export_brian(network: SpikingNetwork, folder, batch: SpikeBatch, dtype="float64") -> Path:
    """Write a network and the input spikes of some samples as a plain Brian2 script.

    The script runs on any of Brian2's devices and targets, and gives the spikes of ``simulate(network, batch,
    engine="brian2", dtype=dtype)``.

    Parameters
    ----------
    network : SpikingNetwork
    folder : path
        Where to write ``network.py`` and ``network.npz``; it is made if needed.
    batch : SpikeBatch
    dtype : "float32" or "float64"

    Returns
    -------
    Path
        The script.

    Raises
    ------
    ShapeError
        If the batch does not fit the network.
    ConfigurationError
        If a neuron uses a function of its own, which can't be written down.
    RunFolderError
        If there is such a script already.

    Examples
    --------
    >>> from brian2 import ms
    >>> layers = [hb.Dense(5, threshold=1), hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((4,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=50*ms)
    >>> spikes = hb.SpikeBatch.from_dense(np.random.default_rng(0).random((3, 50, 4)) < 0.3)
    >>> hb.export_brian(network, "plain", spikes).name
    'network.py'
    """
    check_batch(network, batch)
    folder = Path(folder)
    script = folder / "network.py"
    if script.exists():
        raise RunFolderError(f"{script} exists and may have been edited; choose another folder")
    arrays, code = _written(network, batch, np.dtype(dtype).name)
    folder.mkdir(parents=True, exist_ok=True)
    write_arrays(folder / "network.npz", arrays, compressed=True)
    write_atomically(script, code.encode())
    return script


def _written(network: SpikingNetwork, batch: SpikeBatch, dtype: str) -> tuple[dict, str]:
    """Arrays and script, with the names of populations and projections."""
    arrays = {"n_samples": np.array(batch.n_samples)}
    for name, spikes in network.trains(batch).items():
        arrays |= {f"neurons_{name}": spikes.neurons, f"steps_{name}": spikes.samples * spikes.n_steps + spikes.steps}
    code = render(
        "hm2bp_brian.brian",
        "network.py.jinja",
        repr=repr,
        n_steps=network.n_steps,
        dt=network.dt,
        dtype=dtype,
        ahead=AHEAD,
        inputs=network.inputs,
        populations=[_population(population, network.dt, arrays) for population in _as_learned(network)],
        projections=[_projection(network, projection, arrays, dtype) for projection in network.projections],
        readouts=[population.name for population in network.readouts],
    )
    return arrays, code


def _as_learned(network: SpikingNetwork) -> list[Population]:
    """The populations, whose neurons start with what has been learned."""
    pairs = zip(network.neural, network.neurons, strict=True)
    return [dataclasses.replace(population, neuron=neuron) for population, neuron in pairs]


def _population(population: Population, dt: float, arrays: dict) -> dict:
    """What the template names of a population; what is too long for code is added to ``arrays``."""
    neuron, key, group = population.neuron, population.name, f'groups["{population.name}"]'
    per_neuron = {name: value for name, value in neuron.parameters.items() if np.ndim(value)}
    arrays |= {f"{name}_{key}": np.asarray(value) for name, value in per_neuron.items()}
    declared = {k: _type(v) for k, v in per_neuron.items()}
    equations = [line.strip() for line in neuron.equations.strip().splitlines()]
    added = sorted(set(neuron.learned) - set(Equations(neuron.equations)))
    equations += [f"{name} : {_unit(neuron.dimension_of(name))}" for name in added]
    settings = []
    if "v_th" not in neuron.learned:
        declared = {"v_th": _unit(neuron.threshold_dimension)} | declared
        settings.append(f"{group}.v_th = {_literal(population.threshold, neuron.threshold_dimension)}")
    equations += [f"{name} : {kind} (constant)" for name, kind in declared.items()]
    for name in per_neuron:
        settings.append(f'{group}.{name} = data["{name}_{key}"]{_times(get_dimensions(per_neuron[name]))}')
    scalars = [f"{name!r}: {_scalar(name, v)}" for name, v in neuron.parameters.items() if name not in per_neuron]
    return {
        "name": population.name,
        "shape": population.shape,
        "size": population.size,
        "equations": [_in_quotes(line) for line in equations],
        "threshold": neuron.threshold,
        "reset": neuron.reset,
        "refractory": f"{neuron.refractory!r} * second" if neuron.refractory else False,
        "method": neuron.method,
        "namespace": f"{{{', '.join(scalars)}}}",
        "settings": settings,
        "restart": _restart(population, group, dt, arrays, settings),
    }


def _projection(network: SpikingNetwork, projection: Projection, arrays: dict, dtype: str) -> dict:
    """What the template names of a projection."""
    name, dimension = projection.name, projection.weight_dimension
    pre, post, index = projection.connection.synapses()
    weights = np.asarray(network.weights_of(projection, network.parameters), dtype=dtype)
    steps = network.delays_of(projection, network.parameters)
    arrays |= {f"pre_{name}": pre, f"post_{name}": post}
    if weights.ndim:
        arrays[f"weights_{name}"] = weights.ravel()[index]
    if np.ndim(steps):
        arrays[f"delays_{name}"] = steps.ravel()[index]
    order = len(network.projections) if projection.lateral else network.weighted.index(projection)
    return {
        "name": name,
        "source": projection.source.name,
        "target": projection.target.name,
        "weight": None if weights.ndim else _literal(weights, dimension),
        "weight_unit": _unit(dimension),
        "times_unit": _times(dimension),
        "synaptic_variable": projection.synaptic_variable,
        "steps": None if np.ndim(steps) else int(steps),
        "order": order,
    }


def _in_quotes(text: str) -> str:
    """A text as it stands between triple quotes: comments in equations may hold quotes, which would end it."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _restart(population: Population, group: str, dt: float, arrays: dict, settings: list[str]) -> list[str]:
    """Statements at the start of a presentation; values that differ between neurons become ``arrays``, by settings."""
    neuron = population.neuron
    starts = neuron.start_values(population.size, population.threshold, dt)
    # not_refractory first: variables marked (unless refractory) can't be written before
    lines = ["not_refractory = True", "lastspike = -1e4*second"] if neuron.refractory else []
    for name, values in starts.items():
        if len(set(values)) == 1:
            lines.append(f"{name} = {_literal(values[0], neuron.dimension_of(name))}")
        else:
            arrays[f"start_{name}_{population.name}"] = values
            settings.append(
                f'{group}.variables.add_array("start_{name}", {len(values)}, '
                f'values=data["start_{name}_{population.name}"].astype(dtype), dtype=dtype, '
                f'dimensions={group}.variables["{name}"].dim)'
            )
            lines.append(f"{name} = start_{name}")
    return lines


def _scalar(name: str, value) -> str:
    if isinstance(value, Function):
        raise ConfigurationError(
            f"the neuron's parameter '{name}' is a function or TimedArray, which can't be written into a script; "
            "export a network without it"
        )
    array = np.asarray(value)
    if array.dtype.kind in "bi":  # truth values and whole numbers stay what they are
        return repr(array.item())
    return _literal(float(array), get_dimensions(value))


def _type(values) -> str:
    return "boolean" if np.asarray(values).dtype == bool else _unit(get_dimensions(values))


def _literal(value: float, dimension) -> str:
    return f"{float(value)!r}{_times(dimension)}"


def _times(dimension) -> str:
    return "" if dimension is DIMENSIONLESS else f" * {_unit(dimension)}"


def _unit(dimension) -> str:
    """The SI base unit of a dimension in Brian2's language."""
    return "1" if dimension is DIMENSIONLESS else repr(get_unit(dimension))

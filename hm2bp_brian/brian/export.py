"""A network as a plain Brian2 script, which runs without this package and gives the same spikes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from brian2.core.functions import Function
from brian2.units.fundamentalunits import DIMENSIONLESS, get_dimensions, get_unit

from hm2bp_brian.brian.network import AHEAD, check_batch
from hm2bp_brian.errors import ConfigurationError, RunFolderError
from hm2bp_brian.files import write_arrays, write_atomically
from hm2bp_brian.model.network import SpikingNetwork
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
    """
    check_batch(network, batch)
    folder = Path(folder)
    script = folder / "network.py"
    if script.exists():
        raise RunFolderError(f"{script} exists and may have been edited; choose another folder")
    arrays = {
        "n_samples": np.array(batch.n_samples),
        "input_neurons": batch.neurons,
        "input_steps": batch.samples * batch.n_steps + batch.steps,
    }
    code = render(
        "hm2bp_brian.brian",
        "network.py.jinja",
        repr=repr,
        n_steps=network.n_steps,
        dt=network.dt,
        dtype=np.dtype(dtype).name,
        ahead=AHEAD,
        n_inputs=int(np.prod(network.input_shape)),
        n_outputs=network.n_outputs,
        layers=[_layer(network, number, arrays, dtype) for number in range(len(network.layers))],
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_arrays(folder / "network.npz", arrays, compressed=True)
    write_atomically(script, code.encode())
    return script


def _layer(network: SpikingNetwork, number: int, arrays: dict, dtype) -> dict:
    """What the template names of a layer; what is too long for code is added to ``arrays``."""
    neuron, lateral = network.neurons[number], network.lateral(number)
    pre, post, index = network.connections[number].synapses()
    weights = np.ones(len(pre)) if index is None else network.weights[number].ravel()[index]
    arrays |= {f"pre_{number}": pre, f"post_{number}": post, f"weights_{number}": weights.astype(dtype)}
    per_neuron = {name: value for name, value in neuron.parameters.items() if np.ndim(value)}
    arrays |= {f"{name}_{number}": np.asarray(value) for name, value in per_neuron.items()}
    declared = {"v_th": _unit(neuron.threshold_dimension)} | {k: _type(v) for k, v in per_neuron.items()}
    equations = [line.strip() for line in neuron.equations.strip().splitlines()]
    equations += [f"{name} : {kind} (constant)" for name, kind in declared.items()]
    settings = [f"layer_{number}.v_th = {_literal(network.thresholds[number], neuron.threshold_dimension)}"]
    for name in per_neuron:
        settings.append(f'layer_{number}.{name} = data["{name}_{number}"]{_times(get_dimensions(per_neuron[name]))}')
    scalars = [f"{name!r}: {_scalar(name, v)}" for name, v in neuron.parameters.items() if name not in per_neuron]
    return {
        "shape": network.shapes[number],
        "size": network.size(number),
        "equations": [_in_quotes(line) for line in equations],
        "threshold": neuron.threshold,
        "reset": neuron.reset,
        "refractory": f"{neuron.refractory!r} * second" if neuron.refractory else False,
        "method": neuron.method,
        "namespace": f"{{{', '.join(scalars)}}}",
        "settings": settings,
        "restart": _restart(network, number, arrays, settings),
        "pre": f"layer_{number - 1}" if number else "input_spikes",
        "weight_unit": _unit(neuron.weight_dimension),
        "synaptic_variable": neuron.synaptic_variable,
        "times_unit": _times(neuron.weight_dimension),
        "lateral_inhibition": lateral and _literal(-lateral.weight, neuron.weight_dimension),
    }


def _in_quotes(text: str) -> str:
    """A text as it stands between triple quotes: comments in equations may hold quotes, which would end it."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _restart(network: SpikingNetwork, number: int, arrays: dict, settings: list[str]) -> list[str]:
    """Statements at the start of a presentation; values that differ between neurons become ``arrays``, by settings."""
    neuron = network.neurons[number]
    starts = neuron.start_values(network.size(number), network.thresholds[number], network.dt)
    # not_refractory first: variables marked (unless refractory) can't be written before
    lines = ["not_refractory = True", "lastspike = -1e4*second"] if neuron.refractory else []
    for name, values in starts.items():
        if len(set(values)) == 1:
            lines.append(f"{name} = {_literal(values[0], neuron.dimension_of(name))}")
        else:
            arrays[f"start_{name}_{number}"] = values
            settings.append(
                f'layer_{number}.variables.add_array("start_{name}", {len(values)}, '
                f'values=data["start_{name}_{number}"].astype(dtype), dtype=dtype, '
                f'dimensions=layer_{number}.variables["{name}"].dim)'
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

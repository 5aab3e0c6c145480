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
from hm2bp_brian.spikes import SpikeBatch

HEAD = '''"""A spiking network as plain Brian2 code, written by hm2bp_brian. It needs Brian2 and nothing else.

Weights and the input spikes of some samples are in network.npz. The samples are presented one after the other in one
run; the spikes of all layers are then written to spikes.npz: for layer k the arrays sample_k, step_k and neuron_k.
"""

import warnings
from pathlib import Path

import numpy as np
from brian2 import *

# For another device, write for instance: set_device("cpp_standalone")

# Brian2 compares states with 1e50, which is too large for float32.
warnings.filterwarnings("ignore", "overflow encountered in cast", RuntimeWarning)

folder = Path(__file__).resolve().parent
data = np.load(folder / "network.npz")
n_samples = int(data["n_samples"])
n_steps = {n_steps}
dt = defaultclock.dt = {dt!r} * second
dtype = np.{dtype}

# Each presentation starts from zero. This clock runs ahead by {ahead}, so that rounding errors can't put its resets
# after a presentation's first step.
presentation_clock = Clock(n_steps * dt * (1 - {ahead}))

input_spikes = SpikeGeneratorGroup(
    {n_inputs}, data["input_neurons"], data["input_steps"] * dt, sorted=True, name="input"
)
'''

LAYER = '''
# layer {number}, of shape {shape}
layer_{number} = NeuronGroup(
    {size},
    """
{equations}
    """,
    threshold={threshold!r},
    reset={reset!r},
    refractory={refractory},
    method={method!r},
    namespace={{{namespace}}},
    dtype=dtype,
    name="layer_{number}",
)
{values}
layer_{number}.run_regularly(
    """
{restart}
    """,
    clock=presentation_clock,
    when="start",
)
synapses_{number} = Synapses(
    {pre},
    layer_{number},
    "weight : {weight_unit}",
    on_pre="{synaptic_variable}_post += weight",
    dtype=dtype,
    name="synapses_{number}",
)
synapses_{number}.connect(i=data["pre_{number}"], j=data["post_{number}"])
synapses_{number}.weight = data["weights_{number}"]{times_unit}
spikes_{number} = SpikeMonitor(layer_{number}, name="spikes_{number}")
objects += [layer_{number}, synapses_{number}, spikes_{number}]
'''

LATERAL = """
lateral_{number} = Synapses(
    layer_{number},
    layer_{number},
    on_pre="{synaptic_variable}_post += -w0",
    namespace={{"w0": {strength}}},
    dtype=dtype,
    name="lateral_{number}",
)
lateral_{number}.connect(condition="i != j", namespace={{}})
lateral_{number}.pre.order = 1  # after the spikes from the layer before
objects.append(lateral_{number})
"""

FOOT = """
Network(*objects).run(n_samples * n_steps * dt, namespace={{}})

results = {{}}
for number, monitor in enumerate([{monitors}]):
    step, neuron = np.rint(monitor.t / dt).astype(int), np.array(monitor.i)
    order = np.lexsort((neuron, step))
    results[f"sample_{{number}}"] = step[order] // n_steps
    results[f"step_{{number}}"] = step[order] % n_steps
    results[f"neuron_{{number}}"] = neuron[order]
np.savez(folder / "spikes.npz", **results)
for sample in range(n_samples):
    fired = results["neuron_{last}"][results["sample_{last}"] == sample]
    print(f"sample {{sample}}: spikes of the output neurons", np.bincount(fired, minlength={n_outputs}))
"""


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
    n_inputs, layers = int(np.prod(network.input_shape)), range(len(network.layers))
    head = HEAD.format(
        n_steps=network.n_steps, dt=network.dt, dtype=np.dtype(dtype).name, ahead=AHEAD, n_inputs=n_inputs
    )
    parts = [head, "objects = [input_spikes]\n"]
    for number in layers:
        parts.append(_layer(network, number, arrays, dtype))
    monitors = ", ".join(f"spikes_{number}" for number in layers)
    parts.append(FOOT.format(monitors=monitors, last=layers[-1], n_outputs=network.n_outputs))
    folder.mkdir(parents=True, exist_ok=True)
    write_arrays(folder / "network.npz", arrays, compressed=True)
    write_atomically(script, "".join(parts).encode())
    return script


def _layer(network: SpikingNetwork, number: int, arrays: dict, dtype) -> str:
    """Code of a layer; what is too long for code is added to ``arrays``."""
    neuron = network.neurons[number]
    pre, post, index = network.connections[number].synapses()
    weights = np.ones(len(pre)) if index is None else network.weights[number].ravel()[index]
    arrays |= {f"pre_{number}": pre, f"post_{number}": post, f"weights_{number}": weights.astype(dtype)}
    per_neuron = {name: value for name, value in neuron.parameters.items() if np.ndim(value)}
    arrays |= {f"{name}_{number}": np.asarray(value) for name, value in per_neuron.items()}
    declared = {"v_th": _unit(neuron.threshold_dimension)} | {k: _type(v) for k, v in per_neuron.items()}
    equations = [line.strip() for line in neuron.equations.strip().splitlines()]
    equations += [f"{name} : {kind} (constant)" for name, kind in declared.items()]
    values = [f"layer_{number}.v_th = {_literal(network.thresholds[number], neuron.threshold_dimension)}"]
    for name in per_neuron:
        values.append(f'layer_{number}.{name} = data["{name}_{number}"]{_times(get_dimensions(per_neuron[name]))}')
    scalars = [f"{name!r}: {_scalar(name, v)}" for name, v in neuron.parameters.items() if name not in per_neuron]
    code = LAYER.format(
        number=number,
        shape=network.shapes[number],
        size=network.size(number),
        equations=_indented(equations),
        threshold=neuron.threshold,
        reset=neuron.reset,
        refractory=f"{neuron.refractory!r} * second" if neuron.refractory else False,
        method=neuron.method,
        namespace=", ".join(scalars),
        values="\n".join(values),
        restart=_indented(_restart(neuron)),
        pre=f"layer_{number - 1}" if number else "input_spikes",
        weight_unit=_unit(neuron.weight_dimension),
        synaptic_variable=neuron.synaptic_variable,
        times_unit=_times(neuron.weight_dimension),
    )
    lateral = network.lateral(number)
    if lateral is None:
        return code
    strength = _literal(-lateral.weight, neuron.weight_dimension)
    return code + LATERAL.format(number=number, synaptic_variable=neuron.synaptic_variable, strength=strength)


def _restart(neuron) -> list[str]:
    # not_refractory first: variables marked (unless refractory) can't be written before
    lines = ["not_refractory = True", "lastspike = -1e4*second"] if neuron.refractory else []
    return lines + [f"{name} = 0{_times(neuron.dimension_of(name))}" for name in neuron.changing_variables]


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


def _indented(lines) -> str:
    return "\n".join(f"    {line}" for line in lines)

"""Neurons of a model as Brian2's own: a ``NeuronGroup`` to simulate, to probe, to generate code of, or to be judged."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from brian2 import Equations, NeuronGroup, second
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.equations.codestrings import Expression
from brian2.equations.equations import BOOLEAN, FLOAT, PARAMETER, SUBEXPRESSION, SingleEquation
from brian2.units.fundamentalunits import DimensionMismatchError, get_dimensions

from hm2bp_brian.devices import runtime_device
from hm2bp_brian.errors import ConfigurationError, Hm2bpError, UnitError

UNKNOWN_IDENTIFIER = re.compile(r'identifier "(\w+)" could not be resolved')


def neuron_group(
    neuron,
    n_neurons: int,
    v_th=0.0,
    *,
    name: str,
    dtype=np.float64,
    codeobj_class=NumpyCodeObject,
    expressions: Mapping[str, tuple] | None = None,
    **kwds,
) -> NeuronGroup:
    """Make the group of ``n_neurons`` neurons of a model: see `NeuronModel.brian_group`."""
    neuron.check_size(n_neurons)
    arrays = {k: v for k, v in neuron.parameters.items() if np.ndim(v)}
    scalars = {k: v for k, v in neuron.parameters.items() if not np.ndim(v)}
    dimensions = {k: get_dimensions(v) for k, v in arrays.items()}
    if "v_th" not in neuron.learned:
        dimensions["v_th"] = neuron.threshold_dimension
    extra = [
        SingleEquation(
            PARAMETER,
            k,
            dimensions=d,
            var_type=BOOLEAN if k in arrays and np.asarray(arrays[k]).dtype == bool else FLOAT,
            flags=["constant"],
        )
        for k, d in dimensions.items()
    ]
    extra += [
        SingleEquation(SUBEXPRESSION, k, dimensions=d, var_type=FLOAT, expr=Expression(text))
        for k, (text, d) in (expressions or {}).items()
    ]
    group = NeuronGroup(
        n_neurons,
        neuron.parsed + Equations(extra),
        threshold=neuron.threshold,
        reset=neuron.reset,
        method=neuron.method,
        namespace=scalars,
        name=name,
        dtype=dtype,
        codeobj_class=codeobj_class,
        refractory=neuron.refractory * second if neuron.refractory else False,
        **kwds,
    )
    group.variables["v_th"].set_value(v_th)
    for k, v in arrays.items():
        group.variables[k].set_value(np.asarray(v))
    return group


def check_with_brian(neuron) -> None:
    """Raise UnitError, ConfigurationError if Brian2, which knows best what is wrong, refuses a neuron."""
    try:
        with runtime_device():
            group = neuron.brian_group(neuron.any_size, name="neuron_check*")
            group._network = "neuron_check"  # it will never run, which would begin with a garbage collection of 0.1 s
            for brian_object in (group, *group.contained_objects):
                brian_object.before_run({})
    except Hm2bpError:
        raise
    except Exception as error:  # Brian2 raises several unrelated classes, the reason being the innermost one
        reason = error
        while reason.__cause__ is not None:
            reason = reason.__cause__
        if isinstance(reason, DimensionMismatchError):
            raise UnitError(f"units in the neuron do not fit: {reason}") from error
        unknown = UNKNOWN_IDENTIFIER.search(str(reason))
        if unknown:
            raise ConfigurationError(
                f"the neuron uses '{unknown[1]}', which has no value: add an equation for it, or give its value as a "
                f"parameter, NeuronModel(..., {unknown[1]}=...)"
            ) from error
        raise ConfigurationError(f"Brian2 refuses the neuron: {str(reason).strip(chr(39))}") from error


@runtime_device()
def holds_at_start(neuron, n_neurons: int, v_th: float, dt: float) -> bool:
    """Whether the threshold holds at the start of a presentation: see `NeuronModel.fires_at_start`."""
    group = neuron.brian_group(n_neurons, v_th, name="start_check*", dt=dt * second)
    group._network = "start_check"  # it will never run: keeps Brian2 from warning that it was forgotten
    for name, values in neuron.start_values(n_neurons, v_th, dt).items():
        group.variables[name].set_value(values)
    thresholder = group.thresholder["spike"]
    thresholder.before_run({})
    thresholder.run()
    return bool(group.variables["_spikespace"].get_value()[-1])

"""What a neuron model is given, checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
from brian2.parsing.statements import parse_statement
from brian2.stateupdaters.base import StateUpdateMethod
from brian2.utils.stringtools import get_identifiers

from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.units import to_float

COMMENT = re.compile(r"[ \t]*#.*")
SPSPS = ("value", "share")
RESERVED_NAMES = {"v_th", "N", "i", "dt", "t", "t_in_timesteps", "lastspike", "not_refractory"}


def code_without_comments(name: str, text) -> str:
    """A text in Brian2's language without its comments: what looks at it later takes every word for code."""
    if not isinstance(text, str):
        raise ConfigurationError(f"{name} must be a string in Brian2's language, found {text!r}")
    return COMMENT.sub("", text)


def checked_method(method):
    """The name of an integration method, or several."""
    names = [method] if isinstance(method, str) else method
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(
            f"method must be the name of a Brian2 integration method such as 'euler', or several, found {method!r}"
        )
    for name in names:
        if name not in StateUpdateMethod.stateupdaters:
            raise UnknownNameError("integration method", name, StateUpdateMethod.stateupdaters)
    return method


def checked_spsp(spsp: str) -> str:
    """The name of how S-PSPs count; UnknownNameError if there is no such way."""
    if spsp not in SPSPS:
        raise UnknownNameError("spsp", spsp, SPSPS)
    return spsp


def check_parameter(name: str, value) -> None:
    """Raise ConfigurationError unless the value is a function, a number, or an array with one number a neuron."""
    if callable(value):
        return
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        array = np.array(None)
    if array.dtype.kind not in "biuf" or array.ndim > 1 or array.size == 0:
        raise ConfigurationError(
            f"parameter '{name}' must be a number or Quantity, or an array with one a neuron, found {value!r}"
        )
    if np.isnan(array).any():
        raise ConfigurationError(f"parameter '{name}' must not be NaN, found {value!r}")


def check_names(neuron, parameters: Iterable[str]) -> None:
    """Raise ConfigurationError unless the names in a neuron's texts and those of its parameters go together."""
    if neuron.synaptic_variable not in neuron.state_variables:
        raise ConfigurationError(
            f"spikes add their weight to '{neuron.synaptic_variable}', but the equations define "
            f"{', '.join(neuron.state_variables) or 'no differential variable'}; name the right one by "
            "synaptic_variable="
        )
    if not re.search(r"\bv_th\b", neuron.threshold):
        raise ConfigurationError(
            f"the threshold '{neuron.threshold}' must use v_th, which stands for the threshold of the neuron's layer"
        )
    try:
        statements = [parse_statement(line) for line in neuron.reset_statements]
    except ValueError as error:
        raise ConfigurationError(
            f"the reset '{neuron.reset}' must be statements such as 'u = 0' or 'w += 1', one a line or between "
            "semicolons"
        ) from error
    read = get_identifiers("\n".join(expression for _, _, expression, _ in statements))
    for name, *_ in statements:
        # Brian2 would take it as a variable of the reset's own
        if name not in neuron.parsed and name not in read:
            raise ConfigurationError(
                f"the reset '{neuron.reset}' sets '{name}', which is no variable of the equations; they define "
                f"{', '.join(sorted(neuron.parsed))}"
            )
    code = "\n".join([neuron.equations, neuron.threshold, neuron.reset])
    for name in parameters:
        if name in RESERVED_NAMES or name in neuron.parsed:
            raise ConfigurationError(f"parameter '{name}' is defined twice; give it another name")
        if not re.search(rf"\b{re.escape(name)}\b", code):
            raise ConfigurationError(f"parameter '{name}' is not used in the equations, threshold or reset")
    time = re.search(r"\b(t|t_in_timesteps|lastspike)\b", code)
    if time:
        raise ConfigurationError(
            f"the neuron uses the time '{time.group()}'; presentations follow one another in one run, so its value "
            "would depend on the sample's place in the batch. Make the drive an input spike train or a parameter, "
            "and what follows a spike a variable that the reset changes"
        )


def checked_initial(neuron, initial) -> dict[str, float | np.ndarray | Learned]:
    """Initial values of a neuron's variables, in SI base units: floats, arrays with one a neuron, or as `Learned`."""
    if initial is None:
        return {}
    if not isinstance(initial, Mapping):
        raise ConfigurationError(f"initial must map variables to values, such as {{'v': -70*mV}}; found {initial!r}")
    values = {}
    for name, value in initial.items():
        if name not in neuron.changing_variables:
            raise ConfigurationError(
                f"initial names '{name}', but the variables of the neuron are {', '.join(neuron.changing_variables)}"
            )
        what, dimension = f"initial value of '{name}'", neuron.dimension_of(name)
        if isinstance(value, Learned):
            values[name] = value
        elif np.ndim(value) == 1:
            values[name] = np.array([to_float(what, one, dimension) for one in value])
        else:
            values[name] = to_float(what, value, dimension)
    return values

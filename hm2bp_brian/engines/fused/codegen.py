"""C++ for a neuron's equations, written by Brian2's own code generator."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from brian2 import prefs, second
from brian2.codegen.codeobject import CodeObject, create_runner_codeobj
from brian2.codegen.generators.cpp_generator import CPPCodeGenerator
from brian2.codegen.templates import Templater
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.core.variables import ArrayVariable, Constant
from brian2.utils.stringtools import get_identifiers

from hm2bp_brian.brian.devices import runtime_device
from hm2bp_brian.errors import EngineError
from hm2bp_brian.model.neurons import NeuronModel

STATEFUL_FUNCTIONS = {"rand", "randn", "poisson"}
DOUBLE_LITERAL = re.compile(r"(?<![\w.])(\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)(?![\w.])")

# In the working precision, unlike Brian2's, which would turn float32 arithmetic into float64; with one division a tile,
# not one a neuron; and a whole number in a float, as conversions cost more than the neuron's whole update.
TIMESTEP = """
static inline scalar _timestep(scalar t, scalar dt)
{
    return std::trunc((t + scalar(1e-3) * dt) * (1 / dt));
}
"""


class FusedGenerator(CPPCodeGenerator):
    """Brian2's C++ generator, with floating point numbers of the working precision ``scalar``."""

    universal_support_code = ""  # once a file, not once a block

    def __init__(self, *args, **kwds):
        super().__init__(*args, **kwds)
        self.c_data_type = _c_type

    @staticmethod
    def get_array_name(var, access_data=True):
        return f"_array_{var.name}"

    def translate_expression(self, expr):
        return DOUBLE_LITERAL.sub(r"scalar(\1)", super().translate_expression(expr))


class FusedCodeObject(CodeObject):
    """Carries generated lines; ``compiler.py`` compiles them, in one piece with the kernels around them."""

    templater = Templater("hm2bp_brian.engines.fused", ".cpp")
    struct_template = Templater("hm2bp_brian.engines.fused", ".hpp").env.get_template("neurons.hpp")
    generator_class = FusedGenerator
    class_name = "fused"

    def compile_block(self, block):
        return None

    def run_block(self, block):
        return None


DEFAULT_FUNCTIONS["timestep"].implementations.add_implementation(FusedCodeObject, code=TIMESTEP, name="_timestep")


@dataclass(frozen=True)
class NeuronCode:
    """Generated C++ of a neuron, and the arrays and constants that it reads, in the order of its ``load``.

    Attributes
    ----------
    source : str
        ``struct Neurons``, the state of a tile; the same for any size and parameter values.
    arrays : tuple of arrays (n_neurons,)
        Start values of state variables, and parameters.
    constants : float64 array
        The threshold first.
    """

    source: str
    arrays: tuple[np.ndarray, ...]
    constants: np.ndarray


@contextmanager
def _default_float(dtype):
    """Let Brian2 generate code in another precision, and put its preference back."""
    before = prefs["core.default_float_dtype"]
    prefs["core.default_float_dtype"] = dtype
    try:
        yield
    finally:
        prefs["core.default_float_dtype"] = before


@runtime_device()
def generate(neuron: NeuronModel, n_neurons: int, v_th: float, dt: float, dtype) -> NeuronCode:
    """Generate the C++ of a layer's neurons.

    Parameters
    ----------
    neuron : NeuronModel
    n_neurons : int
    v_th, dt : float
        Threshold, and time step in seconds.
    dtype : float32 or float64

    Raises
    ------
    EngineError
        If the equations hold something that can't be run a tile at a time.
    """
    with _default_float(np.dtype(dtype).type):
        group = neuron.brian_group(n_neurons, v_th, name="fused*", dtype=dtype, dt=dt * second)
        group._network = "fused"  # it will never run: keeps Brian2 from warning that it was forgotten
        _refuse_what_cannot_be_tiled(neuron, group)
        blocks = {
            "update": _code_object(group, group.state_updater),
            "threshold": _code_object(group, group.thresholder["spike"]),
            "reset": _code_object(group, group.resetter["spike"], override_conditional_write=["not_refractory"]),
        }
    variables = {name: group.variables[name] for name in _always_present(neuron)}
    for block in blocks.values():
        variables |= block.variables
    arrays = [
        v for _, v in sorted(variables.items()) if isinstance(v, ArrayVariable) and v.name not in ("t", "dt", "v_th")
    ]
    constants = [v for _, v in sorted(variables.items()) if isinstance(v, Constant)]
    _refuse_shared_variables(arrays)
    return NeuronCode(
        _source(neuron, blocks, arrays, constants),
        tuple(np.ascontiguousarray(v.get_value()) for v in arrays),
        np.array([v_th, *(float(v.value) for v in constants)]),
    )


def _always_present(neuron: NeuronModel) -> list[str]:
    """State that the kernels touch themselves, or start anew in each presentation."""
    return [*neuron.changing_variables, *(["lastspike", "not_refractory"] if neuron.refractory else [])]


def _source(neuron: NeuronModel, blocks, arrays, constants) -> str:
    # not_refractory is computed anew from lastspike at the beginning of each update; a reset may read it once more
    kept = {"not_refractory"} & get_identifiers(neuron.reset)
    updated = {*neuron.changing_variables, *kept}
    at_spike = {"lastspike": "_array_t[0]"} | dict.fromkeys(kept, "0")
    struct = FusedCodeObject.struct_template.render(
        blocks={name: block.code for name, block in blocks.items()},
        universal_support=CPPCodeGenerator.universal_support_code,
        arrays=[
            {
                "name": v.name,
                "type": _c_type(v.dtype),
                "numpy_type": "bool" if np.issubdtype(v.dtype, np.bool_) else _c_type(v.dtype),
                "written": v.name in updated or v.name in at_spike,
                "updated": v.name in updated,
                "at_spike": at_spike.get(v.name),
                "synaptic": v.name == neuron.synaptic_variable,
            }
            for v in arrays
        ],
        constants=[{"name": v.name, "type": _c_type(np.asarray(v.value).dtype)} for v in constants],
    )
    defines = [
        f"#define SYNAPTIC _array_{neuron.synaptic_variable}",
        f"#define N_VARIABLES {len(neuron.state_variables)}",
    ]
    return "\n".join([*defines, struct])


def _code_object(group, runner, override_conditional_write=()) -> FusedCodeObject:
    runner.update_abstract_code(run_namespace={})
    return create_runner_codeobj(
        group,
        runner.abstract_code,
        "neuron",
        run_namespace={},
        name=f"{runner.name}_fused*",
        codeobj_class=FusedCodeObject,
        additional_variables=getattr(runner, "variables", None),
        override_conditional_write=override_conditional_write,
        check_units=False,
    )


def _c_type(dtype) -> str:
    """The C++ type of a variable; truth values are as wide as numbers, so that vectors of both fit together."""
    if np.issubdtype(dtype, np.floating):
        return "scalar"
    return "flag" if np.issubdtype(dtype, np.bool_) else f"{np.dtype(dtype).name}_t"


def _refuse_what_cannot_be_tiled(neuron: NeuronModel, group) -> None:
    advice = "; use engine='brian2', which runs any equations that Brian2 runs"
    if group.equations.is_stochastic:
        raise EngineError(f"engine 'fused' can't run noise (xi) in equations{advice}")
    names = get_identifiers("\n".join([neuron.equations, neuron.threshold, neuron.reset]))
    own_functions = {name for name, value in neuron.parameters.items() if isinstance(value, Function)}
    refused = names & (STATEFUL_FUNCTIONS | own_functions)
    if refused:
        raise EngineError(
            f"engine 'fused' can't run the function '{min(refused)}' in equations: neither random numbers nor "
            f"TimedArrays and other own functions{advice}"
        )
    if group.subexpression_updater is not None:
        raise EngineError(f"engine 'fused' can't run subexpressions that are 'constant over dt'{advice}")
    if neuron.blocks_synapses_when_refractory:
        raise EngineError(
            f"engine 'fused' can't add spikes to '{neuron.synaptic_variable}', which stands still in the refractory "
            f"time{advice}"
        )


def _refuse_shared_variables(arrays) -> None:
    for variable in arrays:
        if variable.scalar:
            raise EngineError(
                f"engine 'fused' can't run the shared variable '{variable.name}'; make it a parameter of NeuronModel, "
                "or use engine='brian2'"
            )

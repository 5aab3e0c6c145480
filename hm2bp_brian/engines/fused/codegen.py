"""C++ for a neuron's equations, written by Brian2's own code generator."""

from __future__ import annotations

import copy
import ctypes
import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from brian2 import second
from brian2.codegen.codeobject import CodeObject, create_runner_codeobj
from brian2.codegen.generators.cpp_generator import CPPCodeGenerator
from brian2.codegen.templates import Templater
from brian2.core.functions import Function
from brian2.core.variables import ArrayVariable, Constant, Subexpression
from brian2.utils.stringtools import KEYWORDS, get_identifiers

from hm2bp_brian.devices import preferences, runtime_device
from hm2bp_brian.errors import EngineError, NoSpspError
from hm2bp_brian.model.jacobian import Jacobian
from hm2bp_brian.model.neurons import NeuronModel

STATEFUL_FUNCTIONS = {"rand", "randn", "poisson"}
DOUBLE_LITERAL = re.compile(r"(?<![\w.])(\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)(?![\w.])")

COMMENT = re.compile("#.*")
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
# Before every name of the neuron's equations, so that none can be a word of C++ or a name of the kernels.
PREFIX = "model_"


class FusedGenerator(CPPCodeGenerator):
    """Brian2's C++ generator, with numbers of the working precision ``scalar``, and names that can't collide."""

    universal_support_code = ""  # once a file, not once a block

    def __init__(self, *args, **kwds):
        super().__init__(*args, **kwds)
        self.c_data_type = _c_type

    @staticmethod
    def get_array_name(var, access_data=True):
        return f"_array_{var.name}"

    def translate(self, code, dtype):
        functions = {name for name, variable in self.variables.items() if isinstance(variable, Function)}

        def rename(
            text: str,
        ) -> str:  # all names at once, not one after the other: one may be another's with the prefix
            return NAME.sub(lambda name: name[0] if name[0] in functions | KEYWORDS else PREFIX + name[0], text)

        indices = {rename(name): index for name, index in self.variable_indices.items()}
        self.variable_indices = defaultdict(self.variable_indices.default_factory, indices)
        self.variables = {rename(name): _with_expression(v, rename) for name, v in self.variables.items()}
        # without comments, as a backslash at the end of one would comment out the next line of C++
        return super().translate({block: rename(COMMENT.sub("", text)) for block, text in code.items()}, dtype)

    def get_conditional_write_vars(self):
        return {name: PREFIX + condition for name, condition in super().get_conditional_write_vars().items()}

    def translate_expression(self, expr):
        return DOUBLE_LITERAL.sub(r"scalar(\1)", super().translate_expression(expr))


def _with_expression(variable, change):
    """The variable; a copy with another expression if it is a subexpression."""
    if not isinstance(variable, Subexpression):
        return variable
    changed = copy.copy(variable)
    changed.expr = change(COMMENT.sub("", variable.expr))
    changed.identifiers = get_identifiers(changed.expr)
    return changed


class FusedCodeObject(CodeObject):
    """Carries generated lines; ``compiler.py`` compiles them, in one piece with the kernels around them."""

    templater = Templater("hm2bp_brian.engines.fused", ".cpp")
    struct_templates = Templater("hm2bp_brian.engines.fused", ".hpp").env
    generator_class = FusedGenerator
    class_name = "fused"

    def compile_block(self, block):
        return None

    def run_block(self, block):
        return None


@dataclass(frozen=True)
class NeuronCode:
    """Generated C++ of a neuron, and the arrays and constants that it reads, in the order of its ``load``.

    Attributes
    ----------
    facts : str
        Constants, all that the backward pass needs to know of affine neurons: of these many sorts have the same.
    lane : str
        The facts, ``struct Lane`` and what a neuron does in a step; the same for any size and parameter values.
    tile : str
        ``struct Neurons``, the state of a tile, for a processor.
    single : str
        ``struct Neuron``, one neuron, for a thread of a GPU.
    arrays : tuple of arrays (n_neurons,)
        Start values of state variables, and parameters.
    names : tuple of str
        What the arrays are of.
    constants : float64 array
        The threshold first.
    refractory_steps : int
        Steps after a spike's own step during which a neuron is refractory.
    along_trajectory : bool
        Whether the backward pass runs the neurons again, as no two steps need be the same.
    """

    facts: str
    lane: str
    tile: str
    single: str
    arrays: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    constants: np.ndarray
    refractory_steps: int
    along_trajectory: bool

    def pointers(self, learned: dict[str, np.ndarray]) -> tuple[ctypes.Array, list[np.ndarray]]:
        """Addresses of the arrays, with these values of learned variables, and the arrays, which must be kept."""
        pairs = zip(self.names, self.arrays, strict=True)
        arrays = [np.ascontiguousarray(learned.get(name, array), dtype=array.dtype) for name, array in pairs]
        return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays)), arrays


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
    with preferences({"core.default_float_dtype": np.dtype(dtype).type}):
        group = neuron.brian_group(n_neurons, v_th, name="fused*", dtype=dtype, dt=dt * second)
        group._network = "fused"  # it will never run: keeps Brian2 from warning that it was forgotten
        for name, values in neuron.start_values(n_neurons, v_th, dt).items():
            group.variables[name].set_value(values)
        _refuse_what_cannot_be_tiled(neuron, group)
        blocks = {
            "update": _code_object(group, group.state_updater),
            "threshold": _code_object(group, group.thresholder["spike"]),
            "reset": _code_object(group, group.resetter["spike"], override_conditional_write=["not_refractory"]),
        }
        jacobian = None if neuron.is_affine else _jacobian(neuron)
        if jacobian:
            blocks |= {
                "update_derivatives": _code_object(group, group.state_updater, (), jacobian.update.statements),
                "reset_derivatives": _code_object(
                    group, group.resetter["spike"], ["not_refractory"], jacobian.reset.statements
                ),
            }
    # which the kernels start anew in each presentation, read by a block or not
    variables = {name: group.variables[name] for name in neuron.changing_variables}
    for block in blocks.values():
        variables |= block.variables
    of_the_kernels = {"dt", *({"v_th"} - set(neuron.learned)), *({"not_refractory"} if neuron.refractory else ())}
    arrays = [v for _, v in sorted(variables.items()) if isinstance(v, ArrayVariable) and v.name not in of_the_kernels]
    constants = [v for _, v in sorted(variables.items()) if isinstance(v, Constant)]
    _refuse_shared_variables(arrays)
    return NeuronCode(
        *_sources(neuron, blocks, arrays, constants, jacobian),
        tuple(np.ascontiguousarray(v.get_value()) for v in arrays),
        tuple(v.name for v in arrays),
        np.array([v_th, *(float(v.value) for v in constants)]),
        neuron.refractory_steps(dt),
        jacobian is not None,
    )


def _sources(neuron: NeuronModel, blocks, arrays, constants, jacobian: Jacobian | None) -> tuple[str, ...]:
    """The facts, what all devices share, what processors take, what GPUs take."""
    context = dict(
        blocks={name: block.code for name, block in blocks.items()},
        universal_support=CPPCodeGenerator.universal_support_code,
        prefix=PREFIX,
        arrays=[
            {
                "name": v.name,
                "type": _c_type(v.dtype),
                "numpy_type": "bool" if np.issubdtype(v.dtype, np.bool_) else _c_type(v.dtype),
                "changes": v.name in neuron.changing_variables,
                "synaptic": v.name == neuron.synaptic_variable,
                "number": neuron.evolving_variables.index(v.name) if v.name in neuron.state_variables else None,
            }
            for v in arrays
        ],
        constants=[{"name": PREFIX + v.name, "type": _c_type(np.asarray(v.value).dtype)} for v in constants],
        synaptic=f"_array_{neuron.synaptic_variable}",
        refractory=neuron.refractory > 0,
        learned_threshold="v_th" in neuron.learned,
        n_variables=len(neuron.evolving_variables),
        derivatives=jacobian and _entries(jacobian, neuron.evolving_variables),
        kept=jacobian
        and [
            PREFIX + entry
            for entry, made_of in jacobian.update.made_of.items()
            if made_of & set(neuron.changing_variables)
        ],
    )
    facts = _facts(
        N_VARIABLES=len(neuron.evolving_variables),
        RESET_CLEARS_FIRST=neuron.reset_cuts_the_past and not neuron.learned,
        ALONG_TRAJECTORY=jacobian is not None,
        OWN_NU=not neuron.nu_is_distance,
    )
    of_trajectories = _facts(
        SHARES=neuron.spsp == "share", SYNAPTIC=neuron.evolving_variables.index(neuron.synaptic_variable)
    )
    templates = FusedCodeObject.struct_templates
    lane, tile, single = (
        templates.get_template(name).render(context) for name in ("lane.hpp", "neurons.hpp", "single_neuron.hpp")
    )
    return facts, facts + of_trajectories + lane, tile, single


def _facts(**values: int | bool) -> str:
    """Constants of C++."""
    return "".join(f"constexpr {type(v).__name__} {name} = {str(v).lower()};\n" for name, v in values.items())


def _jacobian(neuron: NeuronModel) -> Jacobian | None:
    """None where there is none: the neuron runs, and whoever trains it is told why it does not."""
    try:
        return neuron.jacobian()
    except NoSpspError:
        return None


def _entries(jacobian: Jacobian, variables: tuple[str, ...]) -> dict[str, list[dict]]:
    """The derivatives that are not 0, as the template wants them."""
    return {
        block: [
            {
                **{"of": variables.index(x), "by": variables.index(y)},
                **{"value": PREFIX + entry if entry.startswith("_") else entry},
            }
            for (x, y), entry in derivatives.entries.items()
            if entry != "0"
        ]
        for block, derivatives in (("of_update", jacobian.update), ("of_reset", jacobian.reset))
    }


def _code_object(group, runner, override_conditional_write=(), statements: str | None = None) -> FusedCodeObject:
    """The lines of a block: those of the runner, or others in their place."""
    runner.update_abstract_code(run_namespace={})
    statements = runner.abstract_code if statements is None else statements
    # The kernels know who is refractory from whole steps: Brian2's subtraction of times is wrong in float32 when the
    # presentation is long.
    lines = [line for line in statements.splitlines() if not line.startswith("not_refractory = timestep(")]
    return create_runner_codeobj(
        group,
        "\n".join(lines),
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

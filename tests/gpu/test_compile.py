"""NVRTC compiles every kernel of the tests' networks, where CuPy is installed; no GPU is needed."""

import re

import numpy as np
import pytest
from affine_neurons import AFFINE, affine_network
from networks import NEURONS, make_network
from nonlinear_neurons import NONLINEAR, SHARES, SMOOTH, nonlinear_network

from hm2bp_brian.engines.cuda.sources import (
    OPTIONS,
    component_source,
    connection_source,
    image_source,
    layer_source,
    on_card,
    spike_source,
    trajectory_source,
    update_source,
)
from hm2bp_brian.engines.fused.codegen import generate
from hm2bp_brian.model.neurons import NeuronModel

pytestmark = pytest.mark.gpu_compile
CARDS = ("sm_80", "sm_90")
LARGEST_SPILL = {"float32": 64, "float64": 256}  # bytes, of neurons with many variables


def nvrtc():
    return pytest.importorskip("cupy", reason="CuPy, extra gpu, is not installed").cuda.nvrtc


def report(source: str, card: str) -> dict[str, tuple[int, int]]:
    """Registers of each kernel, and bytes that do not fit into them."""
    compiler = nvrtc()
    program = compiler.createProgram(on_card(source), "kernels.cu", (), ())
    try:
        compiler.compileProgram(program, (*OPTIONS, f"-arch={card}", "--ptxas-options=-v"))
    except compiler.NVRTCError:
        pytest.fail(compiler.getProgramLog(program))
    assert compiler.getCUBIN(program)
    pattern = r"entry function '(\w+)'.*?(\d+) bytes spill stores.*?Used (\d+) registers"
    found = re.findall(pattern, compiler.getProgramLog(program), re.DOTALL)
    return {name: (int(registers), int(spill)) for name, spill, registers in found}


@pytest.mark.parametrize("card", CARDS)
def test_kernels_that_know_no_neurons(card):
    names = {"encode", "trains_of_lists", "count_spikes", "steps_of_trains", "lists_of_steps", "lists_of_trains"}
    assert report(spike_source(), card).keys() == names
    assert report(image_source(), card).keys() == {"shift_images", "interpolate_images"}
    for dtype in ("float32", "float64"):
        names = {"adam_average", "adam_length", "adam_step", "move_towards"}
        assert report(update_source(np.dtype(dtype)), card).keys() == names
        names = {"spsp_of_connections", "tpsp_of_connections", "flow_back", "gradient_of_connections"}
        assert report(connection_source(np.dtype(dtype)), card).keys() == names


NOT_AFFINE = ("nonlinear", "quadratic, fires by itself")


def network_of(name: str):
    return make_network(name) if name in NEURONS else affine_network(name)


def check(name: str, dtype: str, card: str) -> None:
    network, dtype = network_of(name), np.dtype(dtype)
    code = generate(network.neurons[0], network.size(0), network.thresholds[0], network.dt, dtype)
    found = report(layer_source(code, dtype), card)
    names = {"forward", "forward_dense", "adjoint", "spsp", "partial_gradient", "add_gradient", "delta_before"}
    assert found.keys() == names
    for kernel, (registers, spill) in found.items():
        most = 65536 // (256 if kernel == "spsp" else 512)  # of the threads of a block
        assert registers <= most and spill <= LARGEST_SPILL[dtype.name], (kernel, registers, spill)


@pytest.mark.parametrize("name", [*(name for name in NEURONS if name not in NOT_AFFINE), *AFFINE])
def test_kernels_of_all_neurons(name):
    check(name, "float32", "sm_90")


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize(
    "name", ["euler", "currents in pA, one membrane a neuron", "two compartments, double exponential"]
)
def test_kernels_in_float64(name, card):
    check(name, "float64", card)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_populations_with_all_neurons_together(dtype, card):
    codes = []
    for name in [name for name in NEURONS if name not in NOT_AFFINE]:
        network = network_of(name)
        codes.append(generate(network.neurons[0], network.size(0), network.thresholds[0], network.dt, np.dtype(dtype)))
    ((kernel, (registers, spill)),) = report(component_source(codes, np.dtype(dtype)), card).items()
    assert kernel == "forward_graph" and registers <= 128 and spill <= LARGEST_SPILL[dtype]


FUNCTIONS = (
    "sin cos tan sinh cosh tanh arcsin arccos arctan exp log log10 log1p expm1 sqrt ceil floor sign abs exprel".split()
)


def test_functions_of_equations():
    others = ["clip(u, 0, 1)", "int(u > 0.5)", "u % 2", "u // 2", "u**3", "u**0.5"]
    terms = " + ".join([*(f"{name}(u)" for name in FUNCTIONS), *others])
    neuron = NeuronModel(f"du/dt = ({terms} + I)/(9*ms) : 1\ndI/dt = -I/(5*ms) : 1", method="euler")
    for dtype in map(np.dtype, ("float32", "float64")):
        code = generate(neuron, 5, 1.0, 1e-3, dtype)
        assert report(component_source([code], dtype), "sm_90").keys() == {"forward_graph"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*NONLINEAR, *SMOOTH, *SHARES])
def test_trajectories(name, dtype):
    network = nonlinear_network(name)
    code = generate(network.neurons[0], network.size(0), network.thresholds[0], network.dt, np.dtype(dtype))
    ((kernel, (_, spill)),) = report(trajectory_source(code, np.dtype(dtype)), "sm_90").items()
    assert kernel == "adjoint_along" and spill <= LARGEST_SPILL[dtype]

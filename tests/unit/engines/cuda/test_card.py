"""What is said where there is no GPU that works; and the structures that cross to it."""

import ctypes
from types import SimpleNamespace

import numpy as np
import pytest
from cupy_on_host import HEADER, CompileException, CupyOnHost
from networks import make_network
from nonlinear_neurons import nonlinear_network

from hm2bp_brian.engines.cuda import arguments, card
from hm2bp_brian.engines.cuda.card import Card
from hm2bp_brian.engines.cuda.sources import (
    component_source,
    connection_source,
    image_source,
    layer_source,
    spike_source,
    trajectory_source,
    update_source,
)
from hm2bp_brian.engines.fused.codegen import generate
from hm2bp_brian.engines.fused.compiler import load
from hm2bp_brian.errors import CompilationError, ConfigurationError, MissingPackageError


class CudaRuntimeError(RuntimeError):
    """What CuPy raises of the CUDA runtime."""


def cupy_of(monkeypatch, *, devices=1, cupy_for=13000, driver=13010, capability="90", error=None):
    """Let ``import cupy`` find a module that says this of the machine."""

    def n_devices():
        if error:
            raise CudaRuntimeError(error)
        return devices

    runtime = SimpleNamespace(
        CUDARuntimeError=CudaRuntimeError,
        runtimeGetVersion=lambda: cupy_for,
        driverGetVersion=lambda: driver,
        getDeviceCount=n_devices,
    )
    cuda = SimpleNamespace(runtime=runtime, Device=lambda: SimpleNamespace(compute_capability=capability))
    monkeypatch.setattr(card.importlib, "import_module", lambda name: SimpleNamespace(cuda=cuda, name=name))


def find():
    return card.find_card.__wrapped__()  # without its memory


def test_a_gpu_is_found(monkeypatch):
    for capability in ("70", "90", "120"):
        cupy_of(monkeypatch, capability=capability)
        assert find().cupy.name == "cupy"


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        ({"error": "cudaErrorNoDevice: no CUDA-capable device is detected"}, "no GPU, or no driver .*NoDevice.*'cpu'"),
        ({"driver": 0, "error": "cudaErrorInsufficientDriver"}, "no GPU, or no driver for it .*InsufficientDriver"),
        ({"devices": 0}, "finds no GPU; device='cpu' works"),
        (
            {"driver": 12040, "error": "cudaErrorInsufficientDriver"},
            r"CUDA 13, and the GPU's driver knows CUDA up to 12\.4: install cupy-cuda12x",
        ),
        ({"capability": "61"}, r"too old: compute capability 6\.1, at least 7\.0 is needed"),
    ],
)
def test_what_is_wrong_with_the_machine(monkeypatch, machine, message):
    cupy_of(monkeypatch, **machine)
    with pytest.raises(ConfigurationError, match=message):
        find()


def test_without_cupy(monkeypatch):
    def not_there(name):
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr(card.importlib, "import_module", not_there)
    with pytest.raises(MissingPackageError, match=r"'cupy'.*hm2bp_brian\[gpu\].*cupy-cuda12x.*device='cpu' works"):
        find()


def test_what_nvrtc_refuses_is_said_with_its_first_error():
    class Refusing(CupyOnHost):
        def RawModule(self, **_):  # noqa: N802
            def compile():
                raise CompileException("warning: x\nkern.cu(3): error: identifier 'y' is undefined\nmore")

            return SimpleNamespace(compile=compile)

    with pytest.raises(CompilationError, match="NVRTC refused the kernels\nfirst error: .*'y' is undefined$"):
        Card(Refusing()).compile("", "the kernels")


def test_sizes_and_offsets_are_those_of_the_kernels():
    network = make_network()
    code = generate(network.neurons[0], 70, 0.6, 1e-3, np.dtype("float32"))
    network = nonlinear_network("QIF")
    nonlinear = generate(network.neurons[0], 70, 0.6, 1e-3, np.dtype("float32"))
    sources = {
        spike_source(): (arguments.Spikes,),
        image_source(): (arguments.Images,),
        layer_source(code, np.dtype("float32")): (arguments.Window, arguments.Presentation, arguments.Backward),
        update_source(np.dtype("float32")): (arguments.Update,),
        connection_source(np.dtype("float32")): (arguments.Connections,),
        trajectory_source(nonlinear, np.dtype("float32")): (arguments.Along,),
        component_source([code], np.dtype("float32")): (
            *(arguments.GraphPopulation, arguments.GraphProjection, arguments.GraphPresentation),
        ),
    }
    assert {s for structures in sources.values() for s in structures} == set(arguments.STRUCTURES)
    for source, structures in sources.items():
        expected, numbers = [], []
        for structure in structures:
            expected.append(ctypes.sizeof(structure))
            numbers.append(f"sizeof({structure.__name__})")
            for name, _ in structure._fields_:
                expected += [getattr(structure, name).offset, getattr(structure, name).size]
                numbers += [f"offsetof({structure.__name__}, {name})", f"sizeof({structure.__name__}::{name})"]
        layout = f'extern "C" const long layout[] = {{{", ".join(f"long({number})" for number in numbers)}}};'
        text = (
            f'#include <cstddef>\n{HEADER.read_text()}\n{source}\n#pragma GCC diagnostic ignored "-Winvalid-offsetof"'
        )
        found = (ctypes.c_long * len(numbers)).in_dll(load(f"{text}\n{layout}", "the layout of arguments"), "layout")
        assert list(found) == expected

"""One GPU, by CuPy: arrays on it, and kernels that NVRTC compiles for it, so that no CUDA toolkit is needed."""

from __future__ import annotations

import ctypes
import importlib
from functools import cache, cached_property

import numpy as np

from hm2bp_brian.engines.cuda.sources import OPTIONS, on_card
from hm2bp_brian.errors import CompilationError, ConfigurationError, MissingPackageError

OLDEST = (7, 0)  # compute capability: Volta
BLOCK = 128  # threads
LARGEST_BLOCK = 512  # as in ``kernels/card.cuh``
LARGEST_GRID = 65535  # in y and z
SHARED_UNASKED = 48 * 2**10  # bytes that any kernel may share
# What is computed for as many samples at a time as this holds. It decides the order of sums, and so the last bits of
# results.
SCRATCH_BYTES = 256 * 2**20
ADVICE = "device='cpu' works without a GPU"


@cache
def find_card() -> Card:
    """The current GPU.

    Raises
    ------
    MissingPackageError
        If CuPy is not installed, or not for a CUDA that is here.
    ConfigurationError
        If there is no GPU, its driver is older than CuPy's CUDA, or it is too old.
    """
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        raise MissingPackageError(
            f"device 'cuda' needs CuPy ({error}): install the extra 'gpu' of this package, pip install "
            f'"hm2bp_brian[gpu]", which is for CUDA 13; for an older driver, pip install cupy-cuda12x. {ADVICE}'
        ) from error
    _check_device(cupy.cuda)
    return Card(cupy)


def _check_device(cuda) -> None:
    runtime = cuda.runtime
    compiled_for, driver = runtime.runtimeGetVersion(), runtime.driverGetVersion()
    if 0 < driver // 1000 < compiled_for // 1000:
        raise ConfigurationError(
            f"this CuPy is for CUDA {compiled_for // 1000}, and the GPU's driver knows CUDA up to "
            f"{driver // 1000}.{driver % 1000 // 10}: install cupy-cuda{driver // 1000}x in its place, or a newer "
            f"driver. {ADVICE}"
        )
    try:
        n_devices = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise ConfigurationError(f"device 'cuda' finds no GPU, or no driver for it ({error}); {ADVICE}") from error
    if n_devices == 0:
        raise ConfigurationError(f"device 'cuda' finds no GPU; {ADVICE}")
    capability = cuda.Device().compute_capability
    found = int(capability[:-1]), int(capability[-1])
    if found < OLDEST:
        raise ConfigurationError(
            "the GPU is too old: compute capability {}.{}, at least {}.{} is needed; ".format(*found, *OLDEST) + ADVICE
        )


class Card:
    """Arrays and kernels on the current GPU.

    Parameters
    ----------
    cupy : module
    """

    def __init__(self, cupy):
        self.cupy = cupy

    def put(self, array, dtype=None):
        """An array on the card, C-contiguous; one that is there already, in this dtype, is not copied."""
        return self.cupy.asarray(array, dtype=dtype, order="C")

    def get(self, array) -> np.ndarray:
        """An array in this process's memory; one that is there already is not copied."""
        return array.get() if self.holds(array) else array

    def holds(self, array) -> bool:
        """Whether an array is on the card."""
        return isinstance(array, self.cupy.ndarray)

    def empty(self, shape, dtype):
        """A new array."""
        return self.cupy.empty(shape, dtype)

    def full(self, shape, value, dtype):
        """A new array of one value."""
        return self.cupy.full(shape, value, dtype)

    def addresses(self, arrays):
        """Where arrays lie, on the card; they must be kept."""
        return self.put(np.array([pointer(array) for array in arrays], dtype=np.uint64))

    def structures(self, structures):
        """Structures of one kind, one after the other, on the card."""
        return self.put(np.array(bytearray(b"".join(map(bytes, structures))), dtype=np.uint8))

    def wait(self) -> None:
        """Until all kernels that were launched have ended."""
        self.cupy.cuda.get_current_stream().synchronize()

    @cached_property
    def shared_bytes(self) -> int:
        """Memory that the threads of a block can share."""
        return self.cupy.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"]

    @property
    def free_bytes(self) -> int:
        """Memory that can still be had, what CuPy keeps for later included."""
        pool = self.cupy.get_default_memory_pool()
        return self.cupy.cuda.runtime.memGetInfo()[0] + pool.total_bytes() - pool.used_bytes()

    def compile(self, source: str, what: str):
        """Kernels by their names, compiled when they are first asked for; CompilationError if they can't be."""
        module = self.cupy.RawModule(code=on_card(source), options=OPTIONS, backend="nvrtc")
        try:
            module.compile()
        except self.cupy.cuda.compiler.CompileException as error:
            first = next((line for line in str(error).splitlines() if "error" in line), str(error))
            raise CompilationError(f"NVRTC refused {what}\nfirst error: {first}") from error
        return cache(module.get_function)


def launch(kernel, arguments: ctypes.Structure, x: int, y: int = 1, z: int = 1, block: int = BLOCK, shared=0) -> None:
    """Run a kernel with x threads in whole blocks, y and z blocks deep; kernels stride over y where it is too deep.

    ``shared`` bytes are for the threads of each block.
    """
    grid = -(-x // block), min(y, LARGEST_GRID), z
    if not all(grid):
        return
    if shared > SHARED_UNASKED:
        kernel.max_dynamic_shared_size_bytes = shared
    # CuPy passes an array of one element by its value
    structure = np.frombuffer(arguments, dtype=np.dtype((np.void, ctypes.sizeof(arguments))))
    kernel(grid, (block,), (structure,), shared_mem=shared)


def slices(n_samples: int, bytes_a_sample: int) -> list[slice]:
    """Parts of a batch that scratch memory holds."""
    size = max(1, min(SCRATCH_BYTES // bytes_a_sample, LARGEST_GRID))
    return [slice(first, first + size) for first in range(0, n_samples, size)]


def pointer(array) -> int | None:
    """Address of an array on the card; None for None."""
    return None if array is None else array.__cuda_array_interface__["data"][0]

"""Where the system refuses threads or memory, Python goes on."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory as Linux has them")

# Stacks of new threads are larger than what the limit leaves: none can be started after it is set, but for those
# that take a stack which the C library has kept of one that ended.
START = """
import resource
import numpy as np
from hm2bp_brian.engines.registry import make_engine
from networks import make_input, make_network

def limit_memory(spare):
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + spare, resource.RLIM_INFINITY))
"""
THREADS_REFUSED = """
import threading
network = make_network("euler", (150, 70))
batch = make_input(network, 7)
engine, alone = (make_engine(network, "fused", "float32", threads) for threads in (4, 1))
expected = alone.forward(network.weights, batch).record
limit_memory(64 << 20)
done = threading.Event()
try:
    while True:
        threading.Thread(target=done.wait).start()
except RuntimeError:
    print("no thread")
assert engine.forward(network.weights, batch).record.layers == expected.layers
print("same")
done.set()
"""
MEMORY_REFUSED = """
# a tile's weights, padded to 16 lanes, are 64 bytes an input: more in all than the 64 MiB that malloc may have kept of
# a thread that ended
network = make_network("euler", (9,), n_inputs=1_200_000, n_steps=2)
batch = make_input(network, 3)
engine = make_engine(network, "fused", "float32", {threads})
weights = [w.astype(np.float32) for w in network.weights]
few = make_network("euler", (150, 70))
make_engine(few, "fused", "float32", {threads}).forward(few.weights, make_input(few, 7))  # starts the threads
limit_memory(30 << 20)
try:
    engine.forward(weights, batch)
except MemoryError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(engine.forward(weights, batch).record.n_samples)
"""


def output_of(program: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    command = ["sh", "-c", 'ulimit -s 262144; exec "$0" -c "$1"', sys.executable, START + program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_threads_the_caller_does_all_the_work():
    assert output_of(THREADS_REFUSED).split("\n")[:2] == ["no thread", "same"]


@pytest.mark.parametrize("threads", [1, 3])
def test_little_memory_is_a_memory_error(threads):
    error, samples, *_ = output_of(MEMORY_REFUSED.format(threads=threads)).split("\n")
    assert "not enough memory for dense_forward of layer 0" in error
    assert f"3 samples of 2 steps in float32 on {threads} threads; take smaller batches" in error
    assert samples == "3"

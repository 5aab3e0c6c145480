"""What can only be seen on a machine with a GPU: Brian2's spikes there, and time a sample against batch size.

Needs Python >= 3.12, the extra "cuda" and nvcc. Each batch size is a program of its own, so most of the time goes into
compiling. Run it with ``python analysis/gpu_check.py OUT_DIR``; it takes some minutes. ``--device cpp_standalone``
measures Brian2's compiled program on one core instead.
"""

import argparse
import sys
import time
from pathlib import Path

from brian2 import ms

import hm2bp_brian as hb
from hm2bp_brian.devices import named_device, using_device
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import Hm2bpError
from hm2bp_brian.files import write_atomically
from hm2bp_brian.tables import to_csv

BATCH_SIZES = (10, 100, 400)
REPEATS = 3


def main(out_dir, device: str = "cuda_standalone", batch_sizes=BATCH_SIZES, n_hidden: int = 800, n_steps: int = 400):
    """Present MNIST digits to 784-n_hidden-10 in float64, and compare all spikes with those of the fused engine.

    Parameters
    ----------
    out_dir : path
        Folder, made if need be; the table is written to ``gpu_check.csv`` there.
    device : str
        Brian2's device.
    batch_sizes : sequence of int
    n_hidden, n_steps : int

    Returns
    -------
    list of dict
        One row a batch size: ``ms_a_sample`` (the fastest of several runs, with all that a batch needs), of which
        ``percent_outside`` the compiled program; ``seconds_to_compile``; ``spikes`` of both layers, and how many of
        them are ``different_spikes``: fired by one and not by the other. A GPU adds up in any order, so a sum near
        threshold may round to the other side.

    Raises
    ------
    ConfigurationError, CompilationError, EngineError
        If something is missing, or the program can't be compiled or run.
    """
    network = hb.SpikingNetwork(
        input_shape=(28, 28, 1),
        layers=[
            hb.Dense(n_hidden, threshold=20, initializer=hb.Uniform(1.0)),
            hb.Dense(10, threshold=8, lateral_inhibition=1, initializer=hb.Uniform(1.0)),
        ],
        neuron=hb.LIF(tau_m=64 * ms, tau_s=8 * ms, refractory=3 * ms),
        dt=1 * ms,
        duration=n_steps * ms,
        seed=1,
    )
    _, test = hb.datasets.mnist()
    rows = []
    for size in batch_sizes:
        spikes = hb.encoding.BernoulliEncoder().encode(test.images[:size], n_steps, seed=1)
        rows.append({"device": device, "batch_size": size} | _measure(network, spikes, device))
        print(rows[-1], flush=True)
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(out_dir / "gpu_check.csv", to_csv(rows))
    return rows


def _measure(network, spikes, device: str) -> dict:
    with using_device(named_device(device)):
        engine = make_engine(network, "brian2", "float64")
        first, _, record = _run(engine, network, spikes)
        seconds, inside, _ = min((_run(engine, network, spikes) for _ in range(REPEATS)), key=lambda run: run[0])
    expected = hb.simulate(network, spikes, engine="fused", dtype="float64")
    layers = range(len(network.layers))
    return {
        "ms_a_sample": round(1e3 * seconds / spikes.n_samples, 3),
        "percent_outside": round(100 * (1 - inside / seconds), 1),
        "seconds_to_compile": round(first - seconds, 1),
        "spikes": sum(record.layers[layer].n_spikes for layer in layers),
        "different_spikes": sum(int((record.dense(layer) != expected.dense(layer)).sum()) for layer in layers),
    }


def _run(engine, network, spikes):
    """Seconds that a batch takes, how many of them the compiled program runs, and the spikes."""
    started = time.perf_counter()
    record = engine.forward(network.parameters, spikes).record
    return time.perf_counter() - started, engine.program_seconds, record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare Brian2's spikes on a GPU, and measure its speed.")
    parser.add_argument("out_dir", metavar="OUT_DIR")
    parser.add_argument("--device", default="cuda_standalone", metavar="D", help="of Brian2, default cuda_standalone")
    arguments = parser.parse_args()
    try:
        main(arguments.out_dir, arguments.device)
    except Hm2bpError as error:
        sys.exit(f"gpu_check: error: {error}")

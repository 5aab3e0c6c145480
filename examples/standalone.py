"""Brian2's cpp_standalone device
==============================

Present MNIST digits to a network on Brian2's cpp_standalone device, batch after batch in one compiled program.

Compiling takes half a minute. ``--quick`` takes a small network and few digits.
"""

import argparse
import time

from brian2 import ms, set_device

import hm2bp_brian as hb
from hm2bp_brian.engines.registry import make_engine

parser = argparse.ArgumentParser(description="Present MNIST digits to a network on Brian2's device cpp_standalone.")
parser.add_argument("--quick", action="store_true", help="a small network and few digits")
quick = parser.parse_known_args()[0].quick  # a notebook has arguments of its own
n_hidden, n_samples, n_batches = (20, 5, 2) if quick else (800, 100, 5)

# before the engine is made; engine "brian2" builds the program itself, so Brian2 must not build at each run
set_device("cpp_standalone", build_on_run=False)

network = hb.SpikingNetwork(
    input_shape=(28, 28, 1),
    layers=[hb.Dense(n_hidden, threshold=20), hb.Dense(10, threshold=8, lateral_inhibition=1)],
    neuron=hb.LIF(tau_m=64 * ms, tau_s=8 * ms, refractory=3 * ms),
    dt=1 * ms,
    duration=(50 if quick else 400) * ms,
    seed=1,
)
_, test = hb.datasets.mnist()
engine = make_engine(network, engine="brian2", dtype="float64")

for batch in range(n_batches):
    images = test.images[batch * n_samples : (batch + 1) * n_samples]
    spikes = hb.encoding.BernoulliEncoder().encode(images, network.n_steps, seed=batch)
    started = time.perf_counter()
    record = engine.forward(network.parameters, spikes).record
    seconds = time.perf_counter() - started
    print(f"batch {batch}: {record.counts(0).sum()} hidden spikes, {n_samples / seconds:.0f} samples/s")

same = record.layers[0] == hb.simulate(network, spikes, engine="fused", dtype="float64").layers[0]
print(f"hidden spikes of the last batch in both engines: {'the same' if same else 'different'}")

"""What loops, delays and sparse connections cost: seconds of forward and backward passes, as ratios to dense layers.

Run it with ``python analysis/graph_speed.py [--samples 50] [--repeats 5] [--sparse]``.

Seconds are those of one processor, without those in which it did other work. The two networks alternate, and the
fastest of the repeats counts. Spikes are synthetic.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings

import numpy as np
from brian2 import ms

import hm2bp_brian as hb
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.learning.losses import SpikeCountLoss
from hm2bp_brian.learning.rules import Rules

STEPS = 500
NEURON = {"tau_m": 64 * ms, "tau_s": 8 * ms, "refractory": 3 * ms}


def network(n_inputs: int, size: int, threshold: float, limit: float, recurrent=None, delay=None, connection=None):
    """Inputs, one population, ten readouts."""
    made = hb.SpikingNetwork(dt=1 * ms, duration=STEPS * ms, seed=1)
    made.input("in", n_inputs)
    made.population("pop", size, neuron=hb.LIF(**NEURON), threshold=threshold)
    made.population("out", 10, neuron=hb.LIF(**NEURON), threshold=5, readout=True)
    made.connect("in", "pop", connection, weights=hb.Uniform(limit), delay=delay)
    if recurrent is not None:
        made.connect("pop", "pop", weights=hb.Uniform(recurrent), delay=delay)
    made.connect("pop", "out", weights=hb.Uniform(0.3))
    return made


def spikes(n_samples: int, n_neurons: int, rate: float) -> hb.SpikeBatch:
    """Random input."""
    return hb.SpikeBatch.from_dense(np.random.default_rng(0).random((n_samples, STEPS, n_neurons)) < rate)


class Timed:
    """A network with its input, timed a pass at a time."""

    def __init__(self, made, batch):
        self.network, self.batch = made, batch
        self.engine = make_engine(made, "fused", "float32", threads=1)
        self.seconds = []
        tape = self.engine.forward(made.parameters, batch)
        self.deliveries = sum(
            int(self._sent(tape, projection)) for projection in made.projections if projection.target.name == "pop"
        )

    def _sent(self, tape, projection) -> float:
        trains = self.network.trains(tape.record.input, tape.record.layers)
        pre, _, _ = projection.connection.synapses()
        fan_out = np.bincount(pre, minlength=projection.source.size)
        return (trains[projection.source.name].counts.sum(axis=0) * fan_out).sum()

    def run(self) -> None:
        """One forward and one backward pass."""
        labels = np.arange(self.batch.n_samples) % 10
        start = time.process_time()
        tape = self.engine.forward(self.network.parameters, self.batch)
        middle = time.process_time()
        errors = SpikeCountLoss(35, 5, 0).errors(tape.counts, labels)
        self.engine.backward(tape, errors, Rules())
        self.seconds.append((middle - start, time.process_time() - middle))

    @property
    def best(self) -> tuple[float, float]:
        """Seconds of the fastest forward and backward pass."""
        return tuple(np.min(self.seconds, axis=0))


def compare(name: str, plain: Timed, other: Timed, repeats: int) -> None:
    """Print seconds and the ratio a delivered spike."""
    for _ in range(repeats):
        plain.run()
        other.run()
    for what, timed in (("dense", plain), (name, other)):
        forward, backward = timed.best
        print(
            f"{what:>24}: forward {1e3 * forward:8.1f} ms, backward {1e3 * backward:8.1f} ms, "
            f"{timed.deliveries / 1e6:8.1f} million deliveries, {timed.deliveries / (forward + backward) / 1e9:.2f} G/s"
        )
    ratio = sum(other.best) / other.deliveries * plain.deliveries / sum(plain.best)
    print(f"{'time a delivery, ratio':>24}: {ratio:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sparse", action="store_true", help="only the large sparse network")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    n = options.samples
    if options.sparse:
        batch = spikes(4, 10_000, 0.01)
        sparse = network(10_000, 10_000, 3, 0.6, connection=hb.Sparse(p=0.02))
        dense = network(1_000, 2_000, 3, 0.3)
        compare("sparse, p = 0.02", Timed(dense, spikes(4, 1_000, 0.02)), Timed(sparse, batch), 3)
        print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
        return
    batch = spikes(n, 784, 0.02)
    dense, recurrent = network(784, 400, 10, 0.5), network(784, 400, 10, 0.5, recurrent=0.3)
    compare("recurrent, 400 neurons", Timed(dense, batch), Timed(recurrent, batch), options.repeats)
    batch = spikes(n, 78, 0.08)
    dense = network(78, 256, 10, 0.8)
    late = network(78, 256, 10, 0.8, delay=hb.Learned(0 * ms, 120 * ms))
    compare("learned delays", Timed(dense, batch), Timed(late, batch), options.repeats)


if __name__ == "__main__":
    main()

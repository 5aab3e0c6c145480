"""What neurons cost beside LIF in the fused engine: seconds of forward and backward passes of a dense layer, as ratios.

Run it with ``python analysis/neuron_speed.py [--neurons EIF AdEx] [--samples 50] [--repeats 5] [--threads 2]``.

The neurons are those of `neuron_accuracy.py`, one layer of 800 with 784 inputs over 400 steps, float32. Each is timed
in turn with LIF, and the fastest of the repeats counts, as other work disturbs. All get the same input spikes; their
own are printed, as the backward pass, and little else, depends on them.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from brian2 import ms
from neuron_accuracy import NEURONS

import hm2bp_brian as hb
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.learning.losses import Errors, StandIns
from hm2bp_brian.tables import to_markdown

SIZES, N_STEPS, RISE, LIMIT, RATE = (784, 800), 400, 15.0, 1.0, 0.03
NO_STAND_INS = StandIns(*(np.zeros(0, dtype=int),) * 2, 1)


class Timed:
    """A layer of one kind of neuron, timed a pass at a time."""

    def __init__(self, name: str, batch: hb.SpikeBatch, threads: int):
        kind = NEURONS[name]
        layer = hb.Dense(SIZES[1], kind.threshold(RISE), initializer=hb.Uniform(LIMIT * kind.unit))
        network = hb.SpikingNetwork(SIZES[0], [layer], kind.neuron(RISE), dt=1 * ms, duration=N_STEPS * ms, seed=1)
        self.engine, self.parameters, self.batch = (
            make_engine(network, "fused", "float32", threads),
            network.parameters,
            batch,
        )
        self.seconds, self.spikes = [], 0.0

    def run(self) -> None:
        """One forward and one backward pass."""
        start = time.perf_counter()
        tape = self.engine.forward(self.parameters, self.batch)
        middle = time.perf_counter()
        errors = Errors(np.zeros(self.batch.n_samples), np.ones(tape.counts.shape), NO_STAND_INS)
        self.engine.backward(tape, errors, hb.Rules())
        self.seconds.append((middle - start, time.perf_counter() - middle))
        self.spikes = float(tape.counts.mean())

    @property
    def best(self) -> np.ndarray:
        """Milliseconds a sample of the fastest forward and backward pass."""
        return 1e3 * np.min(self.seconds, axis=0) / self.batch.n_samples


def main(names=tuple(NEURONS), samples: int = 50, repeats: int = 5, threads: int = 2) -> list[dict]:
    """A row for each neuron: spikes, milliseconds a sample forwards and backwards, and both over LIF's."""
    spikes = np.random.default_rng(0).random((samples, N_STEPS, SIZES[0])) < RATE
    batch = hb.SpikeBatch.from_dense(spikes)
    rows = []
    for name in names:
        lif, other = Timed("LIF", batch, threads), Timed(name, batch, threads)
        for _ in range(repeats):
            lif.run()
            other.run()
        ratios = other.best / lif.best
        rows.append(
            {
                **{"neuron": name, "spikes": other.spikes, "spikes_of_lif": lif.spikes},
                **{"forward_ms": other.best[0], "backward_ms": other.best[1]},
                **{"forward_over_lif": ratios[0], "backward_over_lif": ratios[1]},
            }
        )
    print(to_markdown(rows))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Neurons' forward and backward passes beside those of LIF.")
    parser.add_argument("--neurons", nargs="+", default=tuple(NEURONS), metavar="NAME", help=", ".join(NEURONS))
    parser.add_argument("--samples", type=int, default=50, metavar="N")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    arguments = parser.parse_args()
    main(arguments.neurons, arguments.samples, arguments.repeats, arguments.threads)

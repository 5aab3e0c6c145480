"""An E/I network with Dale's law and sparse connections on MNIST, beside a dense one with as many weights.

640 excitatory and 160 inhibitory neurons see the digits and one another through 10 % of the pairs, with delays of 1 to
5 ms; every neuron and every pixel has one sign. The dense network has one hidden layer, weights of both signs, and so
many neurons that it has as many weights. Both have the same neuron, steps, loss, encoder and optimizer.

Run it with ``python analysis/ei_network.py OUT.csv --epochs 5 --seeds 0 1 2``: a row for each network, seed and epoch,
written as soon as it is known. The figures are of the test digits, on which nothing was chosen.
"""

from __future__ import annotations

import argparse
import sys
import time

from brian2 import ms

import hm2bp_brian as hb
from hm2bp_brian.errors import Hm2bpError
from hm2bp_brian.files import write_atomically
from hm2bp_brian.tables import to_csv, to_markdown

CELL = hb.LIF(tau_m=20 * ms, tau_s=5 * ms, refractory=2 * ms)
BATCH_SIZE = 20
STEPS = {"dt": 1 * ms, "duration": 100 * ms}


def ei_network(seed: int) -> hb.SpikingNetwork:
    """784 pixels, 640 excitatory and 160 inhibitory neurons, ten readouts."""
    network = hb.SpikingNetwork(seed=seed, **STEPS)
    network.input("image", (28, 28, 1), sign="excitatory")
    network.population("exc", 640, neuron=CELL, threshold=3, sign="excitatory", rate=hb.RateBand(0, 10, strength=0.1))
    network.population("inh", 160, neuron=CELL, threshold=3, sign="inhibitory", rate=hb.RateBand(0, 10, strength=0.1))
    network.population("digit", 10, neuron=CELL, threshold=3, readout=True)
    for source, target, limit in (
        ("image", "exc", 0.3),
        ("image", "inh", 0.3),
        ("exc", "exc", 0.02),
        ("exc", "inh", 0.1),
        ("inh", "exc", 0.6),
        ("inh", "inh", 0.3),
    ):
        network.connect(source, target, hb.Sparse(p=0.1), weights=hb.Uniform(limit), delay=hb.Between(1 * ms, 5 * ms))
    network.connect("exc", "digit", weights=hb.Uniform(0.2))
    network.connect("inh", "digit", weights=hb.Uniform(0.8))
    return network


def n_weights(network: hb.SpikingNetwork) -> int:
    """How many weights are trained."""
    return sum(weights.size for weights in network.weights)


def dense_network(seed: int) -> hb.SpikingNetwork:
    """One hidden layer, with as many weights as :func:`ei_network`."""
    n_hidden = round(n_weights(ei_network(seed)) / (784 + 10))
    layers = [
        hb.Dense(n_hidden, threshold=3, initializer=hb.Uniform(0.3)),
        hb.Dense(10, threshold=3, initializer=hb.Uniform(0.3)),
    ]
    return hb.SpikingNetwork((28, 28, 1), layers, neuron=CELL, seed=seed, **STEPS)


def train(name: str, network: hb.SpikingNetwork, data, arguments, seed: int, keep) -> None:
    """Train a network; ``keep`` takes a row an epoch."""
    train_data, test_data = data
    trainer = hb.Trainer(
        network,
        hb.SpikeCountLoss(desired=15, undesired=1, margin=3),
        hb.Adam(arguments.learning_rate),
        encoder=hb.encoding.BernoulliEncoder(rate_divisor=5),
        seed=seed,
    )
    for epoch in range(1, arguments.epochs + 1):
        start = time.perf_counter()
        trainer.fit(train_data, epochs=1, batch_size=BATCH_SIZE, progress=False)
        seconds = time.perf_counter() - start
        keep(
            {
                "network": name,
                "weights": n_weights(network),
                "seed": seed,
                "epoch": epoch,
                "train_samples": len(train_data),
                "test_accuracy": round(trainer.evaluate(test_data), 4),
                "train_seconds": round(seconds, 1),
            }
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Train an E/I network and a dense one with as many weights on MNIST.")
    parser.add_argument("out", metavar="OUT.csv")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--train-samples", type=int, default=60_000)
    parser.add_argument("--test-samples", type=int, default=10_000)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--networks", nargs="+", choices=("ei", "dense"), default=["ei", "dense"])
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    arguments = parser.parse_args()
    rows = []

    def keep(row: dict) -> None:
        print(row, file=sys.stderr)
        rows.append(row)
        write_atomically(arguments.out, to_csv(rows))

    try:
        train_data, test_data = hb.datasets.mnist(arguments.data)
        data = train_data.subset(arguments.train_samples), test_data.subset(arguments.test_samples)
        for seed in arguments.seeds:
            for name in arguments.networks:
                make = {"ei": ei_network, "dense": dense_network}[name]
                train(name, make(seed), data, arguments, seed, keep)
    except (Hm2bpError, OSError) as error:
        sys.exit(f"error: {error}")
    print(to_markdown(rows))


if __name__ == "__main__":
    main()

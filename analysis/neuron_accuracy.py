"""Test accuracy of affine neurons beside LIF: recipe mnist-mlp (784-800-10) with other neurons.

The potentials of the other neurons are in volts. Their thresholds lie as many millivolts above rest as LIF's from 0,
and their weights and learning rate are those of the recipe in millivolts, so that a neuron without adaptation would do
what LIF does. Membrane and synapse have LIF's time constants. Lateral inhibition is left out for all, LIF included: its
correction of the gradient has a pole, which neurons that are not reset to rest come close to.

Run it with ``python analysis/neuron_accuracy.py OUT.csv --epochs 5 --seeds 0 1 2``: a row for each neuron and seed,
written as soon as it is known.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time

from brian2 import Hz, ms, mV

import hm2bp_brian as hb
from hm2bp_brian.errors import Hm2bpError, UnknownNameError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.files import write_atomically
from hm2bp_brian.tables import to_csv, to_markdown

LIKE_LIF = {"tau_m": 64 * ms, "tau_s": 8 * ms, "refractory": 3 * ms}
REST = -70 * mV
NEURONS = {
    "LIF": lambda: hb.LIF(64 * ms, 8 * ms, refractory=3 * ms),
    "ALIF": lambda: hb.neurons.ALIF(beta=1 * mV, **LIKE_LIF),
    "GLIF": lambda: hb.neurons.GLIF(delta_1=-2 * mV, delta_2=-0.5 * mV, delta_theta=1 * mV, **LIKE_LIF),
    "MAT": lambda: hb.neurons.MAT(alpha_1=20 * mV, alpha_2=5 * mV, **LIKE_LIF),
    "ResonateAndFire": lambda: hb.neurons.ResonateAndFire(frequency=2 * Hz, **LIKE_LIF),
}


def main(
    out, names=tuple(NEURONS), seeds=(0,), epochs=5, train_samples=None, test_samples=None, data=None
) -> list[dict]:
    """Train the recipe with each neuron and seed.

    Parameters
    ----------
    out : path
        The CSV file.
    names : sequence of str
        Of ``NEURONS``.
    seeds : sequence of int
    epochs : int
    train_samples, test_samples : int, optional
        Only the first so many.
    data : path, optional
        Folder of the data files.

    Returns
    -------
    list of dict
        ``neuron``, ``seed``, ``epochs``, ``train_samples``, ``test_samples``, ``test_accuracy`` after the last epoch,
        ``hidden_spikes`` (mean number of a hidden neuron in a test presentation) and ``seconds`` of training.

    Raises
    ------
    UnknownNameError
        If there is no such neuron.
    ConfigurationError, DatasetNotFoundError, DatasetError
        If a number is out of range, or the data can't be had or read.
    """
    for name in names:
        if name not in NEURONS:
            raise UnknownNameError("neuron", name, NEURONS)
    recipe = dataclasses.replace(
        recipes.get("mnist-mlp"), epochs=epochs, train_samples=train_samples, test_samples=test_samples
    )
    train, _, test = recipe.load_data(data)
    rows = []
    for name in names:
        for seed in seeds:
            print(f"training {name}, seed {seed} ...", file=sys.stderr)
            network, trainer = _network_and_trainer(dataclasses.replace(recipe, seed=seed), name, train.shape)
            started = time.perf_counter()
            trainer.fit(train, test, epochs=epochs, batch_size=recipe.batch_size)
            last = trainer.history.rows[-1]
            rows.append(
                {
                    **{"neuron": name, "seed": seed, "epochs": epochs},
                    **{"train_samples": len(train), "test_samples": len(test)},
                    "test_accuracy": last["validation_accuracy"],
                    "hidden_spikes": last["rate_0"],
                    "seconds": time.perf_counter() - started,
                }
            )
            write_atomically(out, to_csv(rows))
    print(to_markdown(rows))
    return rows


def _network_and_trainer(recipe, name: str, input_shape):
    """The recipe's network of these neurons, with the recipe's numbers in millivolts where potentials are in volts."""
    neuron = NEURONS[name]()
    unit, rest, optimizer = 1, 0, recipe.optimizer
    if name != "LIF":
        unit, rest = mV, REST
        optimizer = dataclasses.replace(optimizer, learning_rate=optimizer.learning_rate * 1e-3)
    layers = [
        hb.Dense(layer.units, rest + layer.threshold * unit, initializer=hb.Uniform(layer.initializer.limit * unit))
        for layer in recipe.layers
    ]
    network = hb.SpikingNetwork(
        input_shape, layers, neuron, dt=recipe.dt_ms * ms, duration=recipe.duration_ms * ms, seed=recipe.seed
    )
    return network, dataclasses.replace(recipe, optimizer=optimizer).make_trainer(network)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train recipe mnist-mlp with affine neurons in place of LIF.")
    parser.add_argument("out", metavar="OUT.csv", help="table to write")
    parser.add_argument("--neurons", nargs="+", default=tuple(NEURONS), metavar="NAME", help=", ".join(NEURONS))
    parser.add_argument("--seeds", nargs="+", type=int, default=(0,), metavar="S")
    parser.add_argument("--epochs", type=int, default=5, metavar="E")
    parser.add_argument("--train-samples", type=int, default=None, metavar="N")
    parser.add_argument("--test-samples", type=int, default=None, metavar="N")
    parser.add_argument("--data", default=None, metavar="DIR", help="folder of the data files")
    arguments = parser.parse_args()
    try:
        main(
            *(arguments.out, arguments.neurons, arguments.seeds, arguments.epochs),
            *(arguments.train_samples, arguments.test_samples, arguments.data),
        )
    except (Hm2bpError, OSError) as error:
        sys.exit(f"error: {error}")

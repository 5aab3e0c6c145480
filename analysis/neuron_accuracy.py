"""Test accuracy of the library's neurons beside LIF: recipe mnist-mlp (784-800-10) with other neurons.

The potentials of the other neurons are in volts. Their thresholds lie as many millivolts above rest as LIF's from 0,
and their weights and learning rate are those of the recipe in millivolts, so that a neuron without adaptation would do
what LIF does; resonate-and-fire neurons, whom slow inputs move less, have three times the weights. Membrane and synapse
have LIF's time constants. An upswing begins where LIF's threshold is. Where spikes add to a current or a conductance,
weights, learning rate and the numbers for silent neurons are those that would cause LIF's millivolts. Izhikevich's
neuron is his fast spiking one with twice the step of u at a spike; it has weights at which it fires, and learns three
times as fast. Lateral inhibition is left out for all, LIF included: its correction of the gradient has a pole, which
neurons that are not reset to rest come close to.

Run it with ``python analysis/neuron_accuracy.py OUT.csv --epochs 5 --seeds 0 1 2``: a row for each neuron and seed,
written as soon as it is known. What is printed at the end has a row for each neuron.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from brian2 import Hz, ms, mV, nS, pA, pF

import hm2bp_brian as hb
from hm2bp_brian.errors import Hm2bpError, UnknownNameError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.files import write_atomically
from hm2bp_brian.tables import mean_and_sd, to_csv, to_markdown

LIKE_LIF = {"tau_m": 64 * ms, "tau_s": 8 * ms, "refractory": 3 * ms}
REST = -70 * mV
CAPACITANCE = 281 * pF


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of neuron for a layer.

    Parameters
    ----------
    neuron : callable
        Makes it, for a threshold that is so far above rest.
    threshold : callable
        ``v_th`` for such a threshold.
    unit : Quantity or number
        The weight that stands for 1 of LIF's.
    volts : Quantity or number
        What such a weight adds to the potential in all.
    haste : float
        Learning rate over the recipe's.
    """

    neuron: Callable
    threshold: Callable = lambda rise: REST + rise * mV
    unit: object = mV
    volts: object = mV
    haste: float = 1.0


NEURONS = {
    "LIF": Kind(lambda rise: hb.LIF(64 * ms, 8 * ms, refractory=3 * ms), lambda rise: rise, 1, 1),
    "ALIF": Kind(lambda rise: hb.neurons.ALIF(beta=0.5 * mV, **LIKE_LIF)),
    "GLIF": Kind(lambda rise: hb.neurons.GLIF(delta_1=-2 * mV, delta_2=-0.5 * mV, delta_theta=1 * mV, **LIKE_LIF)),
    "MAT": Kind(lambda rise: hb.neurons.MAT(alpha_1=20 * mV, alpha_2=5 * mV, **LIKE_LIF)),
    "ResonateAndFire": Kind(
        lambda rise: hb.neurons.ResonateAndFire(frequency=10 * Hz, **LIKE_LIF), unit=3 * mV, volts=3 * mV
    ),
    "EIF": Kind(
        lambda rise: hb.neurons.EIF(V_T=REST + rise * mV, Delta_T=0.1 * rise * mV, **LIKE_LIF),
        lambda rise: REST + 1.4 * rise * mV,
    ),
    "QIF": Kind(lambda rise: hb.neurons.QIF(V_c=REST + rise * mV, **LIKE_LIF), lambda rise: REST + 2 * rise * mV),
    "AdEx": Kind(
        lambda rise: hb.neurons.AdEx(
            **{"E_L": REST, "V_T": REST + rise * mV, "Delta_T": 0.1 * rise * mV, "C": CAPACITANCE},
            **{"g_L": CAPACITANCE / (64 * ms), "a": 0.2 * nS, "b": 5 * pA, "tau_s": 8 * ms, "refractory": 3 * ms},
        ),
        lambda rise: REST + 1.4 * rise * mV,
        CAPACITANCE * mV / (8 * ms),
    ),
    "Izhikevich": Kind(
        lambda rise: hb.neurons.Izhikevich(a=0.1 / ms, d=4 * mV / ms, tau_s=8 * ms),
        *(lambda rise: 30 * mV, mV / ms, 8 * mV, 3.0),
    ),
    "COBA": Kind(lambda rise: hb.neurons.COBA(**LIKE_LIF), unit=64 * mV / (8 * 70 * mV)),
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
    print(to_markdown(summary(rows)))
    return rows


def summary(rows: Sequence[Mapping]) -> list[dict]:
    """A row for each neuron of a table: mean ± sd of the accuracy, in %, and mean spikes of a hidden neuron.

    Parameters
    ----------
    rows : sequence of mapping
        As ``main`` returns, or texts, as in its file.
    """
    table = []
    for name in dict.fromkeys(row["neuron"] for row in rows):
        percent, spikes = np.array(
            [(100 * float(r["test_accuracy"]), float(r["hidden_spikes"])) for r in rows if r["neuron"] == name]
        ).T
        figures = {"test accuracy (%)": mean_and_sd(percent), "hidden spikes": spikes.mean()}
        table.append({"neuron": name, "seeds": len(percent)} | figures)
    return table


def _network_and_trainer(recipe, name: str, input_shape):
    """The recipe's network of these neurons, with the recipe's numbers in their units."""
    kind = NEURONS[name]
    layers = [
        hb.Dense(
            layer.units, kind.threshold(layer.threshold), initializer=hb.Uniform(layer.initializer.limit * kind.unit)
        )
        for layer in recipe.layers
    ]
    network = hb.SpikingNetwork(
        input_shape,
        layers,
        [kind.neuron(layer.threshold) for layer in recipe.layers],
        dt=recipe.dt_ms * ms,
        duration=recipe.duration_ms * ms,
        seed=recipe.seed,
    )
    return network, dataclasses.replace(recipe, **in_units_of(kind, recipe)).make_trainer(network)


def in_units_of(kind: Kind, recipe) -> dict:
    """The recipe's optimizer and rules, whose numbers are made for LIF."""
    unit, spsp = float(kind.unit), float(kind.volts / kind.unit)
    rules = dataclasses.replace(
        recipe.rules,
        **{
            name: spsp * getattr(recipe.rules, name)
            for name in ("silent_spsp", "silent_delta_ratio", "silent_kappa_ratio")
        },
    )
    optimizer = dataclasses.replace(recipe.optimizer, learning_rate=kind.haste * unit * recipe.optimizer.learning_rate)
    return {"optimizer": optimizer, "rules": rules}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train recipe mnist-mlp with other neurons in place of LIF.")
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

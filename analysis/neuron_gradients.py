"""Which nu, and which reading, make HM2-BP's gradient follow the simulated counts of a neuron best.

Like `gradient_quality.py`, for the neurons of `neuron_accuracy.py` in networks that were not trained: ten random
patterns of rates, 100-40-10 neurons. ``nu`` is the distance from rest to the threshold, a_i/o_i of the sample (at least
a fraction of the distance), or the larger of both; ``reading`` is what the threshold reads at a spike, which the spike
uses up, "value"; or the same where what a reset does not clear is kept, "kept"; or that over what it rose in this step,
"advance", which is the advance of the spike in time; or the shares that inputs have in it, "share": ``spsp="share"`` of
a neuron; the last two for neurons that are not affine. Silent neurons, targets included, have no delta: their counts do
not change by small steps.

Run it with ``python analysis/neuron_gradients.py OUT.csv``.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import numpy as np
from brian2 import ms
from gradient_quality import FiredOnly, compare
from neuron_accuracy import NEURONS, in_units_of

import hm2bp_brian as hb
from hm2bp_brian.brian.trajectory import DerivativeProbe
from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.experiments import recipes
from hm2bp_brian.files import write_atomically
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.component import NumpyKernels, Sample
from hm2bp_brian.learning.losses import SpikeCountLoss, StandIns
from hm2bp_brian.learning.spsp import Adjoint, adjoint_along, dense
from hm2bp_brian.learning.thresholds import distance_as_learned
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.tables import to_csv, to_markdown

SIZES, RISES, N_STEPS = (100, 40, 10), (10.0, 8.0), 120
LIMITS = (3.0, 4.0)
LOSS = SpikeCountLoss(desired=8, undesired=1, margin=0)
NO_STAND_INS = StandIns(*(np.zeros(0, dtype=int),) * 2, 1)
AFFINE = (("distance", "value"), ("a/o", "value"), ("larger", "value"), ("larger", "kept"))
CHOICES = (*AFFINE, ("distance", "share"), ("a/o", "advance"))
LEAST, LEAST_ADVANCE = 0.2, 0.05  # of a/o: of the distance, and steps


def main(out, names=tuple(NEURONS), samples: int = 24) -> list[dict]:
    """A row for each neuron, choice and layer with the figures of `gradient_quality.compare`, and mean spike counts."""
    rows = []
    for name in names:
        print(f"gradients of {name}, {samples} samples ...", file=sys.stderr)
        network, spikes, labels = _network(name), _patterns(samples), np.arange(samples) % SIZES[-1]
        engine = make_engine(network, "fused", "float64", 1)
        record = engine.forward(network.parameters, spikes).record
        errors = LOSS.errors(record.output.counts, labels)
        errors = dataclasses.replace(errors, stand_ins=NO_STAND_INS)
        rules = in_units_of(NEURONS[name], recipes.get("mnist-mlp"))["rules"]

        def loss(weights, engine=engine, spikes=spikes, labels=labels) -> float:
            return float(LOSS.errors(engine.forward(weights, spikes).counts, labels).values.mean())

        for nu, reading in AFFINE if network.neurons[0].is_affine else CHOICES:
            kernels = FiredOnly(Variant(network, nu, reading))
            gradient = backward(network, network.parameters, record, errors, rules, kernels).mean()
            for layer in range(len(network.weights)):
                chosen = {"neuron": name, "nu": nu, "reading": reading, "layer": layer}
                counts = {"spikes": float(record.layers[layer].counts.mean())}
                rows.append(chosen | counts | compare(loss, Untrained(network), layer, gradient[layer]))
        write_atomically(out, to_csv(rows))
    print(to_markdown(rows))
    return rows


class Untrained:
    """A network where `gradient_quality.compare` wants a run."""

    def __init__(self, network):
        self.network = network


class Variant(NumpyKernels):
    """Kernels that take one nu and one reading for all neurons."""

    def __init__(self, network, nu: str, reading: str):
        super().__init__(network)
        self.nu, self.reading = nu, reading
        self.probes = {p.name: DerivativeProbe(p.neuron, p.size, p.threshold, network.dt) for p in network.neural}

    def sample(self, *sample):
        """See `NumpyKernels`."""
        return VariantSample(self, *sample)


class VariantSample(Sample):
    """A sample with a choice."""

    def __init__(self, kernels: Variant, *sample):
        self.rule, self.reading, self.probes = kernels.nu, kernels.reading, kernels.probes
        super().__init__(kernels.network, *sample)

    def own_nu(self, population, a, o):
        """See `Sample`."""
        far = distance_as_learned(self.network, population, self.network.parameters)
        known = np.ones_like(far) if self.reading == "advance" else far
        if self.rule == "distance":
            return known
        if self.rule == "larger":
            least = far
        else:
            least = LEAST * far if self.reading == "value" else LEAST_ADVANCE
        return np.where(o > 0, np.maximum(a / np.maximum(o, 1), least), known)

    def _adjoint(self, population, trains, variable):
        layer, fires = self.network.neural.index(population), dense(trains, self.sample)
        trajectory = self.network.trajectories(layer).along(fires, self.drive(population, variable))
        far = distance_as_learned(self.network, population, self.network.parameters)
        if self.reading != "advance":
            shared = far if self.reading == "share" else None
            trajectory = dataclasses.replace(trajectory, shared=shared)
            return adjoint_along(fires, trajectory, uses_up=self.reading != "kept")
        advances = self._advances(population, trajectory, fires, far)
        q, lam = np.empty(fires.shape), np.zeros(trajectory.readout.shape)
        for t in range(len(fires) - 1, -1, -1):
            fired = fires[t]
            lam[fired] = np.einsum("nij,ni->nj", trajectory.reset[t], lam[fired])
            q[t] = lam[:, trajectory.synaptic]
            lam[fired] += trajectory.readout[fired] / advances[t, fired, None]
            lam = np.einsum("nij,ni->nj", trajectory.update[t], lam)
        return Adjoint(q, lam)

    def _advances(self, population, trajectory, fires, far):
        """What the reading rises in a step."""
        probe, rises = self.probes[population.name], np.ones(fires.shape)
        for t in np.flatnonzero(fires.any(axis=1)):
            rise = probe.step(trajectory.states[t], ~fires[t])[0] - trajectory.states[t]
            rises[t] = np.maximum((trajectory.readout * rise).sum(axis=1), 1e-3 * far)
        return rises


def _network(name: str):
    kind = NEURONS[name]
    layers = [
        hb.Dense(n, kind.threshold(rise), initializer=hb.Uniform(limit * kind.unit))
        for n, rise, limit in zip(SIZES[1:], RISES, LIMITS, strict=True)
    ]
    neurons = [kind.neuron(rise) for rise in RISES]
    return hb.SpikingNetwork(SIZES[0], layers, neurons, dt=1 * ms, duration=N_STEPS * ms, seed=1)


def _patterns(samples: int) -> SpikeBatch:
    generator = np.random.default_rng(0)
    rates = 0.25 * generator.random((SIZES[-1], SIZES[0])) * (generator.random((SIZES[-1], SIZES[0])) < 0.4)
    chances = rates[np.arange(samples) % SIZES[-1], np.newaxis]
    return SpikeBatch.from_dense(generator.random((samples, N_STEPS, SIZES[0])) < chances)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Choices of nu and reading against finite differences of counts.")
    parser.add_argument("out", metavar="OUT.csv", help="table to write")
    parser.add_argument("--neurons", nargs="+", default=tuple(NEURONS), metavar="NAME", help=", ".join(NEURONS))
    parser.add_argument("--samples", type=int, default=24, metavar="N")
    arguments = parser.parse_args()
    main(arguments.out, arguments.neurons, arguments.samples)

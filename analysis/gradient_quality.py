"""HM2-BP's gradients against finite differences of the simulated spike counts, layer by layer.

Counts are whole numbers, so that the loss of one sample is a staircase; the mean over many samples is smooth enough for
differences over steps that are not too small. The weights of one layer at a time are moved to both sides along random
directions, and along the gradient itself, and the loss of the simulated counts is compared with what the gradient
predicts. The margin of the loss is set to 0, as a trained network has few errors beyond it.

A silent neuron's count does not change by small steps, and yet HM2-BP gives it a gradient, so that it can learn to
fire. Every figure therefore comes twice: of the gradient as it is, and with the deltas of silent neurons left out.

Run it with ``python analysis/gradient_quality.py RUN``, a folder that ``hm2bp train`` made or a weight file. It
prints a table and keeps it in ``RUN/analysis``.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from command_line import keep, run_script

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.experiments.trained import load_trained
from hm2bp_brian.learning.backward import backward

SAMPLES = 200
DIRECTIONS = 24
STEP = 0.1  # root mean square of a step, relative to that of the layer's weights
SEED = 0


def main(run_dir, data=None, samples: int = SAMPLES) -> list[dict]:
    """Compare predicted and simulated changes of the loss.

    Parameters
    ----------
    run_dir : path
        Folder of a run, or a weight file.
    data : path, optional
        Folder of the data files.
    samples : int
        The loss is the mean over the first so many test samples.

    Returns
    -------
    list of dict
        Two rows a layer with weights: ``neurons`` is "all", or "fired" for the gradient without the deltas of silent
        neurons. ``correlation`` and ``slope`` (simulated = slope x predicted, least squares) over
        random directions; ``same_sign``: fraction of those in which both have the same sign; ``along_gradient``:
        simulated over predicted derivative along the gradient; 1 would be exact. NaN if the gradient is 0.

    Raises
    ------
    ConfigurationError, CheckpointError, DatasetNotFoundError
        If the folder, the data or the number of samples can't be used, or no sample has an error.
    """
    run = load_trained(run_dir, data)
    record, labels = run.record(samples), run.test.labels[:samples]
    loss = dataclasses.replace(run.recipe.loss, margin=0)
    network, engine = run.network, run.evaluator.engine
    errors = loss.errors(record.output.counts, labels)
    by_neurons = {
        neurons: backward(network, network.parameters, record, errors, run.recipe.rules, kernels).mean()
        for neurons, kernels in (("all", engine), ("fired", FiredOnly(engine)))
    }
    if by_neurons["all"].loss == 0:
        raise ConfigurationError(f"the first {samples} test samples of {run_dir} have no error, and so no gradient")

    def simulated_loss(weights) -> float:
        return float(loss.errors(engine.forward(weights, record.input).counts, labels).values.mean())

    rows = []
    for layer, weights in enumerate(run.network.weights):
        for neurons, gradient in by_neurons.items():
            if weights.size:
                rows.append({"layer": layer, "neurons": neurons} | compare(simulated_loss, run, layer, gradient[layer]))
    keep(run.folder.path, "gradient_quality", rows)
    return rows


class FiredOnly:
    """The backward pass of an engine's layers in which silent neurons have no delta.

    Parameters
    ----------
    engine : FusedEngine
    """

    def __init__(self, engine):
        self.engine = engine
        self.own_spsp = engine.own_spsp

    def backward_component(self, component, walk):
        """See `hm2bp_brian.learning.component.NumpyKernels`."""
        for population in component.populations:
            fired = walk.trains[population.name].counts > 0
            walk.deltas[population.name] = np.where(fired, walk.deltas[population.name], 0.0)
        self.engine.backward_component(component, walk)


def compare(simulated_loss, run, layer: int, gradient: np.ndarray) -> dict:
    """Predicted and simulated derivatives in one layer, along random directions and along the gradient."""
    weights, generator = list(run.network.weights), np.random.default_rng(SEED)
    step = STEP * rms(weights[layer])
    directions = generator.normal(size=(DIRECTIONS, *gradient.shape))
    predicted, simulated = [], []
    for direction in (*directions, gradient / (rms(gradient) or 1.0)):
        predicted.append(float(np.sum(gradient * direction)))
        simulated.append(derivative(simulated_loss, weights, layer, step, direction))
    return figures(np.array(predicted), np.array(simulated))


def derivative(loss, weights: list[np.ndarray], layer: int, step: float, direction: np.ndarray) -> float:
    """Central difference of the loss along a direction in the weights of one layer."""
    sides = []
    for sign in (1, -1):
        moved = (weights[layer] + sign * step * direction).astype(weights[layer].dtype)
        sides.append(loss([*weights[:layer], moved, *weights[layer + 1 :]]))
    return (sides[0] - sides[1]) / (2 * step)


def figures(predicted: np.ndarray, simulated: np.ndarray) -> dict:
    """The figures of one layer; the last direction is the gradient's."""
    p, s = predicted[:-1], simulated[:-1]
    varies = p.std() > 0 and s.std() > 0
    return {
        "correlation": float(np.corrcoef(p, s)[0, 1]) if varies else float("nan"),
        "slope": float(p @ s / (p @ p)) if p.any() else float("nan"),
        "same_sign": float(np.mean(np.sign(p) == np.sign(s))),
        "along_gradient": float(simulated[-1] / predicted[-1]) if predicted[-1] else float("nan"),
    }


def rms(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


if __name__ == "__main__":
    run_script(main, "HM2-BP's gradients against finite differences of simulated counts.", SAMPLES)

"""What an epoch adds up to: loss, accuracy, firing rates."""

from __future__ import annotations

import numpy as np


class Tally:
    """Sums over the batches of an epoch."""

    def __init__(self, n_samples: int, n_layers: int):
        self.correct = np.zeros(n_samples, dtype=bool)
        self.seen = 0
        self.loss = 0.0
        self.n_correct = 0
        self.spikes = [0] * n_layers

    def add(self, indices, tape, labels, loss: float) -> None:
        """Take in a batch: which samples, what they did, and their mean loss."""
        if labels.ndim == 1:
            correct = np.argmax(tape.counts, axis=1) == labels
            self.correct[indices] = correct
            self.n_correct += int(correct.sum())
        else:
            self.n_correct = np.nan  # wanted counts are no classes
        self.seen += len(indices)
        self.loss += float(loss) * len(indices)
        for layer, n_spikes in enumerate(tape.n_spikes[1:]):
            self.spikes[layer] += n_spikes

    def progress(self) -> dict:
        """Loss and accuracy so far, for a progress bar."""
        return {"loss": f"{self.loss / self.seen:.4g}", "accuracy": f"{self.n_correct / self.seen:.4f}"}

    def row(self, network, seconds: float) -> dict:
        """The epoch's row of the history, but for its number."""
        row = {"train_loss": self.loss / self.seen, "train_accuracy": self.n_correct / self.seen, "seconds": seconds}
        return row | {f"rate_{k}": rate for k, rate in enumerate(self.rates(network))}

    def rates(self, network) -> list[float]:
        """Mean spike count of a neuron of each population so far."""
        return [n / (self.seen * network.size(k)) for k, n in enumerate(self.spikes)]

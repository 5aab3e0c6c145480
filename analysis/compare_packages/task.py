"""What every package is given: input spikes, labels and initial weights from one file. Needs nothing but numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# In steps; all neurons are leaky integrators of a current that decays, and fire at 1.
TAU_M, TAU_S, THRESHOLD = 64.0, 8.0, 1.0
# Adam's, of weights that a spike adds to the current, and the current to the potential in every step.
LEARNING_RATE = 1e-4


@dataclass(frozen=True)
class Batch:
    """Spikes as in `hm2bp_brian.SpikeBatch`: row ``sample * n_steps + step`` has the neurons that fire then."""

    neurons: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    n_steps: int
    n_inputs: int

    def dense(self) -> np.ndarray:
        """The spikes as ones in float32 (n_steps, n_samples, n_inputs), the time first."""
        n_samples = len(self.labels)
        sample, step = np.divmod(np.repeat(np.arange(n_samples * self.n_steps), np.diff(self.offsets)), self.n_steps)
        dense = np.zeros((self.n_steps, n_samples, self.n_inputs), np.float32)
        dense[step, sample, self.neurons] = 1
        return dense


class Task:
    """The file that `compare.py` writes; batches are read one by one.

    ``weights`` are those of both layers, float32 (n_pre, n_post), for neurons whose threshold is 1 and whose potential
    gets the whole current in every step.
    """

    def __init__(self, path):
        self._file = np.load(path)
        self.n_steps, self.n_batches = int(self._file["n_steps"]), int(self._file["n_batches"])
        self.weights = [self._file["hidden"], self._file["output"]]

    def batches(self) -> Iterator[Batch]:
        """One after the other, so that no more than one is in memory."""
        for batch in range(self.n_batches):
            arrays = (self._file[f"{name}_{batch}"] for name in ("neurons", "offsets", "labels"))
            yield Batch(*arrays, self.n_steps, len(self.weights[0]))

"""All that training changes, as one record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from hm2bp_brian.errors import NumericalError
from hm2bp_brian.training.history import History


@dataclass(eq=False)
class TrainingState:
    """All that training changes; what it is trained by (network, loss, optimizer, inputs) stays outside.

    Checkpoints, going on after Ctrl+C and resuming are this record, copied or written.

    Parameters
    ----------
    parameters : list of arrays
        Of the network, changed in place.
    optimizer : dict of str to array
        What the optimizer's ``init`` returned, changed in place.
    average : dict of str to array or None
        The same of the average of the weights; None if there is none.
    sample_weights : float64 array (n_samples,) or None
        With boosting, the weights of the training samples; empty before the first epoch.
    epoch : int
        Number of finished epochs.
    history : History
        One row a finished epoch.
    """

    parameters: list[np.ndarray]
    optimizer: dict[str, np.ndarray]
    average: dict[str, np.ndarray] | None = None
    sample_weights: np.ndarray | None = None
    epoch: int = 0
    history: History = field(default_factory=History)

    @contextmanager
    def held_by(self, engine) -> Iterator[None]:
        """Meanwhile the arrays that updates change are copies where the engine works, such as on a GPU."""
        if not hasattr(engine, "put"):
            yield
            return
        places = [(self.parameters, layer) for layer in range(len(self.parameters))]
        for arrays in (self.optimizer, self.average or {}):
            places += [(arrays, name) for name, array in arrays.items() if array.ndim]  # counters stay
        own = [arrays[place] for arrays, place in places]
        copies = [engine.put(array) for array in own]
        try:
            for (arrays, place), copy in zip(places, copies, strict=True):
                arrays[place] = copy
            yield
            for array, copy in zip(own, copies, strict=True):
                array[...] = engine.get(copy)
        finally:
            for (arrays, place), array in zip(places, own, strict=True):
                arrays[place] = array

    def arrays(self) -> dict[str, np.ndarray]:
        """Copies of all parts by name: what a file holds."""
        parts = {
            "epoch": np.array(self.epoch),
            "history/columns": np.array(self.history.columns),
            "history/table": self.history.table(),
        }
        parts |= {f"weights/{layer}": w.copy() for layer, w in enumerate(self.parameters)}
        parts |= {f"optimizer/{name}": array.copy() for name, array in self.optimizer.items()}
        parts |= {f"average/{name}": array.copy() for name, array in (self.average or {}).items()}
        if self.sample_weights is not None:
            parts["sample_weights"] = self.sample_weights.copy()
        return parts

    def check_finite(self) -> None:
        """NumericalError if an array, the history apart, holds NaN or infinity: no checkpoint with it could be read."""
        for name, array in self.arrays().items():
            if array.dtype.kind == "f" and name != "history/table" and not np.isfinite(array).all():
                raise NumericalError(
                    f"'{name}' of the trainer's state has overflowed in epoch {self.epoch}: it holds NaN or infinity. "
                    "The weights go back to the last finished epoch. Try a lower learning rate, clip=True in Adam, or "
                    "a weaker regularizer"
                )

    def restore(self, parts: dict[str, np.ndarray]) -> None:
        """Go back to what ``arrays`` returned, in the same arrays; the parts must fit."""
        for layer, w in enumerate(self.parameters):
            w[...] = parts[f"weights/{layer}"]
        for prefix, arrays in (("optimizer", self.optimizer), ("average", self.average or {})):
            for name, array in arrays.items():
                array[...] = parts[f"{prefix}/{name}"]
        if self.sample_weights is not None:
            self.sample_weights = parts["sample_weights"].copy()
        self.epoch = int(parts["epoch"])
        columns = [str(name) for name in parts["history/columns"]]
        self.history.rows[:] = History.from_table(columns, parts["history/table"])

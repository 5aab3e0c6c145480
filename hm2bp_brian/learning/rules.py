"""What stands in for ratios that empty spike trains leave undefined."""

from __future__ import annotations

from dataclasses import dataclass, fields

from hm2bp_brian.checks import check_integer
from hm2bp_brian.errors import ConfigurationError


@dataclass(frozen=True)
class Rules:
    """Constants of the backward pass, by default those of the authors' program.

    Without them silent neurons would never learn.

    Parameters
    ----------
    silent_spsp : float
        e_{i|j} in the gradient where i is silent and j fired.
    silent_delta_ratio : float
        e_{i|j} / o_j in delta_j where i or j is silent. In a large map nearly all neurons are, and with 1 what goes
        through them can outweigh the rest of delta; 0 leaves silent neurons without a delta.
    silent_kappa_ratio : float
        e_{i|l} / o_i in kappa_i where i is silent, for every input l.
    recurrent_terms : int
        Terms of the series through loops beyond the first one, which is the delta that comes from outside. 0: no credit
        through loops.

    Raises
    ------
    ConfigurationError
        If a value is no finite number >= 0, or ``recurrent_terms`` no integer.

    Examples
    --------
    >>> Rules(silent_delta_ratio=0.1)
    Rules(silent_spsp=0.1, silent_delta_ratio=0.1, silent_kappa_ratio=0.5, recurrent_terms=1)
    """

    silent_spsp: float = 0.1
    silent_delta_ratio: float = 1.0
    silent_kappa_ratio: float = 0.5
    recurrent_terms: int = 1

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise ConfigurationError(f"Rules.{field.name} must be finite and >= 0, found {value!r}")
        check_integer("Rules.recurrent_terms", self.recurrent_terms, 0)

"""Errors of this package: one base class; each error is also the builtin that a user would catch."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Hm2bpError(Exception):
    """Base class of every error that this package raises on purpose."""


class ConfigurationError(Hm2bpError, ValueError):
    """A setting, parameter or combination of them that can't work."""


class UnitError(Hm2bpError, TypeError):
    """A quantity with wrong units, or a plain number where units are needed."""


class ShapeError(Hm2bpError, ValueError):
    """An array of the wrong shape, or layers whose shapes don't chain."""


class SpikeError(Hm2bpError, ValueError):
    """Spikes that are no spike trains: not boolean, not finite, out of range, empty batch."""


class LabelError(Hm2bpError, ValueError):
    """Labels that don't fit the data or the network's outputs."""


class UnknownNameError(Hm2bpError, ValueError):
    """The name of a recipe, engine, optimizer, ... that does not exist."""

    def __init__(self, kind: str, name: object, known: Iterable[str]):
        known = sorted(known)
        self._made_of = kind, name, known
        near = [one for one in known if one.startswith(str(name))]
        near = near or difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
        if len(str(name)) <= 3:
            near = [one for one in near if one[:1] == str(name)[:1]]  # "gpu" is not "cpu"
        hint = f" Did you mean '{near[0]}'?" if near else ""
        super().__init__(f"unknown {kind} '{name}'.{hint} Known: {', '.join(known)}.")

    def __reduce__(self):
        # errors come back from other processes; by default one would be made of its message
        return type(self), self._made_of


class NoSpspError(Hm2bpError, ValueError):
    """The neuron's equations have no spike-train level post-synaptic potential."""


class EngineError(Hm2bpError, RuntimeError):
    """An engine can't run this network, or failed while running it."""


class CompilationError(EngineError):
    """The C++ compiler is missing or refused the generated code."""


class NumericalError(Hm2bpError, ArithmeticError):
    """NaN or infinity where a finite number is needed."""


class DatasetError(Hm2bpError, ValueError):
    """A data file that is truncated, foreign or does not match its hash."""


class DatasetNotFoundError(Hm2bpError, FileNotFoundError):
    """Data that is neither here nor to be had."""


class MissingPackageError(Hm2bpError, ImportError):
    """An optional package that a data set, file or exchange needs, and that is not installed."""


class ExchangeError(Hm2bpError, ValueError):
    """A network that another format can't hold, or a foreign one that is no network of this package."""


class CheckpointError(Hm2bpError, ValueError):
    """A checkpoint that is corrupt or belongs to another network."""


class RunFolderError(Hm2bpError, FileExistsError):
    """An output folder that already holds another run."""


class ClusterError(Hm2bpError, ConnectionError):
    """A scheduler or worker that does not answer, was lost, or has another version of this package."""


class SweepError(Hm2bpError, RuntimeError):
    """Some runs of a sweep failed; the others are finished, and the table names all."""

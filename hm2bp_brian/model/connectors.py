"""How a user says which neurons of two populations are connected: rules, from which `connections` are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hm2bp_brian.checks import check_integers
from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.model.connections import AllPairs, Pairs
from hm2bp_brian.model.populations import Population, distances
from hm2bp_brian.model.units import to_float


@dataclass(frozen=True)
class AllToAll:
    """Every neuron of the source to every neuron of the target.

    Parameters
    ----------
    self_connections : bool
        Within one population: also each neuron to itself.

    Examples
    --------
    >>> from brian2 import ms
    >>> network = hb.SpikingNetwork(dt=1*ms, duration=50*ms)
    >>> population = network.input("in", 3)
    >>> population = network.population("out", 2, neuron=hb.LIF(20*ms, 5*ms), threshold=1, readout=True)
    >>> network.connect("in", "out", hb.AllToAll()).connection.weight_shape
    (3, 2)
    """

    self_connections: bool = False

    def connect(self, source: Population, target: Population, generator: np.random.Generator) -> AllPairs:
        """The connections of two populations."""
        return AllPairs(source.shape, target.shape, others=source is target and not self.self_connections)


@dataclass(frozen=True)
class OneToOne:
    """Each neuron of the source to the one of the target with the same index; both have the same size.

    Raises
    ------
    ShapeError
        On connection: if the populations differ in size.

    Examples
    --------
    >>> from brian2 import ms
    >>> network = hb.SpikingNetwork(dt=1*ms, duration=50*ms)
    >>> population = network.input("in", 3)
    >>> population = network.population("out", 3, neuron=hb.LIF(20*ms, 5*ms), threshold=1, readout=True)
    >>> network.connect("in", "out", hb.OneToOne()).connection.weight_shape
    (3,)
    """

    def connect(self, source: Population, target: Population, generator: np.random.Generator) -> Pairs:
        """The connections of two populations."""
        if source.size != target.size:
            raise ShapeError(
                f"OneToOne needs populations of one size, found {source.size} neurons in '{source.name}' and "
                f"{target.size} in '{target.name}'"
            )
        index = np.arange(source.size, dtype=np.int32)
        return Pairs(source.shape, target.shape, index, index)


@dataclass(frozen=True, eq=False)
class Sparse:
    """Some of the pairs, as in ``connect`` of Brian2's Synapses.

    Parameters
    ----------
    p : float or callable, optional
        Probability with which each pair is connected; or a function that makes an array of probabilities of an array of
        distances, for populations with positions.
    i, j : int arrays, optional
        Instead: the source and target neuron of each connection, flat indices. Arrays of weights and delays are sorted
        by source, then target, however these are.
    self_connections : bool
        With ``p`` within one population: also neurons to themselves.

    Raises
    ------
    ConfigurationError
        Unless either ``p`` is given, in 0 < p <= 1, or both ``i`` and ``j``, as integers of one length. On connection:
        if an index is out of range, a pair is given twice, or no pair is connected.

    Examples
    --------
    >>> Sparse(p=0.1).p
    0.1
    """

    p: object = None
    i: object = None
    j: object = None
    self_connections: bool = False

    def __post_init__(self):
        if (self.p is None) == (self.i is None) or (self.i is None) != (self.j is None):
            raise ConfigurationError("Sparse takes either p=, or both i= and j=")
        if self.p is not None and not callable(self.p) and not 0 < to_float("Sparse.p", self.p) <= 1:
            raise ConfigurationError(f"Sparse.p must lie in 0 < p <= 1, found {self.p!r}")

    def connect(self, source: Population, target: Population, generator: np.random.Generator) -> Pairs:
        """The connections of two populations."""
        pairs = self._listed(source, target) if self.p is None else self._drawn(source, target, generator)
        if len(pairs) == 0:
            raise ConfigurationError(f"no neuron of '{source.name}' is connected to one of '{target.name}': {self!r}")
        return Pairs(source.shape, target.shape, *(index.astype(np.int32) for index in np.divmod(pairs, target.size)))

    @property
    def in_order(self) -> bool:
        """Whether the pairs are as arrays of weights and delays have them."""
        return self.p is not None or bool((np.diff(np.lexsort((self.j, self.i))) > 0).all())

    def _listed(self, source: Population, target: Population) -> np.ndarray:
        i = check_integers(f"source neurons i, in '{source.name}',", self.i, 0, source.size - 1)
        j = check_integers(f"target neurons j, in '{target.name}',", self.j, 0, target.size - 1)
        if i.ndim != 1 or i.shape != j.shape:
            raise ShapeError(f"Sparse needs i and j of one length, found shapes {i.shape} and {j.shape}")
        pairs = np.sort(i * target.size + j)
        doubled = np.flatnonzero(np.diff(pairs) == 0)
        if len(doubled):
            pre, post = divmod(int(pairs[doubled[0]]), target.size)
            raise ConfigurationError(
                f"Sparse has the connection {pre} -> {post} twice; add the weights up and give it once"
            )
        return pairs

    def _drawn(self, source: Population, target: Population, generator: np.random.Generator) -> np.ndarray:
        """Flat indices of the pairs, row by row of the source: memory goes by connections, not by pairs."""
        of_distance = callable(self.p)
        without_self = source is target and not self.self_connections
        rows = []
        for pre in range(source.size):
            if of_distance:
                chances = np.asarray(self.p(distances(source, target, pre)), dtype=float)
                if chances.shape != (target.size,) or not ((chances >= 0) & (chances <= 1)).all():
                    raise ConfigurationError(
                        "Sparse.p must make one probability in 0..1 of each distance, found "
                        f"{chances if chances.ndim == 0 else chances.min()}..{chances.max()}, shape {chances.shape}"
                    )
                post = np.flatnonzero(generator.random(target.size) < chances)
            else:
                post = np.sort(generator.choice(target.size, generator.binomial(target.size, self.p), replace=False))
            rows.append(pre * target.size + (post[post != pre] if without_self else post))
        return np.concatenate(rows)

    def __repr__(self) -> str:
        return f"Sparse(p={self.p!r})" if self.p is not None else f"Sparse(i=..., j=...) of {len(self.i)} pairs"


def check_connector(connector) -> None:
    """Raise ConfigurationError unless a value is a rule of this module."""
    if not isinstance(connector, AllToAll | OneToOne | Sparse):
        raise ConfigurationError(
            f"a connection must be AllToAll(), OneToOne() or Sparse(p=...) of hm2bp_brian, found {connector!r}"
        )

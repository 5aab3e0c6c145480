"""Weights scaled so that each population fires at a rate in a band."""

from __future__ import annotations

import math
import warnings

from brian2 import Hz, Quantity

from hm2bp_brian.engines.registry import make_engine
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.borders import check_batch
from hm2bp_brian.model.units import to_float

MOST_TRIALS = 40  # of one population


def calibrate(
    network, batch, band=(5 * Hz, 20 * Hz), engine="fused", threads: int | None = None
) -> dict[str, Quantity]:
    """Scale the weights of a network so that each population fires at a rate in a band.

    All weights that lead to a population and are learned, those of its loops among them, are multiplied by one factor.
    Populations come in the order in which spikes reach them, so that each is set for the spikes that it will receive.

    Parameters
    ----------
    network : SpikingNetwork
        Its weights are replaced.
    batch : SpikeBatch
        Input spikes of some samples; 20 to 50 are enough.
    band : pair of Quantity
        Lowest and highest mean rate of a population's neurons.
    engine, threads
        See `hm2bp_brian.engines.registry.make_engine`.

    Returns
    -------
    dict of str to Quantity
        The mean rate of each population.

    Raises
    ------
    ConfigurationError, UnitError
        If the band is none: two rates, of which the first is positive and smaller.
    ShapeError, SpikeError
        If the batch does not fit the network.

    Warns
    -----
    UserWarning
        If a population can't be brought into the band; its weights stay as they were.

    Examples
    --------
    >>> from brian2 import Hz, ms
    >>> layers = [hb.Dense(20, threshold=30), hb.Dense(2, threshold=1)]
    >>> network = hb.SpikingNetwork((50,), layers, hb.LIF(20*ms, 5*ms), dt=1*ms, duration=100*ms)
    >>> images = np.random.default_rng(0).random((10, 50))
    >>> spikes = hb.encoding.BernoulliEncoder().encode(images, network.n_steps)
    >>> rates = hb.calibrate(network, spikes, band=(10*Hz, 30*Hz))
    >>> all(10*Hz <= rate <= 30*Hz for rate in rates.values())
    True
    """
    low, high = _checked(band)
    check_batch(network, batch)
    engine = make_engine(network, engine, threads=threads)
    searches = [_Search(network, p.name) for component in network.components for p in component.populations]
    while True:
        rates = _rates(network, engine.forward(network.parameters, batch))
        outside = [search for search in searches if not low <= rates[search.name] <= high]
        first = next((search for search in outside if not search.given_up), None)
        if first is None:
            break
        first.turn(up=rates[first.name] < low)
    for search in outside:
        warnings.warn(
            f"'{search.name}' fires at {rates[search.name]:.3g} Hz and could not be brought into {low:g}..{high:g} Hz: "
            f"{search.advice}",
            UserWarning,
            stacklevel=2,
        )
    return {name: rate * Hz for name, rate in rates.items()}


class _Search:
    """For the factor of one population's weights: doubled or halved, by smaller steps where it has to turn back."""

    def __init__(self, network, name: str):
        self.name, self._network = name, network
        arriving = [n for n, p in enumerate(network.weighted) if p.target.name == name and p.plastic]
        self._before = {number: network.weights[number] for number in arriving}
        self._factor, self._step, self._up, self._trials = 1.0, 2.0, None, 0
        self.given_up = not arriving

    @property
    def advice(self) -> str:
        if self._before:
            return "no factor of its weights does it; look at its inputs, its neuron and its threshold"
        return "no weights that are learned lead to it; change its threshold"

    def turn(self, up: bool) -> None:
        """Make the weights larger or smaller; after too many trials they are what they were."""
        self._trials += 1
        self.given_up = self._trials > MOST_TRIALS
        if self._up not in (None, up):
            self._step = math.sqrt(self._step)
        self._up = up
        self._factor = 1.0 if self.given_up else self._factor * (self._step if up else 1 / self._step)
        for number, array in self._before.items():
            self._network.weights[number] = (array * self._factor).astype(array.dtype)


def _checked(band) -> tuple[float, float]:
    if not isinstance(band, tuple | list) or len(band) != 2:
        raise ConfigurationError(f"band must be two rates such as (5*Hz, 20*Hz), found {band!r}")
    low, high = (to_float(f"band, {name},", rate, Hz.dim) for name, rate in zip(("low", "high"), band, strict=True))
    if not 0 < low < high:
        raise ConfigurationError(f"band must be 0 < low < high, found {band[0]} and {band[1]}")
    return low, high


def _rates(network, tape) -> dict[str, float]:
    """Mean rate of a neuron of each population, in Hz."""
    seconds = network.n_steps * network.dt * len(tape.counts)
    return {p.name: n / (p.size * seconds) for p, n in zip(network.neural, tape.n_spikes[1:], strict=True)}

"""A network: its populations, projections, time axis and weights. It runs nothing."""

from __future__ import annotations

import numpy as np
from brian2 import second
from brian2.core.namespace import get_local_namespace

from hm2bp_brian.checks import check_seed
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.chain import add_layers
from hm2bp_brian.model.learned import starting_at
from hm2bp_brian.model.network_file import save
from hm2bp_brian.model.network_parameters import NetworkParameters
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.model.population_graph import PopulationGraph
from hm2bp_brian.model.populations import population_shape
from hm2bp_brian.model.projections import Projection
from hm2bp_brian.model.sizes import MOST
from hm2bp_brian.model.summaries import chain_summary, graph_summary, view
from hm2bp_brian.model.units import to_float
from hm2bp_brian.spike_record import SpikeRecord, part_of
from hm2bp_brian.spikes import SpikeBatch


class SpikingNetwork(NetworkParameters, PopulationGraph):
    """A network of spiking neurons, written once and run by any engine.

    A chain of layers is given at once, by ``input_shape``, ``layers`` and ``neuron``. Any other network is begun
    without them, and put together by `input`, `population` and `connect`.

    Parameters
    ----------
    input_shape : tuple of int, optional
        Shape of the input population, channels last: ``(28, 28, 1)``.
    layers : list of layers, optional
        Such as ``Dense``; shapes are inferred from ``input_shape``.
    neuron : NeuronModel or list of NeuronModel, optional
        The neuron of all layers, or one a layer.
    dt, duration : Quantity
        Time step, and length of one presentation: a multiple of ``dt``.
    seed : int
        Seed of the initial weights.

    Attributes
    ----------
    dt : float
        Time step in seconds.
    n_steps : int
        Steps in one presentation.
    inputs : list of Population
        What fires from outside, in the order of a batch's neurons.
    neural : list of Population
        Populations of neurons, in the order of a record's layers.
    projections : list of Projection
    readouts : list of Population
        Whose spikes are counted; in a chain the last layer.

    Raises
    ------
    UnitError, ConfigurationError, ShapeError
        If units, values or shapes do not fit, or neurons would fire at the start of every presentation.

    Warns
    -----
    UserWarning
        If a hidden layer has lateral inhibition, for which HM2-BP does not account.

    Examples
    --------
    >>> from brian2 import ms
    >>> network = SpikingNetwork(dt=1*ms, duration=100*ms)
    >>> sound = network.input("sound", (78,))
    >>> exc = network.population("exc", 50, neuron=LIF(20*ms, 5*ms), threshold=1)
    >>> letter = network.population("letter", 26, neuron=LIF(20*ms, 5*ms), threshold=1, readout=True)
    >>> for source, target in (("sound", "exc"), ("exc", "exc"), ("exc", "letter")):
    ...     projection = network.connect(source, target)
    >>> [p.name for p in network.projections]
    ['sound_to_exc', 'exc_to_exc', 'exc_to_letter']
    """

    def __init__(self, input_shape=None, layers=None, neuron=None, *, dt, duration, seed: int = 0):
        self.seed = check_seed(seed)
        super().__init__(*_time_axis(dt, duration), np.random.default_rng(self.seed))
        self._linear_maps, self._trajectories = {}, {}
        self.weights, self.delays, self.neuron_values = [], [], []
        self.layers = self.neural
        self.is_chain = not (input_shape is None and layers is None and neuron is None)
        if self.is_chain:
            add_layers(self, population_shape("input_shape", input_shape), layers, neuron)

    def __getstate__(self) -> dict:
        # what can be probed anew is not sent to other processes
        return self.__dict__ | {"_linear_maps": {}, "_trajectories": {}}

    @property
    def labels(self) -> list[str]:
        """As what messages name the populations of neurons."""
        return [f"layer {n}" if self.is_chain else f"'{p.name}'" for n, p in enumerate(self.neural)]

    @property
    def chain(self) -> list[Projection]:
        """The projections from each layer to the next.

        Raises
        ------
        ConfigurationError
            If the network is no chain of layers.
        """
        if not self.is_chain:
            raise ConfigurationError(
                "this works for chains of layers only: SpikingNetwork(input_shape, layers, neuron)"
            )
        return [projection for projection in self.weighted if not projection.recurrent]

    @property
    def connections(self) -> list:
        """What each layer of a chain receives from the population before."""
        return [projection.connection for projection in self.chain]

    def lateral(self, layer: int) -> Projection | None:
        """The lateral inhibition of a population: its fixed projection to itself, or None."""
        population = self.neural[layer]
        return next((p for p in self.projections if p.lateral and p.target is population), None)

    @property
    def neurons(self) -> list[NeuronModel]:
        """The neuron of each population of neurons, with what has been learned."""
        return [starting_at(p.neuron, self.learned_values(p, self.parameters)) for p in self.neural]

    @property
    def thresholds(self) -> list[float]:
        """Threshold of each population of neurons, in SI base units."""
        return [population.threshold for population in self.neural]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shape of each population of neurons."""
        return [population.shape for population in self.neural]

    def shape_before(self, layer: int) -> tuple[int, ...]:
        """Shape of the population that a layer of a chain receives."""
        return self.chain[layer].source.shape

    def size(self, layer: int) -> int:
        """Number of neurons in a population of neurons."""
        return self.neural[layer].size

    def linear_map(self, layer: int):
        """What a step, a spike and the threshold do to a layer's neurons (see ``brian.probing.linear_map``)."""
        # a door: what is probed is simulated, and models run nothing
        from hm2bp_brian.brian.probing import linear_map

        if layer not in self._linear_maps:
            self._linear_maps[layer] = linear_map(
                self.neural[layer].neuron, self.size(layer), self.dt, self.thresholds[layer]
            )
        return self._linear_maps[layer]

    def trajectories(self, layer: int):
        """A layer's neurons, to be led along recorded trajectories (see ``brian.trajectory.Trajectories``)."""
        from hm2bp_brian.brian.trajectory import Trajectories

        if layer not in self._trajectories:
            self._trajectories[layer] = Trajectories(
                self.neural[layer].neuron, self.size(layer), self.thresholds[layer], self.dt
            )
        return self._trajectories[layer]

    def dynamics(self, layer: int):
        """What happens to a layer's neurons: ``linear_map``, or ``trajectories`` where they are not affine."""
        return self.linear_map(layer) if self.neural[layer].neuron.is_affine else self.trajectories(layer)

    def trains(self, batch: SpikeBatch, layers=()) -> dict[str, SpikeBatch]:
        """The spikes of each population by its name.

        Parameters
        ----------
        batch : SpikeBatch
            Of the input.
        layers : sequence of SpikeBatch
            Of populations of neurons, in order.
        """
        found, first = {}, 0
        for population in self.inputs:
            if population.always:
                found[population.name] = SpikeBatch.from_dense(np.ones((batch.n_samples, batch.n_steps, 1), dtype=bool))
            else:
                found[population.name] = part_of(batch, first, population.shape)
                first += population.size
        return found | {p.name: spikes for p, spikes in zip(self.neural, layers, strict=False)}

    def record(self, batch: SpikeBatch, trains: dict[str, SpikeBatch]) -> SpikeRecord:
        """A record of the spikes of each population of neurons, given by their names."""
        readouts = [self.neural.index(population) for population in self.readouts]
        names = [population.name for population in self.neural]
        return SpikeRecord(batch, [trains[name] for name in names], names, readouts)

    def save(self, path) -> None:
        """Write the network with all that it has learned into one .npz file, which `hm2bp_brian.load` reads.

        Parameters
        ----------
        path : path

        Raises
        ------
        ConfigurationError
            If there are functions in the neurons' equations, or layers or connections of your own.
        """
        save(self, path)

    def write_back(self, objects, namespace=None) -> None:
        """Put weights and learned delays into Brian2 objects, the inverse of `hm2bp_brian.from_brian`.

        Parameters
        ----------
        objects : brian2.Network, list or Synapses
            With Synapses named and connected as those that the network was made of: the same ones, or new ones.
        namespace : mapping, optional
            Values of names in ``on_pre``; without it they are those where this method is called.

        Raises
        ------
        ConfigurationError
            If Synapses connect other neurons, or do not fit at all.

        Warns
        -----
        UserWarning
            If there are no Synapses for a projection.
        """
        from hm2bp_brian.brian.from_brian import write_back

        write_back(self, objects, get_local_namespace(level=1) if namespace is None else namespace)

    def to_nir(self, *, drop_refractory: bool = False):
        """The network as a graph of NIR, the Neuromorphic Intermediate Representation (extra ``nir``).

        Dense layers become Linear, behind a Flatten where maps or images come in; Conv2D becomes Conv2d, SumPool2D
        SumPool2d, and LIF CubaLIF with tau_syn = tau_s, tau_mem = tau_m, w_in = tau_s/dt, r = tau_m/tau_s and v_leak =
        v_reset = 0, where a spike is taken as 1 for one time step. NIR has channels first. It does not know the length
        of a presentation, the method of integration and, but for ``w_in``, ``dt``.

        Of a network that is no chain, or one with delays or recurrent layers, populations are flat and projections,
        lateral inhibition among them, become Linear, with a Delay before where spikes take time and as Affine where
        there is a bias.

        Parameters
        ----------
        drop_refractory : bool
            Leave out the refractory time, which NIR can't hold: spikes will differ.

        Returns
        -------
        nir.NIRGraph
            ``nir.write(path, graph)`` makes a file of it.

        Raises
        ------
        ExchangeError
            If NIR can't hold the network: refractory time, own equations, pooling windows that reach over the border,
            lateral inhibition of chains, delays that differ among the connections of one neuron.
        MissingPackageError
            If nir is not installed.
        """
        from hm2bp_brian.exchange.nir import to_nir

        return to_nir(self, drop_refractory=drop_refractory)

    @classmethod
    def from_nir(cls, graph, *, dt, duration) -> SpikingNetwork:
        """A network from a graph of NIR (extra ``nir``), the inverse of `to_nir`.

        Parameters
        ----------
        graph : nir.NIRGraph
            A chain of Input, then Linear, Affine, Conv2d or SumPool2d each with a CubaLIF behind it, and Output;
            Flatten may stand between. Weights are taken as they are; thresholds are divided by r w_in dt / tau_mem,
            which gives the same spikes.
        dt, duration : Quantity
            Time step, and length of one presentation. NIR does not keep them; a graph whose ``w_in`` was made for one
            ``dt``, as those of `to_nir` and most tools, needs the same here.

        Raises
        ------
        ExchangeError
            If the graph holds anything else: another order or node, biases, v_leak or v_reset other than 0, neurons of
            one layer that differ.
        ShapeError
            If weights don't fit the population before them.
        MissingPackageError
            If nir is not installed.

        Examples
        --------
        >>> network = SpikingNetwork.from_nir(nir.read("net.nir"), dt=1*ms, duration=400*ms)    # doctest: +SKIP
        """
        from hm2bp_brian.exchange.nir import from_nir

        return from_nir(graph, dt=dt, duration=duration)

    def __str__(self) -> str:
        table = chain_summary(self) if self.is_chain else graph_summary(self)
        learned = "; ".join(f"{v.label}, {v.range.low:g}..{v.range.high:g}" for v in self.learned_variables)
        table += f"\nlearned: {learned}" if learned else ""
        neurons = "; ".join(dict.fromkeys(map(repr, self.neurons))) or "no neurons yet"
        return f"{table}\n{self.n_steps} steps of {self.dt * second!s} a presentation; {neurons}"

    def _repr_html_(self) -> str:
        return view(self)

    def summary(self) -> None:
        """Print a table: populations with shape, number of parameters, threshold, and projections."""
        print(self)


def _time_axis(dt, duration) -> tuple[float, int]:
    dt = to_float("dt", dt, second.dim)
    duration = to_float("duration", duration, second.dim)
    if dt <= 0 or duration <= 0:
        raise ConfigurationError(f"dt and duration must be positive, found {dt} s and {duration} s")
    if not duration / dt <= MOST:
        raise ConfigurationError(f"duration / dt must be at most {MOST} steps, found {duration} s / {dt} s")
    n_steps = round(duration / dt)
    if n_steps < 1 or abs(n_steps * dt - duration) > 1e-6 * dt:
        raise ConfigurationError(
            f"duration must be a multiple of dt: {duration} s / {dt} s = {duration / dt:.6g} steps; "
            f"take {max(n_steps, 1) * dt:g} s"
        )
    return dt, n_steps

"""The training engine on a GPU: spikes, weights and all between them stay there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from hm2bp_brian.encoding.augmentation import Augmentation
from hm2bp_brian.encoding.poisson import BernoulliEncoder
from hm2bp_brian.engines.cuda.augmentation import CardAugmentation, ImageKernels
from hm2bp_brian.engines.cuda.card import SCRATCH_BYTES, Card
from hm2bp_brian.engines.cuda.component_kernels import make_kernels
from hm2bp_brian.engines.cuda.encoder import CardBernoulliEncoder
from hm2bp_brian.engines.cuda.spikes import SpikeKernels, words
from hm2bp_brian.engines.cuda.updater import CardUpdater
from hm2bp_brian.engines.fused.calls import check_state
from hm2bp_brian.engines.protocol import HostTape
from hm2bp_brian.learning.backward import backward
from hm2bp_brian.learning.gradient_sum import GradientSum
from hm2bp_brian.learning.losses import Errors
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.model.borders import check_batch, checked_parameters
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.spikes import SpikeBatch


class CudaEngine:
    """Engine "fused" on a GPU: the same neurons, in kernels of many threads.

    Input spikes are those of the processor, bit for bit; so are all spikes in float64, but where a function such as
    ``exp`` rounds in another way. Two runs have the same bits, whatever the GPU. Gradients lie where the weights lie.

    Parameters
    ----------
    network : SpikingNetwork
    dtype : "float32" or "float64"
    threads : int
        With more than one, the next batch is made beside the simulation.
    card : Card

    Raises
    ------
    EngineError
        If neurons have what no kernel runs, such as noise.
    CompilationError
        If NVRTC refuses the generated code.
    """

    name = "fused"

    def __init__(self, network: SpikingNetwork, dtype: str, threads: int, card: Card):
        self.network = network
        self.dtype = np.dtype(dtype)
        self.threads = threads
        self.card = card
        self.spikes = SpikeKernels(card)
        self._components = [make_kernels(network, c, self.dtype, card, self.spikes) for c in network.components]
        self.updater = CardUpdater(card, self.dtype)

    def forward(self, parameters, spikes: SpikeBatch) -> HostTape:
        """Present a batch.

        Parameters
        ----------
        parameters : sequence of arrays
            As ``network.parameters``; all on the card (see ``put``), where nothing checks them, or none.
        spikes : SpikeBatch

        Raises
        ------
        SpikeError, ShapeError
            If the batch or the weights don't fit the network.
        NumericalError
            If a weight is not finite, or a state becomes NaN or infinite; population, sample and step are named.
        MemoryError
            If the batch is too large for the card's memory.
        """
        check_batch(self.network, spikes)
        if not all(map(self.card.holds, parameters)):
            parameters = checked_parameters(self.network, parameters, self.dtype)
        with self._memory(spikes):
            spikes = self.spikes.on_card(spikes)
            trains = self.network.trains(spikes)
            readable = self._readable(parameters)
            failures = [kernels.forward(readable, trains) for kernels in self._components]
            failures = self.card.get(self.card.cupy.stack(failures))
        for kernels, places in zip(self._components, failures, strict=True):
            none = spikes.n_steps * len(kernels.labels)
            sample = int(np.argmax(places < none))
            if places[sample] < none:
                step, number = divmod(int(places[sample]), len(kernels.labels))
                check_state(kernels.labels[number], sample, step)
        return HostTape(tuple(parameters), self.network.record(spikes, trains))

    def backward(self, tape: HostTape, errors: Errors, rules: Rules) -> GradientSum:
        """Sum of the samples' gradients in the engine's dtype; see `hm2bp_brian.learning.backward.backward`."""
        errors.check(tape.counts)
        with self._memory(tape.record.input):
            parameters = self._readable(tape.parameters)
            total = backward(self.network, parameters, tape.record, errors, rules, kernels=self)
        if all(map(self.card.holds, tape.parameters)):
            return total
        arrays, deltas = (tuple(map(self.card.get, arrays)) for arrays in (total.arrays, total.deltas))
        return GradientSum(arrays, total.loss, total.n_samples, deltas)

    def backward_component(self, component, walk) -> None:
        """The same as ``learning.component.NumpyKernels.backward_component``, on the card."""
        next(kernels for kernels in self._components if kernels.component is component).backward(walk)

    def own_spsp(self, population, trains: SpikeBatch) -> np.ndarray:
        """The same as ``learning.component.NumpyKernels.own_spsp``, on the card."""
        return next(k for k in self._components if population in k.component.populations).own_spsp(population, trains)

    def encoder(self, encoder):
        """A twin of a BernoulliEncoder on the card; other encoders as they are."""
        on_card = type(encoder) is BernoulliEncoder
        return CardBernoulliEncoder(encoder.rate_divisor, self.spikes) if on_card else encoder

    def augmentation(self, augmentation, encoder):
        """A twin of an Augmentation on the card, where the encoder takes images from there; others as they are."""
        on_card = type(augmentation) is Augmentation and isinstance(encoder, CardBernoulliEncoder)
        return CardAugmentation.of(augmentation, ImageKernels(self.card)) if on_card else augmentation

    def put(self, array):
        """A copy of an array on the card, in the engine's dtype."""
        return self.card.put(array, self.dtype)

    def get(self, array) -> np.ndarray:
        """A copy of an array in this process's memory."""
        return self.card.get(array)

    def wait(self) -> None:
        """Until the card has done what it was told to."""
        self.card.wait()

    def _readable(self, parameters) -> tuple:
        """The parameters, with values of learned variables in this process's memory: the network reads them."""
        first = len(parameters) - len(self.network.learned_variables)
        return (*parameters[:first], *map(self.card.get, parameters[first:]))

    @contextmanager
    def _memory(self, batch: SpikeBatch) -> Iterator[None]:
        """Say of a batch that is too large how large it may be."""
        try:
            yield
        except MemoryError as error:
            sizes = [population.size for population in self.network.populations]
            # trains and counts of all, deltas of those that have some
            a_sample = sum(size * (4 * words(batch.n_steps) + 4 + 2 * self.dtype.itemsize) for size in sizes)
            needed, free = batch.n_samples * a_sample + 2 * SCRATCH_BYTES, self.card.free_bytes
            fits = max(0, free - 2 * SCRATCH_BYTES) // a_sample
            advice = f"batches of {fits} would fit" if fits else "this network does not fit beside what is there"
            raise MemoryError(
                f"a batch of {batch.n_samples} samples needs some {needed / 2**20:.0f} MiB on the GPU, on which "
                f"{free / 2**20:.0f} MiB are free; {advice}. Other processes may hold the rest"
            ) from error

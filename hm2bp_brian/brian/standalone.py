"""Engine "brian2" on a standalone device: Brian2 compiles the network once, and its program runs batch after batch."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
from brian2 import Network, NeuronGroup, Quantity, TimedArray, get_device, prefs, second
from scipy.sparse import csr_array

from hm2bp_brian.brian.build_folder import BuildFolder
from hm2bp_brian.brian.cuda import cuda_preferences
from hm2bp_brian.brian.network import BrianNetwork, check_finished, no_cast_warning
from hm2bp_brian.devices import preferences, using_device
from hm2bp_brian.errors import CompilationError, ConfigurationError, EngineError
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.populations import Population
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch

NEVER = -1  # a step that no clock shows
SPARE = 1.3  # room for batches with more spikes than the first one
LINES_OF_OUTPUT = 20  # of a compiler that failed

# Each input neuron knows the step of its next spike, and the place of that spike in one array of all spikes.
INPUT = """
place : integer
next_step : integer
n_samples : integer (shared)
"""
INPUT_RESET = """
place += 1
next_step = int(spike_steps(place*second))
"""


class StandaloneNetwork(BrianNetwork):
    """The objects of a network whose input spikes are arrays that a compiled program reads.

    Parameters
    ----------
    spiking_network : SpikingNetwork
    dtype : "float32" or "float64"
    n_places : int
        Room for so many input spikes, and one more place for each input neuron.
    """

    def __init__(self, spiking_network: SpikingNetwork, dtype, n_places: int):
        # in a TimedArray, as run_args can replace it, with the place of a spike instead of the time
        self.spike_steps = TimedArray(np.full(n_places, float(NEVER)), dt=1 * second, name="input_spikes*")
        super().__init__(spiking_network, dtype)

    def _input_group(self, population: Population, codeobj_class) -> NeuronGroup:
        return NeuronGroup(
            population.size,
            INPUT,
            threshold="t_in_timesteps == next_step",
            reset=INPUT_RESET,
            namespace={"spike_steps": self.spike_steps},
            clock=self._clock,
            name=population.name,
            codeobj_class=codeobj_class,
        )

    def run_to_the_last_sample(self, n_samples: int) -> None:
        """Generate a run of at most ``n_samples`` presentations, that ends after those which the input has."""
        device, network, clock = get_device(), self.network.name, self._presentations.name
        presented = device.get_array_name(self._spiking_inputs[0].variables["n_samples"])
        device.insert_code(
            "before_network_run",
            f"{network}.add(&{clock}, []() {{ if ({clock}.timestep[0] >= {presented}[0]) "
            "Network::_globally_stopped = true; });",
        )
        self._delay_by_steps_on_the_way()
        self.network.run(n_samples * self.spiking_network.n_steps * self._dt, namespace={})

    def _delay_by_steps_on_the_way(self) -> None:
        """Generate code that sets learned delays: programs can be sent variables of synapses, but no delays."""
        learned = [projection.name for projection in self.spiking_network.weighted if projection.delays.learned]
        if learned:
            get_device().apply_run_args()  # before the delays, which the queues of spikes read before the run
        for name in learned:
            self[name].pre.delay = "steps_on_the_way * dt"

    def input_values(self, batch: SpikeBatch) -> tuple[dict, np.ndarray]:
        """Values of the input variables for a batch, and the ``place`` of each neuron after its last spike."""
        rows = csr_array(
            (np.ones(batch.n_spikes, dtype=np.int8), batch.neurons, batch.offsets),
            shape=(batch.n_samples * batch.n_steps, batch.n_neurons),
        )
        trains = rows.tocsc()
        first = trains.indptr[:-1] + np.arange(batch.n_neurons)
        last = trains.indptr[1:] + np.arange(batch.n_neurons)
        steps = np.full(len(self.spike_steps.values), float(NEVER))
        ends = np.zeros(batch.n_spikes + batch.n_neurons, dtype=bool)
        ends[last] = True
        steps[: len(ends)][~ends] = trains.indices
        values, position = {self.spike_steps: steps}, 0
        for group in self._spiking_inputs:
            own = slice(position, position + len(group))
            values |= {group.n_samples: batch.n_samples, group.place: first[own], group.next_step: steps[first[own]]}
            position += len(group)
        return values, last

    @property
    def _spiking_inputs(self) -> list[NeuronGroup]:
        return [self[population.name] for population in self.spiking_network.inputs if not population.always]

    def places(self) -> np.ndarray:
        """``place`` of each input neuron."""
        return np.concatenate([group.variables["place"].get_value() for group in self._spiking_inputs])

    def parameter_values(self, parameters) -> dict:
        """Values of the synapses' variables: weights, and delays that are learned."""
        if self.spiking_network.learned_variables:
            raise ConfigurationError("learned variables of neurons are known to Brian2's runtime device only")
        values = {}
        for projection in self.spiking_network.weighted:
            synapses = self[projection.name]
            weight, index = synapses.weight, self._synapses[projection.name][2]
            values[weight] = Quantity(self._weight_of_each_synapse(projection, parameters), dim=weight.dim)
            if projection.delays.learned:
                steps = self.spiking_network.delays_of(projection, parameters)
                values[synapses.steps_on_the_way] = steps.ravel()[index]
        return values


class Program:
    """A compiled program that presents up to ``n_samples`` samples in one run.

    Parameters
    ----------
    network : SpikingNetwork
    dtype : "float32" or "float64"
    device : brian2 standalone device
        A new one, that holds nothing else.
    folder : Path
        Where to write and compile it.
    n_samples, n_spikes : int
        The largest batch.

    Raises
    ------
    CompilationError
        If it can't be generated or compiled.
    """

    def __init__(self, network: SpikingNetwork, dtype, device, folder: Path, n_samples: int, n_spikes: int):
        self.device = device
        self.folder = folder
        self.n_samples = n_samples
        self.n_spikes = n_spikes
        print(
            f"hm2bp_brian: compiling the network in {folder} for batches of up to {n_samples} samples with {n_spikes} "
            "input spikes (half a minute; once, unless larger ones come)",
            file=sys.stderr,
            flush=True,
        )
        with using_device(device), preferences(_compiler_preferences(device, folder)):
            device.activate(build_on_run=False)
            n_inputs = int(np.prod(network.input_shape))
            self.objects = StandaloneNetwork(network, dtype, n_spikes + n_inputs)
            self.objects.run_to_the_last_sample(n_samples)
            try:
                device.build(directory=str(folder), compile=False, run=False)
            except (RuntimeError, OSError) as error:
                raise CompilationError(
                    f"the program in {folder} could not be generated: {error} (cuda_standalone needs a GPU, or to "
                    "compile without one detect_gpus=False, gpu_id and compute_capability in "
                    "prefs.devices.cuda_standalone.cuda_backend)"
                ) from error
            _make(folder)

    def fits(self, batch: SpikeBatch) -> bool:
        """Whether there is room for a batch."""
        return batch.n_samples <= self.n_samples and batch.n_spikes <= self.n_spikes

    def run(self, parameters, batch: SpikeBatch) -> SpikeRecord:
        """Present a batch with the given parameters in one run of the program.

        Raises
        ------
        EngineError
            If the program fails, or did not take over all it was sent.
        KeyboardInterrupt
            If it was stopped before its end.
        """
        with using_device(self.device):
            sent_weights = self.objects.parameter_values(parameters)
            sent_input, last = self.objects.input_values(batch)
            self._execute(sent_weights | sent_input, batch.n_samples)
            self._check_received(sent_weights, last)
            return self.objects.read_record(batch)

    def _execute(self, run_args: dict, n_samples: int) -> None:
        finished = Path(self.device.results_dir, "last_run_info.txt")
        finished.unlink(missing_ok=True)
        Network._globally_stopped = False  # as Brian2 does at the start of its own runs; Ctrl+C sets it
        try:
            with preferences(_errors_beside_output()), no_cast_warning():
                self.device.run(run_args=run_args, with_output=False)
        except (RuntimeError, OSError) as error:
            if not Network._globally_stopped:
                raise EngineError(f"the program failed ({error}); its output:\n{self._output()}") from error
        finally:
            for name in self.device.run_args_arrays:  # Brian2 writes an array and a lock a value, and keeps them
                for path in (self.folder / "static_arrays" / name, self.folder / "static_arrays" / f"{name}.lock"):
                    path.unlink(missing_ok=True)
        if Network._globally_stopped:
            raise KeyboardInterrupt("Brian2's program was stopped; its spikes are not used")
        if not finished.exists():
            raise EngineError(f"the program in {self.folder} ended before its results; its output:\n{self._output()}")
        n_steps = self.objects.spiking_network.n_steps
        done = round(self.device._last_run_completed_fraction * self.n_samples * n_steps)
        check_finished(done, n_samples * n_steps)

    def _output(self) -> str:
        output = Path(self.device.results_dir, "stdout.txt")
        return output.read_text(errors="replace").strip() if output.exists() else "(none)"

    def _check_received(self, sent_weights: dict, last: np.ndarray) -> None:
        """Brian2's programs go on with what they had if they can't read an array: compare."""
        received = [np.array_equal(key.variable.get_value(), sent) for key, sent in sent_weights.items()]
        received.append(np.array_equal(self.objects.places(), last))
        if not all(received):
            raise EngineError(
                f"the program in {self.folder} did not take over all weights and input spikes that were sent; is the "
                f"disk full, or does another program write there? Its output:\n{self._output()}"
            )


class StandalonePresenter:
    """Presents batches to a network in a program that Brian2's standalone device compiles.

    It is compiled at the first batch, and again for a batch with more samples or spikes. The device of the
    user's script is only looked at: what it has been given to build stays as it is.

    Parameters
    ----------
    network : SpikingNetwork
    dtype : "float32" or "float64"

    Raises
    ------
    EngineError
        If the ``directory`` that was given to ``set_device`` is in use. Without one, a temporary folder is used.
    """

    def __init__(self, network: SpikingNetwork, dtype):
        self.network = network
        self.dtype = np.dtype(dtype)
        self._device_class = type(get_device())
        self._folder = BuildFolder((get_device().build_options or {}).get("directory"))
        self._program = None

    def run(self, parameters, batch: SpikeBatch) -> SpikeRecord:
        """Present a batch with the given parameters; see ``Program.run``."""
        if self._program is None or not self._program.fits(batch):
            self._compile(batch)
        return self._program.run(parameters, batch)

    @property
    def program_seconds(self) -> float:
        """How long the compiled program ran for the last batch."""
        return 0.0 if self._program is None else self._program.device.timers["run_binary"]

    def _compile(self, batch: SpikeBatch) -> None:
        n_samples, n_spikes = batch.n_samples, int(SPARE * batch.n_spikes) + 1
        if self._program is not None:
            n_samples, n_spikes = max(n_samples, self._program.n_samples), max(n_spikes, self._program.n_spikes)
        self._program = None
        self._program = Program(self.network, self.dtype, self._device_class(), self._folder.path, n_samples, n_spikes)


def _make(folder: Path) -> None:
    """Compile what Brian2 has written. Brian2's own way hides the compiler's messages, and misses Ctrl+C."""
    command = shlex.split(prefs["devices.cpp_standalone.make_cmd_unix"])
    command += prefs["devices.cpp_standalone.extra_make_args_unix"]
    needs = "It needs make and a C++ compiler (Debian, Ubuntu: make, g++), which the environment variable CXX names"
    try:
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    except OSError as error:
        raise CompilationError(f"the program in {folder} could not be compiled: {error}. {needs}") from error
    if done.returncode:
        last_lines = "\n".join(done.stdout.splitlines()[-LINES_OF_OUTPUT:])
        raise CompilationError(f"the program in {folder} could not be compiled. {needs}. Last output:\n{last_lines}")


def _compiler_preferences(device, folder: Path) -> dict:
    """Preferences without the reordered and fused operations of fast maths, which would make other spikes."""
    if "cuda" in type(device).__name__.lower():
        return cuda_preferences(folder)
    name = "codegen.cpp.extra_compile_args_gcc"
    return {name: [flag for flag in prefs[name] if flag != "-ffast-math"] + ["-ffp-contract=off"]}


def _errors_beside_output() -> dict:
    """The command that runs the program, with its messages of errors going where Brian2 keeps its output."""
    name = "devices.cpp_standalone.run_cmd_unix"
    command = [prefs[name]] if isinstance(prefs[name], str) else prefs[name]
    return {name: ["sh", "-c", 'exec "$@" 2>&1', "sh", *command]}

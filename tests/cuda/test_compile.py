"""brian2cuda generates and compiles the training network, also where there is no GPU: ``make test-cuda``."""

import os

import pytest
from brian2 import ms, prefs

from hm2bp_brian.brian.cuda import BACKEND, find_cuda
from hm2bp_brian.brian.standalone import Program
from hm2bp_brian.devices import named_device, preferences
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import LIF

WITHOUT_GPU = {
    f"{BACKEND}.detect_gpus": False,
    f"{BACKEND}.gpu_id": 0,
    f"{BACKEND}.compute_capability": 9.0,
    f"{BACKEND}.detect_cuda": False,
    f"{BACKEND}.cuda_runtime_version": 13.0,
}


@pytest.mark.cuda
# brian2cuda leaves files to be closed by the garbage collector
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_training_network_compiles_for_compute_capability_9(tmp_path):
    pytest.importorskip("brian2cuda", reason="brian2cuda is not installed: make test-cuda installs it")
    try:
        find_cuda()
    except ConfigurationError as error:
        pytest.skip(str(error))
    network = SpikingNetwork(
        (28, 28, 1),
        [Dense(800, threshold=20), Dense(10, threshold=8, lateral_inhibition=1)],
        LIF(64 * ms, 8 * ms, 3 * ms),
        dt=1 * ms,
        duration=400 * ms,
    )
    device = type(named_device("cuda_standalone"))()
    before = prefs.as_file
    with preferences(WITHOUT_GPU):
        program = Program(network, "float32", device, tmp_path, n_samples=100, n_spikes=900_000)
    assert prefs.as_file == before
    assert (program.n_samples, program.n_spikes) == (100, 900_000)
    assert os.access(tmp_path / "main", os.X_OK)
    assert "-arch=sm_90" in (tmp_path / "makefile").read_text()

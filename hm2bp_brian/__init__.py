"""Train deep spiking neural networks, written as Brian2 equations, with HM2-BP."""

from hm2bp_brian import datasets, encoding, errors, plotting
from hm2bp_brian.brian.export import export_brian
from hm2bp_brian.brian.from_brian import from_brian
from hm2bp_brian.brian.network import BrianNetwork, build_brian_network
from hm2bp_brian.citation import citation
from hm2bp_brian.engines.registry import simulate
from hm2bp_brian.experiments.pretrained import load_pretrained
from hm2bp_brian.experiments.sweep import sweep
from hm2bp_brian.learning.attribution import spike_attribution
from hm2bp_brian.learning.gradient_sum import Gradients
from hm2bp_brian.learning.gradients import gradients
from hm2bp_brian.learning.losses import CrossEntropyLoss, Loss, SpikeCountLoss
from hm2bp_brian.learning.regularizers import WeightLimit
from hm2bp_brian.learning.rules import Rules
from hm2bp_brian.learning.spsp import spsp
from hm2bp_brian.model import neuron_library as neurons
from hm2bp_brian.model.connectors import AllToAll, OneToOne, Sparse
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.initializers import Between, Normal, OfDistance, Scaled, Uniform
from hm2bp_brian.model.layers import Conv2D, Dense, Recurrent, SumPool2D
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.network_file import load
from hm2bp_brian.model.neurons import LIF, NeuronModel
from hm2bp_brian.model.populations import RateBand
from hm2bp_brian.spike_record import SpikeRecord
from hm2bp_brian.spikes import SpikeBatch
from hm2bp_brian.training import callbacks, schedules
from hm2bp_brian.training.calibration import calibrate
from hm2bp_brian.training.callbacks import EarlyStopping
from hm2bp_brian.training.optimizers import SGD, Adam, Relative
from hm2bp_brian.training.trainer import Trainer

__version__ = "0.1.0"

__all__ = [
    "LIF",
    "SGD",
    "Adam",
    "AllToAll",
    "Between",
    "BrianNetwork",
    "Conv2D",
    "CrossEntropyLoss",
    "Dense",
    "EarlyStopping",
    "Gradients",
    "Learned",
    "Loss",
    "NeuronModel",
    "Normal",
    "OfDistance",
    "OneToOne",
    "RateBand",
    "Recurrent",
    "Relative",
    "Rules",
    "Scaled",
    "Sparse",
    "SpikeBatch",
    "SpikeCountLoss",
    "SpikeRecord",
    "SpikingNetwork",
    "SumPool2D",
    "Trainer",
    "Uniform",
    "WeightLimit",
    "build_brian_network",
    "calibrate",
    "callbacks",
    "citation",
    "datasets",
    "encoding",
    "errors",
    "export_brian",
    "from_brian",
    "gradients",
    "load",
    "load_pretrained",
    "neurons",
    "plotting",
    "schedules",
    "simulate",
    "spike_attribution",
    "spsp",
    "sweep",
]


def __getattr__(name: str):
    # imported when asked for: it needs scikit-learn, an optional package
    if name == "SpikingClassifier":
        from hm2bp_brian.classifier import SpikingClassifier

        return SpikingClassifier
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "SpikingClassifier", "__version__"])

"""A user's names never meet those of C++, of its library or of the kernels."""

import builtins
import keyword

import numpy as np
import pytest
from brian2 import ms
from networks import make_input

from hm2bp_brian.engines.registry import simulate
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.initializers import Uniform
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.model.neurons import NeuronModel

OF_CPP = """
auto bool case catch char const default delete do double enum explicit export extern float_ friend goto inline long
mutable namespace new operator private protected public register short signed sizeof static struct switch template
this throw typedef typename union unsigned using virtual void volatile alignas constexpr decltype noexcept nullptr
"""
OF_LIBRARIES = """
NULL INFINITY NAN EOF M_PI INT64_MAX INT32_MIN size_t int32_t uint64_t memcpy memset std min max abs_ pow fabs
trunc round fmin fmax count fill copy vector array function forward move swap data size begin end left right hex
"""
OF_KERNELS = """
time_step values common scalar flag synaptic neuron lane fires W K TILE LANES SYNAPTIC N_VARIABLES now step real
start load update reset finite free_from Lane Neurons NeuronConstants Layout Forward Uniform layout tile
v_threshold refractory_steps constants arrays model model_u pack_bits update_support threshold_support int_ cond
lio_1 vectorisation_idx array_u array_dt dt_ fired
"""
NAMES = sorted({*OF_CPP.split(), *OF_LIBRARIES.split(), *OF_KERNELS.split()})
# Brian2 itself takes no keywords of Python, and some builtin functions for themselves
NAMES = [name for name in NAMES if not keyword.iskeyword(name) and not hasattr(builtins, name)]
# as many in one neuron as keep compiling short
GROUPS = [NAMES[first::4] for first in range(4)]


def same_spikes(neuron, n_neurons=6):
    layers = [Dense(n_neurons, threshold=0.3, initializer=Uniform(1.2))]
    network = SpikingNetwork(5, layers, neuron, dt=1 * ms, duration=60 * ms, seed=1)
    batch = make_input(network, 2, rate=0.4)
    fused, reference = (simulate(network, batch, engine=e, dtype="float64").output for e in ("fused", "brian2"))
    assert reference.n_spikes > 20
    assert fused == reference


def test_the_parameter_of_the_issue():
    equations = "du/dt = (I - u)/time_step : 1\ndI/dt = -I/tau_s : 1"
    same_spikes(NeuronModel(equations, method="euler", time_step=20 * ms, tau_s=5 * ms))


@pytest.mark.parametrize("names", GROUPS, ids=range(len(GROUPS)))
def test_names_of_parameters(names):
    names = [name for name in names if name != "reset"]  # an argument of NeuronModel itself
    total = " + ".join(names)
    values = {name: 0.01 * (k + 1) for k, name in enumerate(names)}
    one_a_neuron = {name: value * np.linspace(0.5, 1.5, 6) for name, value in list(values.items())[::2]}
    equations = f"du/dt = (I*(1 + 0.1*({total})) - u)/(20*ms) : 1\ndI/dt = -I/(5*ms) : 1"
    same_spikes(NeuronModel(equations, method="euler", **values | one_a_neuron))


@pytest.mark.parametrize("names", GROUPS, ids=range(len(GROUPS)))
def test_names_of_subexpressions_and_of_changing_variables(names):
    half = len(names) // 2
    subexpressions = "\n".join(f"{name} = u*{0.001 * (k + 1)} : 1" for k, name in enumerate(names[:half]))
    changing = "\n".join(f"{name} : 1" for name in names[half:])
    equations = f"""
    du/dt = (I - u - 0.01*({" + ".join(names)}))/(20*ms) : 1 (unless refractory)
    dI/dt = -I/(5*ms) : 1
    {subexpressions}
    {changing}
    """
    reset = "u = 0\n" + "\n".join(f"{name} += {0.01 * (k + 1)}" for k, name in enumerate(names[half:]))
    same_spikes(NeuronModel(equations, method="euler", reset=reset, refractory=2 * ms))


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_names_of_differential_variables(method):
    membrane, synapse, *others = ["scalar", "flag", "values", "common", "W", "default", "neuron", "lane", "model_u"]
    decays = "\n".join(f"d{name}/dt = ({synapse} - {name})/(9*ms) : 1" for name in others)
    equations = f"""
    d{membrane}/dt = ({synapse} - {membrane} - 0.05*({" + ".join(others)}))/(20*ms) : 1 (unless refractory)
    d{synapse}/dt = -{synapse}/(5*ms) : 1
    {decays}
    """
    same_spikes(
        NeuronModel(
            equations,
            method=method,
            threshold=f"{membrane} > v_th",
            reset=f"{membrane} = 0",
            synaptic_variable=synapse,
            refractory=3 * ms,
        )
    )


def test_a_backslash_at_the_end_of_a_comment_does_not_hide_the_next_line():
    equations = "du/dt = (I - u)/(20*ms) : 1\ndI/dt = -I/(5*ms) : 1\nraised : 1"
    reset = "u = 0  # back \\\nraised += 0.2"
    same_spikes(NeuronModel(equations, method="euler", threshold="u > v_th + raised", reset=reset))


@pytest.mark.parametrize("name", ["exp", "pi", "ms", "t", "dt", "_hidden", "lambda"])
def test_names_that_cannot_be_variables_are_refused(name):
    with pytest.raises(ConfigurationError):
        NeuronModel(f"du/dt = (I - u)/(20*ms) : 1\ndI/dt = -I/(5*ms) : 1\n{name} : 1", method="euler")

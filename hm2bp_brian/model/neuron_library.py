"""Neurons by name, as equations in plain sight: ``hb.neurons.ALIF()``. Copy the equations to change them.

In all of them but LIF a potential is in volts, at rest at E_L, and ``v_th`` of the layer is a potential, too: with
E_L = -70 mV a threshold of -50 mV is 20 mV away. Where the synaptic variable is in volts as well, a spike of weight w
puts w into the potential, less what leaks meanwhile.
"""

from __future__ import annotations

import numpy as np
from brian2 import Hz, ms, mV, nS, pA, pF, second
from brian2.units.fundamentalunits import get_dimensions

from hm2bp_brian.errors import ConfigurationError, UnitError
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.neurons import LIF, NeuronModel

__all__ = ["ALIF", "COBA", "EIF", "GLIF", "LIF", "MAT", "QIF", "AdEx", "Izhikevich", "ResonateAndFire"]


class LibraryNeuron(NeuronModel):
    """A neuron of this library: its class attributes are its equations, and defaults of its parameters.

    Parameters
    ----------
    refractory : Quantity
        Absolute refractory time, in which the potential stands still.
    method : str
        Brian2 integration method.
    spsp : "value" or "share"
        As of `NeuronModel`; "value" for all but Izhikevich's.
    **parameters : Quantity, float, array or Learned
        Values in place of those in ``DEFAULTS``, one or one a neuron, or what training finds.

    Raises
    ------
    ConfigurationError
        If there is no such parameter, or a time constant is not positive.
    UnitError
        If a parameter has another unit than its default.
    """

    EQUATIONS = ""
    THRESHOLD = "v > v_th"
    RESET = "v = E_L"
    SYNAPTIC_VARIABLE = "I"
    METHOD = "euler"
    SPSP = "value"
    DEFAULTS: dict = {}

    def __init__(self, *, refractory=0 * second, method: str | None = None, spsp: str | None = None, **parameters):
        for name, value in parameters.items():
            self._check(name, value)
        values = self.DEFAULTS | parameters
        stands_still = np.any(np.asarray(refractory))
        super().__init__(
            self.EQUATIONS if stands_still else self.EQUATIONS.replace("(unless refractory)", ""),
            threshold=self.THRESHOLD,
            reset=self.RESET,
            refractory=refractory,
            method=self.METHOD if method is None else method,
            synaptic_variable=self.SYNAPTIC_VARIABLE,
            initial=self.initial_values({name: _middle(value) for name, value in values.items()}),
            spsp=self.SPSP if spsp is None else spsp,
            **values,
        )

    def initial_values(self, parameters: dict) -> dict:
        """Where presentations start, as rest is not found for equations that are not affine."""
        return {}

    def _check(self, name: str, value) -> None:
        kind = type(self).__name__
        if name not in self.DEFAULTS:
            raise ConfigurationError(f"{kind} has no parameter '{name}'; it has {', '.join(self.DEFAULTS)}")
        default, lowest = self.DEFAULTS[name], value.low if isinstance(value, Learned) else value
        if get_dimensions(lowest) is not get_dimensions(default):
            raise UnitError(f"{kind}.{name} needs a value with the unit of {default!s}; found {value!r}")
        if name.startswith("tau") and not np.all(np.asarray(lowest) > 0):
            raise ConfigurationError(f"{kind}.{name} must be positive, found {value!r}")


def _middle(value):
    """Where presentations start does not follow what is learned."""
    return (value.low + value.high) / 2 if isinstance(value, Learned) else value


class ALIF(LibraryNeuron):
    """LIF with a threshold that each spike raises by beta, and that comes back with tau_theta. A spike takes away from
    the potential what it had to reach.

    Bellec et al., *Long short-term memory and learning-to-learn in networks of spiking neurons*, NeurIPS 2018.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> hb.neurons.ALIF(tau_theta=500*ms, beta=1*mV).state_variables
    ('I', 'theta', 'v')
    """

    EQUATIONS = """
    dv/dt = (E_L - v)/tau_m + I/tau_s : volt (unless refractory)
    dtheta/dt = -theta/tau_theta : volt
    dI/dt = -I/tau_s : volt
    """
    THRESHOLD = "v - theta > v_th"
    RESET = """
    v -= v_th - E_L + theta
    theta += beta
    """
    DEFAULTS = {"E_L": -70 * mV, "tau_m": 20 * ms, "tau_s": 5 * ms, "tau_theta": 200 * ms, "beta": 2 * mV}


class GLIF(LibraryNeuron):
    """Generalized LIF of level 5: two after-spike currents, a reset that depends on the potential, and a threshold that
    follows spikes (theta_s) and the potential (theta_v). Currents are in volts: what they would change v by.

    Teeter et al., *Generalized leaky integrate-and-fire models classify multiple neuron types*, Nature Communications
    9:709, 2018. With f_v = a_v = 0 and no changes by spikes it is LIF, their level 1.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> level_1 = {"f_v": 0, "delta_v": 0*mV, "delta_1": 0*mV, "delta_2": 0*mV, "delta_theta": 0*mV, "a_v": 0/ms}
    >>> hb.neurons.GLIF(**level_1).is_affine
    True
    """

    EQUATIONS = """
    dv/dt = (E_L - v + I_1 + I_2)/tau_m + I/tau_s : volt (unless refractory)
    dI_1/dt = -I_1/tau_1 : volt
    dI_2/dt = -I_2/tau_2 : volt
    dtheta_s/dt = -theta_s/tau_theta : volt
    dtheta_v/dt = a_v*(v - E_L) - theta_v/tau_v : volt
    dI/dt = -I/tau_s : volt
    """
    THRESHOLD = "v > v_th + theta_s + theta_v"
    RESET = """
    v = E_L + f_v*(v - E_L) - delta_v
    I_1 = f_1*I_1 + delta_1
    I_2 = f_2*I_2 + delta_2
    theta_s += delta_theta
    """
    DEFAULTS = {
        **{"E_L": -70 * mV, "tau_m": 20 * ms, "tau_s": 5 * ms, "f_v": 0.2, "delta_v": 1 * mV},
        **{"tau_1": 10 * ms, "f_1": 1.0, "delta_1": -5 * mV, "tau_2": 100 * ms, "f_2": 1.0, "delta_2": -1 * mV},
        **{"tau_theta": 100 * ms, "delta_theta": 2 * mV, "a_v": 2 * Hz, "tau_v": 50 * ms},
    }


class MAT(LibraryNeuron):
    """Multi-timescale adaptive threshold: spikes do not reset the potential, they raise two thresholds, which decay.

    Kobayashi, Tsubo & Shinomoto, *Made-to-order spiking neuron model equipped with a multi-timescale adaptive
    threshold*, Frontiers in Computational Neuroscience 3:9, 2009. There ``v_th`` is 19 mV above rest for a regular
    spiking neuron, whose constants are the defaults, and the refractory time is 2 ms; the potential goes on meanwhile.

    Examples
    --------
    >>> from brian2 import mV
    >>> hb.neurons.MAT(alpha_2=0*mV).refractory  # s
    0.002
    """

    EQUATIONS = """
    dv/dt = (E_L - v)/tau_m + I/tau_s : volt
    dtheta_1/dt = -theta_1/tau_1 : volt
    dtheta_2/dt = -theta_2/tau_2 : volt
    dI/dt = -I/tau_s : volt
    """
    THRESHOLD = "v > v_th + theta_1 + theta_2"
    RESET = """
    theta_1 += alpha_1
    theta_2 += alpha_2
    """
    DEFAULTS = {
        **{"E_L": -70 * mV, "tau_m": 5 * ms, "tau_s": 5 * ms},
        **{"tau_1": 10 * ms, "alpha_1": 37 * mV, "tau_2": 200 * ms, "alpha_2": 2 * mV},
    }

    def __init__(self, *, refractory=2 * ms, method: str | None = None, **parameters):
        super().__init__(refractory=refractory, method=method, **parameters)


class ResonateAndFire(LibraryNeuron):
    """A damped oscillation of a potential v and a current x, both in volts: it answers inputs at its own frequency.

    Izhikevich, *Resonate-and-fire neurons*, Neural Networks 14:883, 2001. There a spike puts v to the threshold, here,
    as in other neurons, to rest.

    Examples
    --------
    >>> from brian2 import Hz
    >>> hb.neurons.ResonateAndFire(frequency=40*Hz).state_variables
    ('I', 'v', 'x')
    """

    EQUATIONS = """
    dv/dt = (E_L - v)/tau_m + 2*pi*frequency*x : volt (unless refractory)
    dx/dt = -x/tau_m - 2*pi*frequency*(v - E_L) + I/tau_s : volt (unless refractory)
    dI/dt = -I/tau_s : volt
    """
    RESET = """
    v = E_L
    x = 0*volt
    """
    METHOD = "rk4"
    DEFAULTS = {"E_L": -70 * mV, "tau_m": 20 * ms, "tau_s": 5 * ms, "frequency": 20 * Hz}


class EIF(LibraryNeuron):
    """Exponential integrate-and-fire.

    Fourcaud-Trocmé et al., *How spike generation mechanisms determine the neuronal response to fluctuating inputs*,
    Journal of Neuroscience 23:11628, 2003. ``v_th`` is where the upswing is cut, such as 10 Delta_T above V_T.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> layers, neuron = [hb.Dense(2, threshold=-35*mV)], hb.neurons.EIF(Delta_T=2*mV)
    >>> hb.SpikingNetwork((3,), layers, neuron, dt=0.5*ms, duration=50*ms).n_steps
    100
    """

    EQUATIONS = """
    dv/dt = (E_L - v + Delta_T*exp((v - V_T)/Delta_T))/tau_m + I/tau_s : volt (unless refractory)
    dI/dt = -I/tau_s : volt
    """
    DEFAULTS = {"E_L": -70 * mV, "V_T": -55 * mV, "Delta_T": 2 * mV, "tau_m": 20 * ms, "tau_s": 5 * ms}

    def initial_values(self, parameters: dict) -> dict:
        return {"v": parameters["E_L"]}


class QIF(LibraryNeuron):
    """Quadratic integrate-and-fire, with rest at E_L and the point of no return at V_c.

    Latham et al., *Intrinsic dynamics in neuronal networks. I. Theory*, Journal of Neurophysiology 83:808, 2000.

    Examples
    --------
    >>> from brian2 import mV
    >>> hb.neurons.QIF(E_L=-65*mV).initial
    {'v': -0.065}
    """

    EQUATIONS = """
    dv/dt = (v - E_L)*(v - V_c)/((V_c - E_L)*tau_m) + I/tau_s : volt (unless refractory)
    dI/dt = -I/tau_s : volt
    """
    DEFAULTS = {"E_L": -70 * mV, "V_c": -55 * mV, "tau_m": 20 * ms, "tau_s": 5 * ms}

    def initial_values(self, parameters: dict) -> dict:
        return {"v": parameters["E_L"]}


class AdEx(LibraryNeuron):
    """Adaptive exponential integrate-and-fire; weights are currents.

    Brette & Gerstner, *Adaptive exponential integrate-and-fire model as an effective description of neuronal activity*,
    Journal of Neurophysiology 94:3637, 2005, with the constants given there.

    Examples
    --------
    >>> from brian2 import nS, pA
    >>> hb.neurons.AdEx(a=0*nS, b=0*pA).state_variables  # without adaptation
    ('I', 'v', 'w')
    """

    EQUATIONS = """
    dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) - w + I)/C : volt (unless refractory)
    dw/dt = (a*(v - E_L) - w)/tau_w : amp
    dI/dt = -I/tau_s : amp
    """
    RESET = """
    v = E_L
    w += b
    """
    DEFAULTS = {
        **{"C": 281 * pF, "g_L": 30 * nS, "E_L": -70.6 * mV, "V_T": -50.4 * mV, "Delta_T": 2 * mV},
        **{"a": 4 * nS, "tau_w": 144 * ms, "b": 80.5 * pA, "tau_s": 5 * ms},
    }

    def initial_values(self, parameters: dict) -> dict:
        return {"v": parameters["E_L"]}


class Izhikevich(LibraryNeuron):
    """Izhikevich's simple model; weights are in volts a second. Each spike's S-PSPs are shares: see `NeuronModel`.

    Izhikevich, *Simple model of spiking neurons*, IEEE Transactions on Neural Networks 14:1569, 2003; the constants are
    those of a regular spiking neuron. There ``v_th`` is 30 mV.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> chattering = hb.neurons.Izhikevich(c=-50*mV, d=2*mV/ms)
    >>> chattering.spsp
    'share'
    """

    EQUATIONS = """
    dv/dt = (0.04/ms/mV)*v**2 + (5/ms)*v + 140*mV/ms - u + I : volt (unless refractory)
    du/dt = a*(b*v - u) : volt/second
    dI/dt = -I/tau_s : volt/second
    """
    RESET = """
    v = c
    u += d
    """
    SPSP = "share"
    DEFAULTS = {"a": 0.02 / ms, "b": 0.2 / ms, "c": -65 * mV, "d": 8 * mV / ms, "tau_s": 5 * ms}

    def initial_values(self, parameters: dict) -> dict:
        return {"v": parameters["c"], "u": parameters["b"] * parameters["c"]}


class COBA(LibraryNeuron):
    """LIF whose inputs are conductances, in multiples of the leak's: excitatory ones pull v to E_e, inhibitory to E_i.

    The weights of a trained projection have both signs. g is their balance: where it is positive it excites, where it
    is negative it inhibits. Without g_i a negative g would drive v away from E_e, and g < -1 without end. For
    conductances that shunt each other, write two synaptic variables, and projections of one sign to each.

    Brette et al., *Simulation of networks of spiking neurons: a review of tools and strategies*, Journal of
    Computational Neuroscience 23:349, 2007 (its benchmark 1).

    Examples
    --------
    >>> from brian2 import mV
    >>> shunted = hb.neurons.COBA(E_i=-70*mV)
    >>> shunted.synaptic_variable
    'g'
    """

    EQUATIONS = """
    dv/dt = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v))/tau_m : volt (unless refractory)
    dg/dt = -g/tau_s : 1
    g_e = (abs(g) + g)/2 : 1
    g_i = (abs(g) - g)/2 : 1
    """
    SYNAPTIC_VARIABLE = "g"
    DEFAULTS = {"E_L": -70 * mV, "E_e": 0 * mV, "E_i": -80 * mV, "tau_m": 20 * ms, "tau_s": 5 * ms}

    def initial_values(self, parameters: dict) -> dict:
        return {"v": parameters["E_L"]}

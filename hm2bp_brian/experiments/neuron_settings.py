"""The neurons of a recipe as plain numbers and texts, which a file can hold."""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import ms

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.experiments.quantity_text import quantity
from hm2bp_brian.experiments.recipe_fields import check_fields
from hm2bp_brian.model.neurons import ARGUMENTS, LIF, NeuronModel


@dataclass(frozen=True)
class LIFSettings:
    """The leaky integrate-and-fire neuron; see `hm2bp_brian.model.neurons.LIF`.

    Parameters
    ----------
    tau_m_ms, tau_s_ms : float
        Membrane and synaptic time constants.
    refractory_ms : float
    method : str
        Brian2's integration method.

    Raises
    ------
    ConfigurationError
        If a value has another type or an impossible value.
    """

    tau_m_ms: float = 64.0
    tau_s_ms: float = 8.0
    refractory_ms: float = 3.0
    method: str = "euler"

    def __post_init__(self):
        check_fields(type(self), vars(self))

    def make(self) -> LIF:
        """The neuron; ConfigurationError if Brian2 can't integrate it so."""
        return LIF(self.tau_m_ms * ms, self.tau_s_ms * ms, self.refractory_ms * ms, self.method)


@dataclass(frozen=True, kw_only=True)
class EquationSettings:
    """A neuron of own equations; see `hm2bp_brian.model.neurons.NeuronModel`.

    Parameters
    ----------
    equations, threshold, reset : str
    refractory_ms : float
    method : str
        Brian2's integration method.
    synaptic_variable : str
    parameters : tuple of (str, str)
        Names and values, written as texts such as "64*ms" or "0.1": the same value for all neurons.
    initial : tuple of (str, str)
        Variables and the values with which presentations start, such as ("v", "-70*mV").
    spsp : "value" or "share"

    Raises
    ------
    ConfigurationError
        If a value has another type or an impossible value, or a parameter is no name and a number with units.

    Examples
    --------
    >>> neuron = EquationSettings(
    ...     equations="du/dt = (I - u)/tau : 1\\ndI/dt = -I/(5*ms) : 1",
    ...     parameters=(("tau", "20*ms"),),
    ... )
    >>> neuron.make().parameters
    {'tau': 20. * msecond}
    """

    equations: str
    threshold: str = "u > v_th"
    reset: str = "u = 0"
    refractory_ms: float = 0.0
    method: str = "euler"
    synaptic_variable: str = "I"
    parameters: tuple[tuple[str, ...], ...] = ()
    initial: tuple[tuple[str, ...], ...] = ()
    spsp: str = "value"

    def __post_init__(self):
        check_fields(type(self), vars(self))
        _check_pairs("parameters", self.parameters)
        _check_pairs("initial", self.initial)

    def make(self) -> NeuronModel:
        """The neuron; UnitError or ConfigurationError if its equations or their units are wrong."""
        return NeuronModel(
            self.equations,
            threshold=self.threshold,
            reset=self.reset,
            refractory=self.refractory_ms * ms,
            method=self.method,
            synaptic_variable=self.synaptic_variable,
            initial={name: quantity(name, text) for name, text in self.initial},
            spsp=self.spsp,
            **{name: quantity(name, text) for name, text in self.parameters},
        )


def _check_pairs(field: str, pairs: tuple[tuple[str, ...], ...]) -> None:
    for pair in pairs:
        if len(pair) != 2 or not pair[0].isidentifier() or pair[0] in ARGUMENTS:
            raise ConfigurationError(
                f"each of '{field}' should be a name and a value, such as ('tau', '64*ms'), and the name none of "
                f"{', '.join(ARGUMENTS)}; found {pair!r}"
            )
        quantity(*pair)
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"each name in '{field}' should occur once, found {', '.join(names)}")

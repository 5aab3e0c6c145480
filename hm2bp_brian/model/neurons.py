"""Neurons as Brian2 equations with units."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import numpy as np
from brian2 import Equations, second
from brian2.units.fundamentalunits import get_dimensions

from hm2bp_brian.devices import holding_brian
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.jacobian import Jacobian, jacobian
from hm2bp_brian.model.learned import declare, learned_ranges
from hm2bp_brian.model.neuron_arguments import (
    check_names,
    check_parameter,
    checked_initial,
    checked_method,
    checked_spsp,
    code_without_comments,
)
from hm2bp_brian.model.neuron_equations import NeuronEquations
from hm2bp_brian.model.neuron_group import check_with_brian, holds_at_start, neuron_group
from hm2bp_brian.model.terms import not_affine, terms_of_reset, terms_of_update
from hm2bp_brian.model.units import to_float


class NeuronModel(NeuronEquations):
    """A neuron in Brian2's equation language.

    Parameters
    ----------
    equations : str
        Brian2 equations. Every presentation starts as if no spike had ever been.
    threshold : str
        Condition of a spike; ``v_th`` in it is the threshold of the neuron's layer.
    reset : str
        Statements executed after a spike.
    refractory : Quantity
        Absolute refractory time; equations marked ``(unless refractory)`` stand still meanwhile. As in Brian2, 3 ms at
        dt = 1 ms leave two whole steps after the spike's own step.
    method : str or tuple of str
        Name of a Brian2 integration method; of several, the first that fits the equations, as in ``NeuronGroup``.
    synaptic_variable : str
        The variable to which presynaptic spikes add their weight.
    initial : mapping of str to Quantity, float, array or Learned, optional
        Values of variables at the start of every presentation, one or one a neuron. What is not named starts at rest:
        at the stable fixed point of the equations without input, where they are affine and have just one, else at 0.
    spsp : "value" or "share"
        How S-PSPs of a neuron that is not affine count. "value": by what inputs have changed of what the threshold
        reads at a spike. "share": by their shares of that, among all inputs since the spike before, each without its
        sign; a spike's shares are together the distance from rest to the threshold. It is for upswings that multiply
        what came before by orders of magnitude, as Izhikevich's: see ``docs/neurons.md``.
    **parameters : Quantity, float, array or Learned
        Values of the names in the equations: scalars, one value a neuron, or what training finds.

    Raises
    ------
    UnitError
        If units in the equations, of the refractory time or of a parameter do not fit.
    ConfigurationError
        If an argument is of another type, names are missing, not used, or reserved, or the equations can't be parsed or
        integrated.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> neuron = hb.NeuronModel(
    ...     '''dv/dt = (E_L - v)/tau_m + I/tau_s : volt (unless refractory)
    ...        dI/dt = -I/tau_s : volt''',
    ...     threshold="v > v_th",
    ...     reset="v = E_L",
    ...     refractory=2*ms,
    ...     method="euler",
    ...     E_L=-70*mV, tau_m=20*ms, tau_s=5*ms,
    ... )
    >>> neuron.state_variables
    ('I', 'v')
    """

    @holding_brian
    def __init__(
        self,
        equations: str,
        *,
        threshold: str = "u > v_th",
        reset: str = "u = 0",
        refractory=0 * second,
        method: str | tuple[str, ...] = ("exact", "euler", "heun"),
        synaptic_variable: str = "I",
        initial: Mapping | None = None,
        spsp: str = "value",
        **parameters,
    ):
        self.equations = code_without_comments("equations", equations)
        self.threshold = code_without_comments("threshold", threshold)
        self.reset = code_without_comments("reset", reset)
        self.method = checked_method(method)
        self.synaptic_variable = code_without_comments("synaptic_variable", synaptic_variable)
        self.spsp = checked_spsp(spsp)
        given = {name: value for name, value in parameters.items() if isinstance(value, Learned)}
        self.parameters = {name: value for name, value in parameters.items() if name not in given}
        for name, value in self.parameters.items():
            check_parameter(name, value)
        self.refractory = to_float("refractory", refractory, second.dim)
        if self.refractory < 0:
            raise ConfigurationError(f"refractory must not be negative, found {refractory!r}")
        try:
            self.parsed = Equations(self.equations)  # of Brian2
        except Exception as error:  # Brian2 raises several unrelated classes for malformed equations
            raise ConfigurationError(
                f"the neuron's equations can't be read: {error}\nEach is a line such as 'dv/dt = (I - v)/tau : volt', "
                "with the unit of the variable behind the colon, 1 if it has none"
            ) from error
        check_names(self, parameters)
        self.learned, self.initial = {}, {}
        for name, value in given.items():
            declare(self, name, value, get_dimensions(value.low), f"parameter '{name}'")
        for name, value in checked_initial(self, initial).items():
            if isinstance(value, Learned):
                declare(self, name, value, self.dimension_of(name), f"initial value of '{name}'")
            else:
                self.initial[name] = value
        self.forget()
        check_with_brian(self)
        if self.spsp == "share" and self.is_affine:
            raise ConfigurationError(
                "spsp='share' is for neurons that are not affine; S-PSPs of this one are exact without it"
            )

    @property
    def any_size(self) -> int:
        """A number of neurons that the parameters allow."""
        values = [*self.parameters.values(), *self.initial.values()]
        return next((len(value) for value in values if np.ndim(value) == 1), 1)

    def start_values(self, n_neurons: int, v_th: float, dt: float) -> dict[str, np.ndarray]:
        """What each presentation starts with, in SI base units.

        Parameters
        ----------
        n_neurons : int
        v_th, dt : float
            Threshold, and time step in seconds.

        Returns
        -------
        dict of str to array (n_neurons,)
            For each of ``changing_variables`` its initial value, where one was given, else its value at rest.

        Warns
        -----
        UserWarning
            If the time step is too long for the equations: states would grow without bound.
        """
        # a door: rest is found by simulation, and models run nothing
        from hm2bp_brian.brian.rest import start_values

        return self.once(start_values, n_neurons, v_th, dt)

    def threshold_distance(self, n_neurons: int, v_th: float, dt: float) -> np.ndarray:
        """How far each neuron at rest is from its threshold: nu, by which HM2-BP divides.

        It is ``v_th`` for LIF, and 20 mV for a neuron at rest at -70 mV with the threshold ``v > v_th`` at -50 mV.
        Where the equations have no stable rest, it is the distance at the start of a presentation.

        Parameters
        ----------
        n_neurons : int
        v_th, dt : float
            Threshold, and time step in seconds.

        Returns
        -------
        float64 array (n_neurons,)
            In SI base units of what the threshold compares; not positive where a neuron fires without input.

        Raises
        ------
        NoSpspError
            If the threshold is not one comparison.
        """
        from hm2bp_brian.brian.rest import distance_at_rest

        return self.once(distance_at_rest, n_neurons, v_th, dt)

    def forget(self) -> None:
        """Forget what was found out about such neurons; whoever changes a copy does so."""
        self._found = {}

    def once(self, find, *layer):
        """What a function finds out about such neurons, with these arguments; it is called once."""
        key = find.__name__, *layer
        if key not in self._found:
            self._found[key] = find(self, *layer)
        return self._found[key]

    def fires_at_start(self, n_neurons: int, v_th: float, dt: float) -> bool:
        """Whether the threshold holds at the start of a presentation (``dt`` in seconds).

        Neurons with random numbers never count as such.
        """
        return not self.is_random and holds_at_start(self, n_neurons, v_th, dt)

    @property
    def is_affine(self) -> bool:
        """Whether update and reset are affine in the state, so that S-PSPs add up; see ``docs/neurons.md``."""
        return self.once(_is_affine)

    @property
    def nu_is_distance(self) -> bool:
        """Whether nu, by which HM2-BP divides, is the distance from rest to the threshold.

        It is, where a spike takes back what inputs have put into the potential and does nothing else, as in LIF. Of
        other neurons each sample has its own nu: see `hm2bp_brian.learning.thresholds`.
        """
        return self.is_affine and self.reset_cuts_the_past

    def jacobian(self) -> Jacobian:
        """Derivatives of what a time step, and a spike, make of the state, as Brian2 computes them.

        What is differentiated is the text that Brian2's state updater generates for the method of integration, and the
        reset; the result is text in Brian2's language as well. HM2-BP needs it for neurons that are not affine.

        Returns
        -------
        Jacobian
            ``print`` shows the statements, and which of them is the derivative of what.

        Raises
        ------
        NoSpspError
            If a function without derivative is taken of the state: ``int(v > 0*mV)``, ``abs(v)``, ``clip(v, ...)``.
        """
        return self.once(jacobian)

    def check_size(self, n_neurons: int):
        """Raise ConfigurationError if a parameter with one value a neuron has another size."""
        for kind, values in (("parameter", self.parameters), ("initial value of", self.initial)):
            for name, value in values.items():
                if np.ndim(value) and np.shape(value) != (n_neurons,):
                    raise ConfigurationError(
                        f"{kind} '{name}' has shape {np.shape(value)}, but the layer has {n_neurons} neurons"
                    )

    def refractory_steps(self, dt: float) -> int:
        """Steps after a spike's own step during which the neuron is refractory (``dt`` in seconds)."""
        # Brian2's own rounding: timestep(t - lastspike, dt) >= timestep(refractory, dt)
        return max(int((self.refractory + 1e-3 * dt) / dt) - 1, 0)

    def brian_group(self, n_neurons: int, v_th=0.0, **settings):
        """Make the Brian2 ``NeuronGroup`` of ``n_neurons`` such neurons with threshold ``v_th`` (SI base units).

        Parameters
        ----------
        n_neurons : int
        v_th : float
        name : str
        dtype : float32 or float64, optional
        codeobj_class : class, optional
            Of Brian2's code objects; numpy's if not given.
        expressions : mapping of str to (str, Dimension), optional
            What can be read as further variables.
        **settings
            Others of ``NeuronGroup``.
        """
        return neuron_group(self, n_neurons, v_th, **settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.equations.strip()!r}, threshold={self.threshold!r}, reset={self.reset!r})"


def _is_affine(neuron: NeuronModel) -> bool:
    return not terms_of_update(neuron, not_affine) and not terms_of_reset(neuron, not_affine)


# names that no parameter can have
ARGUMENTS = tuple(inspect.signature(NeuronModel.__init__).parameters)[:-1]  # all but **parameters


class LIF(NeuronModel):
    """Leaky integrate-and-fire neuron with an exponential synapse, as in the paper.

    .. math::
        du/dt = -u/\\tau_m + I/\\tau_s, \\qquad dI/dt = -I/\\tau_s

    fires when u > v_th, then u = 0 for the refractory time.

    Parameters
    ----------
    tau_m, tau_s : Quantity or Learned
        Membrane and synaptic time constants; they may be equal. Such a neuron is affine unless one is learned.
    refractory : Quantity
        Absolute refractory time; 3 ms at dt = 1 ms leave two whole steps after the spike's own step.
    method : str
        Brian2 integration method; "euler" is what the paper's authors use.

    Raises
    ------
    UnitError
        If a time has no unit or a wrong one.
    ConfigurationError
        If a time constant is not positive.

    Examples
    --------
    >>> from brian2 import ms
    >>> hb.LIF(tau_m=64*ms, tau_s=8*ms, refractory=3*ms).is_affine
    True
    """

    def __init__(self, tau_m, tau_s, refractory=0 * second, method: str = "euler"):
        times, ends = {"tau_m": tau_m, "tau_s": tau_s}, {}
        for name, time in times.items():
            pair = (time.low, time.high) if isinstance(time, Learned) else (time, time)
            ends[name] = [to_float(f"LIF.{name}", end, second.dim) for end in pair]
            if ends[name][0] <= 0:
                raise ConfigurationError(f"LIF.{name} must be positive, found {ends[name][0]} s")
        learned = any(isinstance(time, Learned) for time in times.values())
        meet = max(low for low, _ in ends.values()) <= min(high for _, high in ends.values())
        equal = meet and not learned
        refractory_flag = "(unless refractory)" if to_float("refractory", refractory, second.dim) else ""
        if meet and (learned or refractory_flag) and method in ("exact", "linear"):
            which = "learned tau_m and tau_s that may be equal" if learned else "tau_m = tau_s and a refractory time"
            raise ConfigurationError(
                f"LIF with {which}: Brian2's exact integration divides by their difference there; take method='rk4', "
                f"or time constants that differ by a millionth; found {tau_m!r} and {tau_s!r}"
            )
        # one symbol for one value, for the same reason
        names = {"tau_m": tau_m} if equal else times
        synapse = "tau_s" if "tau_s" in names else "tau_m"
        super().__init__(
            f"""
            du/dt = -u/tau_m + I/{synapse} : 1 {refractory_flag}
            dI/dt = -I/{synapse} : 1
            """,
            refractory=refractory,
            method=method,
            **names,
        )

    @property
    def tau_m(self) -> float | np.ndarray:
        """Membrane time constant in seconds; an array, one a neuron, in a network that has learned it."""
        return self._time("tau_m")

    @property
    def tau_s(self) -> float | np.ndarray:
        """Synaptic time constant in seconds; an array, one a neuron, in a network that has learned it."""
        return self._time("tau_s")

    def _time(self, name: str) -> float | np.ndarray:
        if name in self.learned:
            return self.initial[name]
        return float(self.parameters[name if name in self.parameters else "tau_m"])

    def __repr__(self) -> str:
        ranges = learned_ranges(self)
        tau_m, tau_s = (ranges.get(name, self._time(name) * second) for name in ("tau_m", "tau_s"))
        return f"LIF({tau_m=!r}, {tau_s=!r}, refractory={self.refractory * second!r}, method={self.method!r})"

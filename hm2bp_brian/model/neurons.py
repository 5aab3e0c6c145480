"""Neurons as Brian2 equations with units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from brian2 import Equations, Network, NeuronGroup, second
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.equations.codestrings import Expression
from brian2.equations.equations import BOOLEAN, FLOAT, PARAMETER, SUBEXPRESSION, SingleEquation
from brian2.parsing.statements import parse_statement
from brian2.units.fundamentalunits import DimensionMismatchError, get_dimensions
from brian2.utils.stringtools import get_identifiers

from hm2bp_brian.devices import holding_brian, runtime_device
from hm2bp_brian.errors import ConfigurationError, Hm2bpError, NoSpspError, UnitError
from hm2bp_brian.model.jacobian import Jacobian, jacobian
from hm2bp_brian.model.neuron_arguments import (
    check_names,
    check_parameter,
    checked_initial,
    checked_method,
    code_without_comments,
)
from hm2bp_brian.model.terms import not_affine, terms_of_reset, terms_of_update
from hm2bp_brian.model.threshold import dimension_of_expression, dimension_of_threshold, readout, threshold_distance
from hm2bp_brian.model.units import to_float

RANDOM_FUNCTIONS = {"rand", "randn", "poisson"}
THRESHOLD_ON_VARIABLE = re.compile(r"^\s*(\w+)\s*>=?\s*v_th\s*$")
RESET_TO_CONSTANT = re.compile(r"^\s*(\w+)\s*=\s*([^=].*)$")


class NeuronModel:
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
    initial : mapping of str to Quantity, float or array, optional
        Values of variables at the start of every presentation, one or one a neuron. What is not named starts at rest:
        at the stable fixed point of the equations without input, where they are affine and have just one, else at 0.
    **parameters : Quantity, float or array
        Values of the names in the equations: scalars, or one value a neuron.

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
        **parameters,
    ):
        self.equations = code_without_comments("equations", equations)
        self.threshold = code_without_comments("threshold", threshold)
        self.reset = code_without_comments("reset", reset)
        self.method = checked_method(method)
        self.synaptic_variable = code_without_comments("synaptic_variable", synaptic_variable)
        self.parameters = parameters
        for name, value in parameters.items():
            check_parameter(name, value)
        self.refractory = to_float("refractory", refractory, second.dim)
        if self.refractory < 0:
            raise ConfigurationError(f"refractory must not be negative, found {refractory!r}")
        try:
            self.parsed = Equations(self.equations)  # of Brian2
        except Exception as error:  # Brian2 raises several unrelated classes for malformed equations
            raise ConfigurationError(f"the neuron's equations can't be read: {error}") from error
        check_names(self)
        self.initial = checked_initial(self, initial)
        self.forget()
        self._check_with_brian()

    def _check_with_brian(self):
        # Brian2 itself knows best what is wrong with equations: build a network of such neurons and let it look.
        try:
            with runtime_device():
                group = self.brian_group(self.any_size, name="neuron_check*")
                Network(group).run(0 * second, namespace={})
        except Hm2bpError:
            raise
        except Exception as error:  # Brian2 raises several unrelated classes, the reason being the innermost one
            reason = error
            while reason.__cause__ is not None:
                reason = reason.__cause__
            if isinstance(reason, DimensionMismatchError):
                raise UnitError(f"units in the neuron do not fit: {reason}") from error
            raise ConfigurationError(f"Brian2 refuses the neuron: {str(reason).strip(chr(39))}") from error

    @property
    def any_size(self) -> int:
        """A number of neurons that the parameters allow."""
        values = [*self.parameters.values(), *self.initial.values()]
        return next((len(value) for value in values if np.ndim(value) == 1), 1)

    @property
    def held_variables(self) -> tuple[str, ...]:
        """Names of the variables that stand still in the refractory time."""
        flagged = (name for name in self.state_variables if "unless refractory" in self.parsed[name].flags)
        return tuple(flagged) if self.refractory > 0 else ()

    @property
    def state_variables(self) -> tuple[str, ...]:
        """Names of the differential variables, sorted."""
        return tuple(sorted(self.parsed.diff_eq_names))

    @property
    def changing_variables(self) -> tuple[str, ...]:
        """Names of all variables that a presentation may change: those, and parameters not marked ``(constant)``."""
        parameters = self.parsed.parameter_names
        changing = {p for p in parameters if not {"constant", "shared"} & set(self.parsed[p].flags)}
        return tuple(sorted(self.parsed.diff_eq_names | changing))

    @property
    def evolving_variables(self) -> tuple[str, ...]:
        """Names of the variables that make up the state: the differential ones, and those that the reset sets."""
        return tuple(sorted({*self.state_variables, *(set(self._assigned) & set(self.changing_variables))}))

    @property
    def _assigned(self) -> list[str]:
        """The variables on the left of the reset's statements, in their order."""
        return [parse_statement(line)[0] for line in self.reset_statements]

    @property
    def reset_statements(self) -> list[str]:
        """The statements of the reset."""
        return [line.strip() for line in re.split(r"[;\n]", self.reset) if line.strip()]

    def dimension_of(self, variable: str):
        """Dimension of a variable of the equations."""
        return self.parsed.dimensions[variable]

    def is_real(self, variable: str) -> bool:
        """Whether a variable holds real numbers, not whole numbers or truth values."""
        return self.parsed[variable].var_type == FLOAT

    @property
    def weight_dimension(self):
        """Dimension of weights: that of the synaptic variable."""
        return self.dimension_of(self.synaptic_variable)

    @property
    def blocks_synapses_when_refractory(self) -> bool:
        """Whether the synaptic variable is marked ``(unless refractory)``, so that spikes are lost meanwhile."""
        return self.synaptic_variable in self.held_variables

    @cached_property
    def threshold_dimension(self):
        """Dimension of ``v_th``: the one with which the units in the threshold fit."""
        return dimension_of_threshold(self.threshold, self.parsed.dimensions, self.parameters)

    @property
    def is_random(self) -> bool:
        """Whether there is noise (``xi``) or a random number in the equations, the threshold or the reset."""
        names = get_identifiers("\n".join([self.equations, self.threshold, self.reset]))
        return self.parsed.is_stochastic or bool(names & RANDOM_FUNCTIONS)

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

        return self._once(start_values, n_neurons, v_th, dt)

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

        return self._once(distance_at_rest, n_neurons, v_th, dt)

    def forget(self) -> None:
        """Forget what was found out about such neurons; whoever changes a copy does so."""
        self._found = {}

    def _once(self, find, *layer):
        key = find.__name__, *layer
        if key not in self._found:
            self._found[key] = find(self, *layer)
        return self._found[key]

    @runtime_device()
    def fires_at_start(self, n_neurons: int, v_th: float, dt: float) -> bool:
        """Whether the threshold holds at the start of a presentation (``dt`` in seconds).

        Neurons with random numbers never count as such.
        """
        if self.is_random:
            return False
        group = self.brian_group(n_neurons, v_th, name="start_check*", dt=dt * second)
        group._network = "start_check"  # it will never run: keeps Brian2 from warning that it was forgotten
        for name, values in self.start_values(n_neurons, v_th, dt).items():
            group.variables[name].set_value(values)
        thresholder = group.thresholder["spike"]
        thresholder.before_run({})
        thresholder.run()
        return bool(group.variables["_spikespace"].get_value()[-1])

    @property
    def membrane_variable(self) -> str:
        """The variable that the threshold compares with ``v_th``.

        Raises
        ------
        NoSpspError
            If the neuron does not fire when one variable alone crosses ``v_th``.
        """
        crossing = THRESHOLD_ON_VARIABLE.match(self.threshold)
        if crossing is None or crossing.group(1) not in self.state_variables:
            raise NoSpspError(
                f"the threshold must be 'VARIABLE > v_th' for one differential variable, found '{self.threshold}'"
            )
        return crossing.group(1)

    @property
    def reset_cuts_the_past(self) -> bool:
        """Whether all that a spike does is to set the variable that has crossed ``v_th`` to a fixed value, as in LIF.

        That variable is none to which spikes add.
        """
        crossing, reset = THRESHOLD_ON_VARIABLE.match(self.threshold), RESET_TO_CONSTANT.match(self.reset.strip())
        if crossing is None or reset is None or len(self.reset_statements) > 1:
            return False
        fixed = not get_identifiers(reset.group(2)) & set(self.parsed)
        return (
            fixed
            and reset.group(1) == crossing.group(1) != self.synaptic_variable
            and crossing.group(1) in self.state_variables
        )

    @property
    def distance_to_threshold(self) -> str:
        """The expression that is positive where the threshold holds; NoSpspError if that is not one comparison."""
        return threshold_distance(self.threshold)

    @property
    def distance_dimension(self):
        """Dimension of ``distance_to_threshold``."""
        dimensions = {**self.parsed.dimensions, "v_th": self.threshold_dimension}
        return dimension_of_expression(self.distance_to_threshold, dimensions, self.parameters)

    def readout(self) -> dict[str, str]:
        """Coefficients of the state's variables in the distance to the threshold, as expressions.

        Raises
        ------
        NoSpspError
            If the threshold is not linear in the state.
        """
        return readout(self.threshold, self.parsed, self.evolving_variables)

    @property
    def is_affine(self) -> bool:
        """Whether update and reset are affine in the state, so that S-PSPs add up; see ``docs/neurons.md``."""
        return self._once(_is_affine)

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

        Examples
        --------
        >>> from brian2 import ms
        >>> qif = NeuronModel("du/dt = (u**2 + I)/tau : 1\\ndI/dt = -I/tau : 1", method="euler", tau=5*ms)
        >>> print(qif.jacobian().update)
        _d__I_d_I = -dt/tau + 1
        _I = -I*dt/tau + I
        _d__u_d_I = dt/tau
        _d__u_d_u = 2*dt*u/tau + 1
        _u = dt*(I + u**2)/tau + u
        _d_I_d_I = _d__I_d_I
        I = _I
        _d_u_d_I = _d__u_d_I
        _d_u_d_u = _d__u_d_u
        u = _u
        dI/dI = _d_I_d_I
        du/dI = _d_u_d_I
        du/du = _d_u_d_u
        """
        return self._once(jacobian)

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

    def brian_group(
        self,
        n_neurons: int,
        v_th=0.0,
        *,
        name: str,
        dtype=np.float64,
        codeobj_class=NumpyCodeObject,
        expressions: Mapping[str, tuple] | None = None,
        **kwds,
    ):
        """Make the Brian2 ``NeuronGroup`` of ``n_neurons`` such neurons with threshold ``v_th`` (SI base units).

        ``expressions``, of name to (text, dimension), can be read as further variables.
        """
        self.check_size(n_neurons)
        arrays = {k: v for k, v in self.parameters.items() if np.ndim(v)}
        scalars = {k: v for k, v in self.parameters.items() if not np.ndim(v)}
        dimensions = {k: get_dimensions(v) for k, v in arrays.items()} | {"v_th": self.threshold_dimension}
        extra = [
            SingleEquation(
                PARAMETER,
                k,
                dimensions=d,
                var_type=BOOLEAN if k in arrays and np.asarray(arrays[k]).dtype == bool else FLOAT,
                flags=["constant"],
            )
            for k, d in dimensions.items()
        ]
        extra += [
            SingleEquation(SUBEXPRESSION, k, dimensions=d, var_type=FLOAT, expr=Expression(text))
            for k, (text, d) in (expressions or {}).items()
        ]
        group = NeuronGroup(
            n_neurons,
            self.parsed + Equations(extra),
            threshold=self.threshold,
            reset=self.reset,
            method=self.method,
            namespace=scalars,
            name=name,
            dtype=dtype,
            codeobj_class=codeobj_class,
            refractory=self.refractory * second if self.refractory else False,
            **kwds,
        )
        group.variables["v_th"].set_value(v_th)
        for k, v in arrays.items():
            group.variables[k].set_value(np.asarray(v))
        return group

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.equations.strip()!r}, threshold={self.threshold!r}, reset={self.reset!r})"


def _is_affine(neuron: NeuronModel) -> bool:
    return not terms_of_update(neuron, not_affine) and not terms_of_reset(neuron, not_affine)


class LIF(NeuronModel):
    """Leaky integrate-and-fire neuron with an exponential synapse, as in the paper.

    .. math::
        du/dt = -u/\\tau_m + I/\\tau_s, \\qquad dI/dt = -I/\\tau_s

    fires when u > v_th, then u = 0 for the refractory time.

    Parameters
    ----------
    tau_m, tau_s : Quantity
        Membrane and synaptic time constants; they may be equal.
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
        self.tau_m = to_float("LIF.tau_m", tau_m, second.dim)
        self.tau_s = to_float("LIF.tau_s", tau_s, second.dim)
        for name, value in (("tau_m", self.tau_m), ("tau_s", self.tau_s)):
            if value <= 0:
                raise ConfigurationError(f"LIF.{name} must be positive, found {value} s")
        equal = self.tau_m == self.tau_s
        refractory_flag = "(unless refractory)" if to_float("refractory", refractory, second.dim) else ""
        if equal and refractory_flag and method in ("exact", "linear"):
            raise ConfigurationError(
                "LIF with tau_m = tau_s and a refractory time: Brian2's exact integration divides by their difference "
                "there; take method='rk4', or time constants that differ by a millionth"
            )
        # one symbol for one value, for the same reason
        names = {"tau_m": tau_m} if equal else {"tau_m": tau_m, "tau_s": tau_s}
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

    def __repr__(self) -> str:
        return (
            f"LIF(tau_m={self.tau_m * second!r}, tau_s={self.tau_s * second!r}, "
            f"refractory={self.refractory * second!r}, method={self.method!r})"
        )

"""What a neuron does with simple inputs."""

from __future__ import annotations

import numpy as np
from brian2 import ms

from hm2bp_brian.brian.neuron_response import RAMP, STEP, NeuronResponse, neuron_response
from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.model.neurons import NeuronModel
from hm2bp_brian.plotting.axes import COLOURS, best_unit, label_axes


def neuron(model: NeuronModel, threshold, largest_input=None, *, dt=0.5 * ms, duration=300 * ms, axes=None):
    """Draw a neuron's responses to a step and to a ramp, its S-PSP kernel, and its f-I curve.

    The kernel is what one input spike adds to the potential, per unit of weight: the S-PSP of an affine neuron that
    fires once, at that time after the input spike.

    Parameters
    ----------
    model : NeuronModel
        With one value of each parameter.
    threshold : Quantity or number
        ``v_th``.
    largest_input : Quantity or number, optional
        Where the ramp and the f-I curve end: a weight that is added in each time step. By default three times what an
        affine neuron needs to fire.
    dt, duration : Quantity
    axes : four matplotlib Axes, optional

    Returns
    -------
    list of Line2D
        The potentials with step and with ramp, the kernel, the f-I curve.

    Raises
    ------
    ConfigurationError
        If a value is out of range, or ``largest_input`` is needed, as it is for neurons that are not affine.
    UnitError
        If a unit does not fit.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> artists = hb.plotting.neuron(hb.neurons.ALIF(), threshold=-50*mV, dt=1*ms, duration=100*ms)
    """
    response = neuron_response(model, threshold, largest_input, dt=dt, duration=duration)
    if axes is None:
        import matplotlib.pyplot as plt  # chooses a backend, which who draws to files does not need

        axes = plt.subplots(1, 4, figsize=(13.0, 2.8), layout="constrained")[1]
    axes = np.ravel(axes)
    if len(axes) != 4:
        raise ConfigurationError(f"axes must be four, found {len(axes)}")
    lines = [_potential(response, which, ax) for which, ax in zip((STEP, RAMP), axes, strict=False)]
    for ax, name in zip(axes, ("step", "ramp"), strict=False):
        ax.set_title(name, fontsize=10)
    size, unit = best_unit(response.kernel, response.potential_dimension / response.input_dimension)
    lines += axes[2].plot(_times(response), response.kernel / size, color=COLOURS[0], linewidth=1.0)
    axes[2].axhline(0, color="0.7", linewidth=0.8, zorder=0)
    label_axes(axes[2], "time after an input spike (ms)", f"kernel ({unit})")
    size, unit = best_unit(response.drives, response.input_dimension)
    lines += axes[3].plot(response.drives / size, response.rates, ".-", color=COLOURS[0], linewidth=1.0)
    label_axes(axes[3], f"input in each step ({unit})", "firing rate (Hz)")
    return lines


def _potential(response: NeuronResponse, which: int, ax):
    """Draw a potential, its spikes and the threshold."""
    size, unit = best_unit(response.potentials[:, 0], response.potential_dimension)
    times, potential, spikes = _times(response), response.potentials[which] / size, response.spikes[which]
    line = ax.plot(times, potential, color=COLOURS[0], linewidth=1.0)[0]
    ax.plot(times[spikes], potential[spikes], "v", color=COLOURS[0], markersize=4)
    if response.threshold is not None:
        ax.axhline(response.threshold / size, color="0.3", linestyle="--", linewidth=0.8)
    label_axes(ax, "time (ms)", f"{response.variable} ({unit})")
    return line


def _times(response: NeuronResponse) -> np.ndarray:
    return 1e3 * response.dt * np.arange(response.potentials.shape[1])
